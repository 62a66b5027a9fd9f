//go:build linux

// Package nemesis holds the faults that a run of real processes suffers: what
// is done to nodes, links, clocks and disks, and how it is mended.
//
//	list, err := nemesis.Named("kill,pause")
//	err = nemesis.Reign(ctx, stage, list, 1) // one fault after the other, until ctx ends
//
// Each fault is recorded with when it began and ended. One that could not be
// injected is recorded with the reason: nothing is skipped silently. All chance
// comes from the run's seed; what a machine makes of it is its own.
//
// Several faults may go on at once. The stage lets each node be down by one of
// them, and gives those that would lose data together with others (a damaged
// disk is one voter less that remembers) to strike alone.
package nemesis

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/limitd/limitd/jepsen/history"
)

// Nemesis is a kind of fault.
type Nemesis struct {
	Name  string // as history.Fault.Kind
	Group string // that it is asked for with
	What  string // in a sentence
	// Alone: nothing else may be wrong meanwhile.
	Alone bool
	// Lacks says why it cannot happen here; "": it can.
	Lacks func(*Stage) string
	// Start injects it. ErrBusy: not now.
	Start func(context.Context, *Stage) (*Fault, error)
}

// Fault is one that goes on.
type Fault struct {
	On, What string        // as in history.Fault; Mend may add to What
	Hold     time.Duration // how long it is to last; 0: it was an instant
	Mend     func(context.Context) error
}

// ErrBusy says that the nodes which a fault would strike are down by another.
var ErrBusy = errors.New("nemesis: the nodes are busy with another fault")

// All returns all kinds of faults.
func All() []Nemesis {
	return slices.Concat(kills(), pauses(), partitions(), slows(), clocks(), disks(), memberships(), restores(), trusts(), tokens(), upgrades())
}

// Groups returns the names of the groups, in the order of All.
func Groups() (names []string) {
	for _, n := range All() {
		if !slices.Contains(names, n.Group) {
			names = append(names, n.Group)
		}
	}
	return names
}

// mixed is the name for all groups but restore, which takes back what callers
// were told, upgrade, which leaves other processes behind, and those that strike
// what a run may be without.
const mixed = "mixed"

// byName tells whether a group is asked for by its name alone.
func byName(group string) bool {
	return group == restoreGroup || group == TrustGroup || group == TokenGroup || group == upgradeGroup
}

// Named returns the kinds of faults that a list of names or groups stands for,
// divided by commas: "mixed" is all but restore, trust, tokens and upgrade, "none" is none.
func Named(names string) (list []Nemesis, err error) {
	for name := range strings.SplitSeq(names, ",") {
		before := len(list)
		for _, n := range All() {
			if n.Name == name || n.Group == name || name == mixed && !byName(n.Group) {
				list = append(list, n)
			}
		}
		if len(list) == before && name != "none" {
			return nil, fmt.Errorf("no nemesis %q: there are %s, mixed, none, and the kinds in them", name, strings.Join(Groups(), ", "))
		}
	}
	return list, nil
}

// MendTime is how long a mend may take.
const MendTime = 60 * time.Second

// Reign injects faults of the list until ctx ends, up to atOnce at a time. It
// returns when the last is mended.
func Reign(ctx context.Context, s *Stage, list []Nemesis, atOnce int) error {
	a := newAgenda(list, s.Struck, s.shuffle)
	errs := make([]error, max(1, atOnce))
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() {
			for turn := 1; s.calm(ctx) && len(list) > 0; turn++ {
				if i == 0 && atOnce > 1 && turn%breatheEvery == 0 {
					s.breathe(ctx)
				}
				errs[i] = errors.Join(errs[i], s.strike(ctx, a.next()))
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// breatheEvery is after how many faults of several at once all is well for a
// while: without it nobody would see what the cluster does when it recovers.
const breatheEvery = 3

// breathe waits until nothing is wrong, and keeps it so.
func (s *Stage) breathe(ctx context.Context) {
	defer s.enter(true)()
	sleep(ctx, s.between(2*s.Calm, 4*s.Calm))
}

// strike injects one fault, lets it last, mends and records it.
func (s *Stage) strike(ctx context.Context, n Nemesis) error {
	leave := s.enter(n.Alone)
	defer leave()
	if ctx.Err() != nil {
		return nil
	}
	f := history.Fault{Kind: n.Name, Group: n.Group, What: n.What, From: s.Record.Now()}
	var fault *Fault
	why, err := n.Lacks(s), error(nil)
	if why == "" {
		fault, err = s.inject(ctx, n, &f)
	}
	switch {
	case why != "":
		f.Error = why
	case errors.Is(err, ErrBusy) || ctx.Err() != nil && err != nil:
		return nil
	case err != nil:
		f.Error = err.Error()
	}
	if f.Error != "" {
		s.Record.Fault(f)
		return nil
	}
	return s.last(ctx, f, fault)
}

// busyTime is how long a fault waits for nodes that others have: those that
// strike all nodes would hardly ever come else.
const busyTime = 10 * time.Second

// inject starts a fault as soon as the nodes that it is after are free, and
// notes in f when that was.
func (s *Stage) inject(ctx context.Context, n Nemesis, f *history.Fault) (fault *Fault, err error) {
	for until := s.Record.Now() + busyTime; ; {
		f.From = s.Record.Now()
		fault, err = n.Start(ctx, s)
		if !errors.Is(err, ErrBusy) || f.From > until || !sleep(ctx, 100*time.Millisecond) {
			return fault, err
		}
	}
}

// last lets a fault last, and mends it however ctx ends.
func (s *Stage) last(ctx context.Context, f history.Fault, fault *Fault) error {
	f.On = fault.On
	var err error
	if fault.Hold > 0 {
		sleep(ctx, fault.Hold)
	}
	if fault.Mend != nil {
		mending, cancel := context.WithTimeout(context.WithoutCancel(ctx), MendTime)
		defer cancel()
		err = fault.Mend(mending)
	}
	if fault.What != "" {
		f.What = fault.What
	}
	if fault.Hold > 0 || fault.Mend != nil {
		f.To = s.Record.Now()
	}
	s.Record.Fault(f)
	if err != nil {
		return fmt.Errorf("after %s on %s: %w", f.Kind, f.On, err)
	}
	return nil
}

// nothing is for faults that any machine can suffer.
func nothing(*Stage) string { return "" }

// sleep sleeps for d or until ctx ends; false: it ended.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
