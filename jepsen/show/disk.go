//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/limitd/limitd/jepsen/nemesis"
	"github.com/limitd/limitd/jepsen/nodes"
	"github.com/limitd/limitd/transport/wire"
)

// failStop is the exit code of a node that stops because of its disk.
const failStop = 75

// private gives this program a mount namespace of its own, where it may have one.
func private() (code int, ran bool) { return nemesis.Private() }

// dressDisk gives n3 a small disk of its own, where mounts are allowed, and has it
// take raft's snapshots often.
func dressDisk(s *stage, cfg *nodes.Config) error {
	cfg.Each = func(name string) string {
		if name != "n3" {
			return ""
		}
		return "raft {\n  snapshot_threshold = 64\n  snapshot_interval  = \"200ms\"\n}\n"
	}
	v, err := newVolume(filepath.Join(s.dir, "n3"))
	if err != nil {
		fmt.Printf("   without a disk of its own for n3: %v\n", err)
		return nil
	}
	s.volume = v
	return nil
}

// disks has one of three nodes suffer all that a disk can do, while callers are
// at work at the other two. Each time the node says what and where and ends with
// its own code, no call of the others fails, and it is back when the disk is.
func disks(ctx context.Context, s *stage) error {
	if s.volume != nil {
		defer func() { _ = s.volume.unmount() }()
	}
	c := s.cluster
	if err := putLimit(ctx, c.Nodes()[0], "probe", wire.LimitRequest{Slots: 1000}); err != nil {
		return err
	}
	w := &ward{stage: s, patient: c.Nodes()[2], others: c.Nodes()[:2], calls: newLoad(ctx)}
	for _, n := range w.others {
		w.calls.at(n)
	}
	err := w.all(ctx)
	if failed := w.calls.end(); err == nil {
		err = failed
	}
	if err != nil {
		return err
	}
	return atRest(ctx, c, "probe")
}

// ward is where the node is that suffers, and the two that go on.
type ward struct {
	*stage
	patient *nodes.Node
	others  []*nodes.Node
	calls   *load
}

func (w *ward) all(ctx context.Context) error {
	var steps []func(context.Context) error
	if w.volume != nil {
		steps = append(steps, w.nearlyFull, w.full, w.readOnly)
	}
	if why := nemesis.LacksStrace(); why != "" {
		fmt.Printf("   without failing and hanging writes: %s\n", why)
	} else {
		steps = append(steps, w.failing)
	}
	steps = append(steps, w.damagedSnapshot, w.damagedLog)
	for _, step := range steps {
		before := w.calls.calls.Load()
		if err := step(ctx); err != nil {
			return err
		}
		if w.calls.calls.Load() == before {
			return errors.New("the other nodes answered no call meanwhile")
		}
	}
	return nil
}

// mark returns how long the patient's log is now.
func (w *ward) mark() int {
	b, _ := os.ReadFile(w.patient.Log()) // none: it has said nothing
	return len(b)
}

// since returns the line of the patient's log behind a mark that has all texts; "": none.
func (w *ward) since(mark int, texts ...string) string {
	b, _ := os.ReadFile(w.patient.Log())
	for line := range strings.Lines(string(b[min(mark, len(b)):])) {
		if !slices.ContainsFunc(texts, func(t string) bool { return !strings.Contains(line, t) }) {
			return strings.TrimSpace(line)
		}
	}
	return ""
}

// ends waits until the patient has stopped by itself, and checks that it has done
// so as it should, and said why in one line that has all texts.
func (w *ward) ends(ctx context.Context, what string, mark int, texts ...string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := w.patient.WaitEnd(ctx); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	end, _ := w.patient.Ended()
	line := w.since(mark, append(texts, "Error: ")...)
	if end.Code != failStop || line == "" {
		return fmt.Errorf("%s: it ended with code %d, and no line of its log says %q", what, end.Code, texts)
	}
	fmt.Printf("   %s: code %d\n   | %s\n", what, end.Code, line)
	return nil
}

// back starts the patient again and waits until it is ready.
func (w *ward) back(ctx context.Context) error {
	if err := w.cluster.Restart(w.patient); err != nil {
		return err
	}
	return joined(ctx, w.patient)
}

// nearlyFull: the node tells before its disk is full, and goes on.
func (w *ward) nearlyFull(ctx context.Context) error {
	mark := w.mark()
	if err := w.volume.fill(100 << 20); err != nil {
		return err
	}
	err := soon(ctx, func() error {
		if w.since(mark, "the disk is nearly full", "free_bytes=") == "" {
			return errors.New("the node does not say that its disk is nearly full")
		}
		return nil
	})
	if err != nil {
		return err
	}
	ready, err := w.patient.Call(ctx, http.MethodGet, "/readyz", nil)
	if err != nil || ready.Status != http.StatusServiceUnavailable || !strings.Contains(string(ready.Body), "nearly full") {
		return fmt.Errorf("a node on a nearly full disk says of its readiness: %d %s %w", ready.Status, ready.Body, err)
	}
	metrics, err := w.patient.Must(ctx, http.MethodGet, "/metrics", nil, nil)
	if err != nil || !strings.Contains(string(metrics.Body), "\nlimitd_disk_low 1\n") {
		return fmt.Errorf("limitd_disk_low is not 1 on a nearly full disk (%w)", err)
	}
	fmt.Printf("   nearly full: it goes on, and says\n   | %s\n", strings.TrimSpace(string(ready.Body)))
	return nil
}

// full: the disk takes no more. On the reserve that it kept the node starts again,
// and is ready once there is space.
func (w *ward) full(ctx context.Context) error {
	mark := w.mark()
	if err := w.volume.fill(0); err != nil {
		return err
	}
	if err := w.ends(ctx, "full", mark, "data directory", "no space left on device"); err != nil {
		return err
	}
	if err := w.volume.free(); err != nil {
		return err
	}
	return w.back(ctx)
}

// readOnly: the disk takes nothing, at the start and while the node runs.
func (w *ward) readOnly(ctx context.Context) error {
	if err := w.cluster.Stop(w.patient); err != nil {
		return err
	}
	mark := w.mark()
	if err := w.volume.readOnly(true); err != nil {
		return err
	}
	if err := w.cluster.Restart(w.patient); err != nil {
		return err
	}
	if err := w.ends(ctx, "read-only at the start", mark, "read-only file system"); err != nil {
		return err
	}
	if err := w.volume.readOnly(false); err != nil {
		return err
	}
	return w.back(ctx)
}

// failing: writes of the node fail, or hang, while it runs; of the leader, too.
func (w *ward) failing(ctx context.Context) error {
	const writes = "pwrite64,"
	steps := []struct{ what, calls, inject, says string }{
		{"read-only while it runs", writes + nemesis.Syncs, "error=EROFS", "read-only file system"},
		{"fsync fails, of the leader", nemesis.Syncs, "error=EIO", "input/output error"},
		{"fsync hangs", nemesis.Syncs, "delay_enter=8000000", "hangs"},
	}
	if !w.whole() {
		steps = steps[1:2]
	}
	for _, step := range steps {
		if strings.Contains(step.what, "leader") {
			if err := w.lead(ctx); err != nil {
				return err
			}
		}
		mark := w.mark()
		t, err := nemesis.Trace(ctx, w.patient, step.calls, step.inject)
		if err != nil {
			fmt.Printf("   without %q: %v\n", step.what, err)
			return nil
		}
		err = w.ends(ctx, step.what, mark, "data directory", step.says)
		t.Stop()
		if err != nil {
			return err
		}
		if err := w.back(ctx); err != nil {
			return err
		}
	}
	return nil
}

// lead has the patient lead.
func (w *ward) lead(ctx context.Context) error {
	return soon(ctx, func() error {
		_, err := w.others[0].Must(ctx, http.MethodPost, "/v1/cluster/transfer", wire.TransferRequest{To: w.patient.Name}, nil)
		return err
	})
}
