package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/limitd/limitd/tools/bench/load"
)

// cycles measures how often a second processes go in and out of a limit that is
// never full.
func (b *trial) cycles(ctx context.Context) error {
	for _, s := range b.systems {
		if err := s.createLimit(ctx, "cycles", 1000, 0); err != nil {
			return err
		}
		if err := s.activate(ctx, "cycles"); err != nil {
			return err
		}
	}
	for _, processes := range []int{1, 4, 16} {
		perSecond := map[string]load.Series{}
		work := fmt.Sprintf("cycles/s, %s", count(processes, "process", "processes"))
		err := b.turns(b.size.rounds, b.systems, func(s *system) error {
			args := arguments{"limit": "cycles", "seconds": b.size.turn.Seconds()}
			if err := s.driver.start(ctx, "cycles", processes, args); err != nil {
				return err
			}
			r, err := s.driver.run(ctx, 0)
			if err != nil {
				return err
			}
			b.log("%s, %s: %.1f", work, s.name, r.sum())
			b.note(s, work, r.failures())
			perSecond[s.name] = append(perSecond[s.name], r.sum())
			return nil
		})
		if err != nil {
			return err
		}
		for _, s := range b.systems {
			b.table.set(work, s.name, spread(perSecond[s.name], "%.1f"))
		}
		if !b.compares() {
			continue
		}
		ratio := perSecond["limitd"].Over(perSecond["floor"])
		b.aim(work+": of the floor's", ">= 0.95", spread(ratio, "%.2f"), ratio.Median() >= 0.95)
	}
	return nil
}

// Jobs are done on a few slots.
const (
	jobs     = 100
	jobSlots = 5
)

// jobs measures how long jobs take on a few slots, of the time that they would take if
// no slot was free for a moment.
func (b *trial) jobs(ctx context.Context) error {
	ideal := b.size.job * jobs / jobSlots
	for _, p := range []struct {
		program   string
		processes int
	}{{"jobs", 20}, {"gather", 1}} {
		work := fmt.Sprintf("%d jobs of %v on %d slots by %d processes, of the ideal %v", jobs, b.size.job, jobSlots, p.processes, ideal)
		if p.program == "gather" {
			work = fmt.Sprintf("%d jobs of %v on %d slots by one `asyncio.gather`, of the ideal %v", jobs, b.size.job, jobSlots, ideal)
		}
		took := map[string]time.Duration{}
		err := b.turns(1, b.systems, func(s *system) error {
			r, err := s.fromNow(ctx, p.program, crew{
				program: p.program, processes: p.processes, slots: jobSlots,
				args: arguments{"seconds": b.size.job.Seconds(), "number": jobs / p.processes},
			})
			if err != nil {
				return err
			}
			took[s.name] = r.last()
			b.log("%s, %s: %v", work, s.name, took[s.name])
			b.note(s, work, r.failures())
			b.table.set(work, s.name, fmt.Sprintf("%.2f", took[s.name].Seconds()/ideal.Seconds()))
			return nil
		})
		if err != nil {
			return err
		}
		if !b.compares() {
			continue
		}
		ratio := took["limitd"].Seconds() / took["floor"].Seconds()
		b.aim(work+": of the floor's", "<= 1.05", fmt.Sprintf("%.3f", ratio), ratio <= 1.05)
	}
	return nil
}

// crew is processes that run a program on a limit of their own.
type crew struct {
	program   string
	processes int
	args      arguments
	slots     int
	decay     float64       // of the limit, slots a second
	bound     time.Duration // when they are killed; 0: never
}

// fromNow runs a crew on a new limit. It counts from the moment on when all are
// ready and begin; before, it admits them.
func (s *system) fromNow(ctx context.Context, limit string, c crew) (report, error) {
	if err := s.createLimit(ctx, limit, c.slots, c.decay); err != nil {
		return report{}, err
	}
	args := maps.Clone(c.args)
	if args == nil {
		args = arguments{}
	}
	args["limit"] = limit
	if err := s.driver.start(ctx, c.program, c.processes, args); err != nil {
		return report{}, err
	}
	if err := s.activate(ctx, limit); err != nil {
		return report{}, err
	}
	return s.driver.run(ctx, c.bound)
}

// compares tells whether limitd and the floor take part.
func (b *trial) compares() bool {
	return slices.Contains(b.table.columns, "limitd") && slices.Contains(b.table.columns, "floor")
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprint(n, " ", many)
}
