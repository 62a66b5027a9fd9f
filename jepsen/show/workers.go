package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/limitd/limitd/client"
	"github.com/limitd/limitd/jepsen/nodes"
	"github.com/limitd/limitd/transport/wire"
)

// hold is one slot in use: by the worker's own clock, from its answer to the
// moment before its release.
type hold struct {
	token      uint64
	asked      time.Duration // when the acquire was called
	start, end time.Duration // since the scene began
}

// workers: 64 workers share 5 slots while the leader is killed again and again.
func workers(ctx context.Context, s *stage) error {
	const slots = 5
	if err := putLimit(ctx, s.cluster.Nodes()[0], "shared", wire.LimitRequest{Slots: slots}); err != nil {
		return err
	}
	work, cancel := context.WithTimeout(ctx, s.last(60*time.Second))
	defer cancel()
	killed := make(chan int)
	go func() { killed <- killLeaders(work, s.cluster, 5*time.Second) }()
	holds, errs := runWorkers(work, s.cluster.URLs(), 64, time.Now())
	kills := <-killed
	if err := writeHolds(filepath.Join(s.dir, "holds.log"), holds); err != nil {
		return err
	}
	most := overlapping(holds)
	fmt.Printf("   %d holds, %d leaders killed, at most %d at once, %d errors\n", len(holds), kills, most, len(errs))
	switch {
	case len(errs) > 0:
		return fmt.Errorf("%d calls failed, the first: %w", len(errs), errs[0])
	case most > slots:
		return fmt.Errorf("%d workers held %d slots at once", most, slots)
	}
	if err := rising(holds); err != nil {
		return err
	}
	return atRest(ctx, s.cluster, "shared")
}

// runWorkers returns what n workers held until ctx ended, by the time since began.
func runWorkers(ctx context.Context, urls []string, n int, began time.Time) (holds []hold, errs []error) {
	var mu sync.Mutex
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			rotated := append(slices.Clone(urls[i%len(urls):]), urls[:i%len(urls)]...)
			mine, err := worker(ctx, rotated, began)
			mu.Lock()
			defer mu.Unlock()
			holds = append(holds, mine...)
			if err != nil {
				errs = append(errs, err)
			}
		})
	}
	all.Wait()
	return holds, errs
}

// worker acquires, works a few milliseconds, and releases, until ctx ends. What
// it has begun by then it finishes.
func worker(ctx context.Context, urls []string, began time.Time) (holds []hold, err error) {
	c, err := client.New(client.Config{Addresses: urls})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Minute)
	defer cancel()
	for ctx.Err() == nil {
		h := hold{asked: time.Since(began)}
		lease, err := c.Acquire(last, client.Request{Limits: client.Slots{"shared": 1}, Wait: 30 * time.Second, TTL: 20 * time.Second})
		if err != nil {
			return holds, fmt.Errorf("acquire: %w", err)
		}
		h.token, h.start = lease.Token(), time.Since(began)
		time.Sleep(time.Duration(1+rand.IntN(10)) * time.Millisecond)
		if err := context.Cause(lease.Context()); err != nil {
			return holds, fmt.Errorf("the lease was lost while it was held: %w", err)
		}
		h.end = time.Since(began)
		holds = append(holds, h)
		if err := lease.Release(last); err != nil {
			return holds, fmt.Errorf("release: %w", err)
		}
	}
	return holds, nil
}

// killLeaders kills the leader each time a while after the cluster is whole,
// and starts it again half that time later. It returns how many it killed.
func killLeaders(ctx context.Context, c *nodes.Cluster, every time.Duration) (kills int) {
	for wait(ctx, every/2) {
		leader, err := c.Leader(ctx)
		if err != nil {
			return kills
		}
		c.Kill(leader)
		kills++
		_ = wait(ctx, every/2)
		if err := c.Restart(leader); err != nil {
			return kills
		}
	}
	return kills
}

// wait returns false where ctx ended first.
func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

func writeHolds(path string, holds []hold) error {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write the holds: %w", err)
	}
	w := bufio.NewWriter(f)
	for _, h := range holds {
		fmt.Fprintf(w, "%d %d %d\n", h.token, h.start.Nanoseconds(), h.end.Nanoseconds())
	}
	return errors.Join(w.Flush(), f.Close())
}

// overlapping returns how many holds there were at once at the most.
func overlapping(holds []hold) (most int) {
	type edge struct {
		at time.Duration
		by int
	}
	var edges []edge
	for _, h := range holds {
		edges = append(edges, edge{h.start, 1}, edge{h.end, -1})
	}
	slices.SortFunc(edges, func(x, y edge) int {
		if x.at != y.at {
			return int(x.at - y.at)
		}
		return x.by - y.by
	})
	now := 0
	for _, e := range edges {
		now += e.by
		most = max(most, now)
	}
	return most
}

// rising checks that tokens are unique, and that an acquire which was called
// after another had returned has the larger one.
func rising(holds []hold) error {
	byAsked := slices.Clone(holds)
	slices.SortFunc(byAsked, func(x, y hold) int { return int(x.asked - y.asked) })
	byStart := slices.Clone(holds)
	slices.SortFunc(byStart, func(x, y hold) int { return int(x.start - y.start) })
	seen := make(map[uint64]bool, len(holds))
	highest, next := uint64(0), 0
	for _, h := range byAsked {
		for next < len(byStart) && byStart[next].start < h.asked {
			highest = max(highest, byStart[next].token)
			next++
		}
		if h.token <= highest {
			return fmt.Errorf("token %d was granted to a call that came after %d was answered", h.token, highest)
		}
		if seen[h.token] {
			return fmt.Errorf("token %d was granted twice", h.token)
		}
		seen[h.token] = true
	}
	return nil
}
