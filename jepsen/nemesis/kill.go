//go:build linux

package nemesis

import (
	"context"
	"sync"
	"syscall"
	"time"

	"github.com/limitd/limitd/jepsen/nodes"
)

// kills end processes with SIGKILL, or by turns with SIGTERM, and start them.
func kills() []Nemesis {
	kind := func(name, what string, w who) Nemesis {
		return Nemesis{Name: name, Group: "kill", What: what, Lacks: nothing, Start: func(_ context.Context, s *Stage) (*Fault, error) { return s.killed(w) }}
	}
	return []Nemesis{
		kind("kill-leader", "SIGKILL of the leader", leader),
		kind("kill-follower", "SIGKILL of a follower", follower),
		kind("kill-majority", "SIGKILL of a majority, with the leader in it", majority),
		kind("kill-all", "SIGKILL of all nodes at once", everyone),
		{Name: "rolling-restart", Group: "kill", What: "SIGTERM and start of each node in turn", Lacks: nothing, Start: rolling},
	}
}

func (s *Stage) killed(w who) (*Fault, error) {
	list, err := s.take(w)
	if err != nil {
		return nil, err
	}
	var all sync.WaitGroup
	for _, n := range list {
		all.Go(func() { s.Cluster.Kill(n) })
	}
	all.Wait()
	return &Fault{
		On: names(list), Hold: s.between(300*time.Millisecond, 4*time.Second),
		Mend: func(ctx context.Context) error { return s.bringBack(ctx, list) },
	}, nil
}

// bringBack starts nodes that were ended, waits until they are ready, and gives
// them back.
func (s *Stage) bringBack(ctx context.Context, list []*nodes.Node) error {
	defer s.give(list)
	return s.revive(ctx, list)
}

func (s *Stage) revive(ctx context.Context, list []*nodes.Node) error {
	if err := s.restart(list); err != nil {
		return err
	}
	for _, n := range list {
		_ = s.settle(ctx, n, readyTime) // Heal insists on it, at the end
	}
	return nil
}

// readyTime is how long faults wait for a node that was started.
const readyTime = 8 * time.Second

// rolling ends and starts one node after the other.
func rolling(ctx context.Context, s *Stage) (*Fault, error) {
	list, err := s.take(everyone)
	if err != nil {
		return nil, err
	}
	return &Fault{On: names(list), Mend: func(ctx context.Context) error {
		defer s.give(list)
		return s.roll(ctx, list, func(*nodes.Node) {})
	}}, nil
}

// roll stops and starts one node after the other, and does something to each
// while it is stopped.
func (s *Stage) roll(ctx context.Context, list []*nodes.Node, stopped func(*nodes.Node)) error {
	for _, n := range list {
		if err := s.Cluster.Stop(n); err != nil {
			return err
		}
		stopped(n)
		if err := s.revive(ctx, []*nodes.Node{n}); err != nil {
			return err
		}
	}
	return nil
}

// pauses stop processes with SIGSTOP.
func pauses() []Nemesis {
	kind := func(name, what string, w who, least, most time.Duration) Nemesis {
		return Nemesis{Name: name, Group: "pause", What: what, Lacks: nothing, Start: func(_ context.Context, s *Stage) (*Fault, error) {
			return s.paused(w, s.between(least, most))
		}}
	}
	return []Nemesis{
		kind("pause-leader", "SIGSTOP of the leader, around an election's time", leader, 100*time.Millisecond, 1500*time.Millisecond),
		kind("pause-follower", "SIGSTOP of a follower", follower, 100*time.Millisecond, 3*time.Second),
		kind("pause-long", "SIGSTOP of the leader, longer than the leases", leader, 5*time.Second, 9*time.Second),
		kind("pause-all", "SIGSTOP of all nodes", everyone, 200*time.Millisecond, 5*time.Second),
	}
}

func (s *Stage) paused(w who, d time.Duration) (*Fault, error) {
	list, err := s.take(w)
	if err != nil {
		return nil, err
	}
	for _, n := range list {
		if err := s.Cluster.Signal(n, syscall.SIGSTOP); err != nil {
			return nil, s.unpause(list, err)
		}
	}
	return &Fault{On: names(list), Hold: d, Mend: func(context.Context) error { return s.unpause(list, nil) }}, nil
}

func (s *Stage) unpause(list []*nodes.Node, err error) error {
	defer s.give(list)
	for _, n := range list {
		if e := s.Cluster.Signal(n, syscall.SIGCONT); err == nil {
			err = e
		}
	}
	return err
}
