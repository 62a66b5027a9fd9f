//go:build linux

package nemesis

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/limitd/limitd/jepsen/nodes"
)

// ClockGroup is the group of faults of the wall clock, which need a build of
// make faultclock.
const ClockGroup = "clock"

// clocks step the wall clocks of nodes.
func clocks() []Nemesis {
	kind := func(name, what string, start func(context.Context, *Stage) (*Fault, error)) Nemesis {
		return Nemesis{Name: name, Group: ClockGroup, What: what, Lacks: steady, Start: start}
	}
	return []Nemesis{
		kind("clock-step", "the wall clock of a node, the leader more often, an hour forward or back", stepClock),
		kind("clock-skew", "the wall clocks of the nodes hours apart", skewClocks),
		kind("clock-strobe", "the leader's wall clock an hour to and fro, many times a second", strobeClock),
	}
}

func steady(s *Stage) string {
	if !s.Clock {
		return "the wall clock of this binary cannot be stepped: it is no build of make faultclock"
	}
	return ""
}

const (
	forward = syscall.SIGUSR1
	back    = syscall.SIGUSR2
	// stepApart lets a process take one signal before the next comes: two of a
	// kind that wait are one.
	stepApart = 10 * time.Millisecond
)

// step moves a node's clock by hours.
func (s *Stage) step(n *nodes.Node, hours int) error {
	way := forward
	if hours < 0 {
		way, hours = back, -hours
	}
	for range hours {
		if err := s.Cluster.Signal(n, way); err != nil {
			return fmt.Errorf("step the clock of %s: %w", n.Name, err)
		}
		time.Sleep(stepApart)
	}
	return nil
}

// stepClock steps one clock, which stays so until its node ends.
func stepClock(_ context.Context, s *Stage) (*Fault, error) {
	target := leader
	if s.upTo(3) == 0 {
		target = anyone
	}
	list, err := s.take(target)
	if err != nil {
		return nil, err
	}
	defer s.give(list)
	hours := 1 - 2*int(s.upTo(2))
	return &Fault{On: names(list), What: fmt.Sprintf("%+dh", hours)}, s.step(list[0], hours)
}

func skewClocks(_ context.Context, s *Stage) (*Fault, error) {
	list, err := s.take(everyone)
	if err != nil {
		return nil, err
	}
	hours := make([]int, len(list))
	var said []string
	for i, n := range list {
		hours[i] = int(s.upTo(9)) - 4
		if err := s.step(n, hours[i]); err != nil {
			s.give(list)
			return nil, err
		}
		said = append(said, fmt.Sprintf("%s %+dh", n.Name, hours[i]))
	}
	return &Fault{On: names(list), What: strings.Join(said, ", "), Hold: s.between(2*time.Second, 6*time.Second), Mend: func(context.Context) error {
		defer s.give(list)
		for i, n := range list {
			if err := s.step(n, -hours[i]); err != nil {
				return err
			}
		}
		return nil
	}}, nil
}

func strobeClock(ctx context.Context, s *Stage) (*Fault, error) {
	list, err := s.take(leader)
	if err != nil {
		return nil, err
	}
	steps, until := 0, time.Now().Add(s.between(time.Second, 3*time.Second))
	return &Fault{On: names(list), Mend: func(context.Context) error {
		defer s.give(list)
		for ; time.Now().Before(until) && ctx.Err() == nil; steps++ {
			if err := s.step(list[0], 1-2*(steps%2)); err != nil {
				return err
			}
		}
		return nil
	}}, nil
}
