//go:build linux

package nemesis

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/limitd/limitd/jepsen/nodes"
	"golang.org/x/sys/unix"
)

// DiskGroup is the group of faults of disks. Some need the data directories to
// be file systems of their own: see Stage.Disks.
const DiskGroup = "disk"

// failStop is the exit code of a node that stops because of its disk.
const failStop = 75

// disks make data directories fail.
func disks() []Nemesis {
	kind := func(name, what string, lacks func(*Stage) string, start func(context.Context, *Stage) (*Fault, error)) Nemesis {
		return Nemesis{Name: name, Group: DiskGroup, What: what, Lacks: lacks, Start: start}
	}
	list := []Nemesis{
		kind("disk-full", "no space is left for a node's data", nothing, fillDisk),
		kind("fsync-fails", "fdatasync and fsync of a node fail with EIO", noStrace, failSync),
		kind("fsync-hangs", "fdatasync and fsync of a node take 8 s", noStrace, hangSync),
		kind("fsync-slow", "fdatasync and fsync of a node take a fraction of a second", noStrace, slowSync),
		kind("power-loss", "power fails on one node: what it had not synced is lost", noDisks, func(_ context.Context, s *Stage) (*Fault, error) { return s.powerLoss(anyone) }),
		kind("power-loss-all", "power fails on all nodes at once", noDisks, func(_ context.Context, s *Stage) (*Fault, error) { return s.powerLoss(everyone) }),
	}
	return append(list, damages()...)
}

func noStrace(*Stage) string { return LacksStrace() }

// LacksStrace says why there is no Tracer; "": there is.
func LacksStrace() string {
	if _, err := exec.LookPath("strace"); err != nil {
		return "strace is missing: " + err.Error()
	}
	return ""
}

func noDisks(s *Stage) string {
	if s.Disks == nil {
		return "the data directories are plain folders: " + s.NoDisks
	}
	return ""
}

// fillDisk fills a node's disk, or bounds what files its process may grow to.
func fillDisk(_ context.Context, s *Stage) (*Fault, error) {
	began := time.Now()
	list, err := s.take(anyone)
	if err != nil {
		return nil, err
	}
	f := &Fault{On: names(list), Hold: s.between(2*time.Second, 6*time.Second)}
	n, free := list[0], func() error { return nil }
	if s.Disks != nil {
		d := s.Disks[s.index(n)-1]
		err, free = d.fill(), d.free
	} else {
		f.What = "its files may not grow (RLIMIT_FSIZE)"
		err = boundFiles(n)
		free = func() error { return unboundFiles(n) }
	}
	if err != nil {
		s.give(list)
		return nil, err
	}
	f.Mend = func(ctx context.Context) error {
		err := free()
		s.mayEnd(n, began)
		return errors.Join(err, s.stoppedWell(n), s.bringBack(ctx, list))
	}
	return f, nil
}

// stoppedWell returns an error where a node has ended otherwise than by
// fail-stop.
func (s *Stage) stoppedWell(n *nodes.Node) error {
	if end, dead := n.Ended(); dead && end.Code != failStop {
		return fmt.Errorf("%s ended with code %d, not %d", n.Name, end.Code, failStop)
	}
	return nil
}

// boundFiles lets the node's files grow no further than the log is now.
func boundFiles(n *nodes.Node) error {
	most := uint64(0)
	for _, f := range files(n.Dir()) {
		if info, err := os.Stat(f); err == nil && len(f) > 3 && f[len(f)-3:] == ".db" {
			most = max(most, uint64(info.Size()))
		}
	}
	return unix.Prlimit(n.PID(), unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: most, Max: unix.RLIM_INFINITY}, nil)
}

func unboundFiles(n *nodes.Node) error {
	if pid := n.PID(); pid > 0 {
		return unix.Prlimit(pid, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}, nil)
	}
	return nil
}

// failSync lets syncs fail. A node has to stop at the first that does.
func failSync(ctx context.Context, s *Stage) (*Fault, error) {
	return s.traced(ctx, "error=EIO", 4*time.Second, true)
}

// hangSync lets syncs hang for longer than a node may wait: it has to stop.
func hangSync(ctx context.Context, s *Stage) (*Fault, error) {
	return s.traced(ctx, "delay_enter=8000000", 12*time.Second, true)
}

func slowSync(ctx context.Context, s *Stage) (*Fault, error) {
	delay := s.between(20*time.Millisecond, 400*time.Millisecond)
	return s.traced(ctx, fmt.Sprintf("delay_enter=%d", delay.Microseconds()), s.between(2*time.Second, 6*time.Second), false)
}

// traced injects into a node's syncs for a while, or until the node ends.
// fatal: it has to end where a call was struck.
func (s *Stage) traced(ctx context.Context, inject string, hold time.Duration, fatal bool) (*Fault, error) {
	list, err := s.take(anyone)
	if err != nil {
		return nil, err
	}
	n, began := list[0], time.Now()
	t, err := Trace(ctx, n, Syncs, inject)
	if err != nil {
		return nil, errors.Join(err, s.bringBack(ctx, list))
	}
	return &Fault{On: n.Name, What: Syncs + ":" + inject, Mend: func(mending context.Context) error {
		lasting, cancel := context.WithTimeout(ctx, hold)
		defer cancel()
		_ = n.WaitEnd(lasting)
		cut := ctx.Err() != nil
		struck := t.Stop()
		s.mayEnd(n, began)
		if fatal && struck > 0 {
			late, cancel := context.WithTimeout(mending, lateEnd)
			defer cancel()
			_ = n.WaitEnd(late) // of what was struck last
		}
		err := s.stoppedWell(n)
		if fatal && n.Running() && !cut && struck > 0 {
			err = fmt.Errorf("%s goes on %s after a sync of it failed or hung (%d did)", n.Name, hold, struck)
		}
		return errors.Join(err, s.bringBack(mending, list))
	}}, nil
}

// powerLoss cuts nodes off their disks at one moment and ends them.
func (s *Stage) powerLoss(w who) (*Fault, error) {
	list, err := s.take(w)
	if err != nil {
		return nil, err
	}
	for _, n := range list {
		if err := s.Disks[s.index(n)-1].fail(); err != nil {
			return nil, errors.Join(err, s.unplugged(list))
		}
	}
	for _, n := range list {
		s.Cluster.Kill(n)
	}
	return &Fault{On: names(list), Hold: s.between(200*time.Millisecond, 3*time.Second), Mend: func(ctx context.Context) error {
		if err := s.plugIn(list); err != nil {
			return err
		}
		return s.bringBack(ctx, list)
	}}, nil
}

// unplugged puts right what powerLoss broke off: some disks are shut down, under
// nodes that run.
func (s *Stage) unplugged(list []*nodes.Node) error {
	for _, n := range list {
		s.Cluster.Kill(n)
	}
	ctx, cancel := context.WithTimeout(context.Background(), MendTime)
	defer cancel()
	return errors.Join(s.plugIn(list), s.bringBack(ctx, list))
}

func (s *Stage) plugIn(list []*nodes.Node) (err error) {
	for _, n := range list {
		if n.Running() {
			continue
		}
		err = errors.Join(err, s.Disks[s.index(n)-1].replug())
	}
	return err
}
