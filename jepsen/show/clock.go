package main

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"github.com/limitd/limitd/transport/wire"
)

// wallClock steps the wall clock of every node by an hour, forwards and back,
// while leases run: the leases end neither sooner nor later for it. The binary
// must be the faultclock build, which steps on SIGUSR1 (+1h) and SIGUSR2 (-1h).
func wallClock(ctx context.Context, s *stage) error {
	if err := putLimit(ctx, s.cluster.Nodes()[0], "shared", wire.LimitRequest{Slots: 5}); err != nil {
		return err
	}
	work, cancel := context.WithTimeout(ctx, s.last(20*time.Second))
	defer cancel()
	began, before, err := clusterTime(ctx, s)
	if err != nil {
		return err
	}
	stepped := make(chan error, 1)
	go func() { stepped <- stepClocks(work, s) }()
	holds, errs := runWorkers(work, s.cluster.URLs(), 16, time.Now())
	if err := <-stepped; err != nil {
		return err
	}
	ended, after, err := clusterTime(ctx, s)
	if err != nil {
		return err
	}
	drift := time.Duration(after-before) - ended.Sub(began)
	fmt.Printf("   %d holds, at most %d at once, %d errors; cluster time minus real time over the scene: %s\n",
		len(holds), overlapping(holds), len(errs), drift.Round(time.Millisecond))
	switch {
	case len(errs) > 0:
		return errs[0]
	case overlapping(holds) > 5:
		return fmt.Errorf("more than 5 at once")
	case drift > 200*time.Millisecond || drift < -200*time.Millisecond:
		return fmt.Errorf("cluster time moved with the wall clock")
	}
	return atRest(ctx, s.cluster, "shared")
}

// clusterTime reads cluster time at one moment.
func clusterTime(ctx context.Context, s *stage) (time.Time, int64, error) {
	a, err := s.cluster.Nodes()[0].Must(ctx, "GET", "/v1/limits/shared", nil, nil)
	return time.Now(), a.Time, err
}

func stepClocks(ctx context.Context, s *stage) error {
	steps := 0
	for ctx.Err() == nil {
		for _, n := range s.cluster.Nodes() {
			for _, sig := range []syscall.Signal{syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGUSR2, syscall.SIGUSR1} {
				if !wait(ctx, 300*time.Millisecond) {
					break
				}
				if err := s.cluster.Signal(n, sig); err != nil {
					return fmt.Errorf("step the clock of %s (is the binary a faultclock build?): %w", n.Name, err)
				}
				steps++
			}
		}
	}
	fmt.Printf("   %d steps of an hour\n", steps)
	if steps == 0 {
		return fmt.Errorf("no clock was stepped")
	}
	return nil
}
