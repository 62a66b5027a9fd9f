package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/limitd/limitd/tools/bench/load"
	"github.com/limitd/limitd/tools/bench/rig"
)

// sizes say how far the growth part goes.
type sizes struct {
	most    int    // limits, and leases
	waiters int    // in one queue
	parked  int    // waiters with an open connection each
	callers int    // who write meanwhile
	store   string // log store
}

func (s *sizes) flags(f *flag.FlagSet) {
	f.IntVar(&s.most, "grow", 1_000_000, "growth: up to how many limits, and leases")
	f.IntVar(&s.waiters, "queue", 100_000, "growth: up to how many waiters in a queue")
	f.IntVar(&s.parked, "parked", 10_000, "growth: waiters with an open connection; every node needs as many file descriptors")
	f.StringVar(&s.store, "grow-store", "boltdb", "growth: the log store, boltdb or wal")
	s.callers = 64
}

// steps returns the sizes up to most: 1, 1000, and then by tens.
func steps(most int) []int {
	list := []int{1}
	for n := 1000; n < most; n *= 10 {
		list = append(list, n)
	}
	if most > 1 {
		list = append(list, most)
	}
	return list
}

// grown is a cluster that is filled, beside one that stays empty and is measured
// in turns with it.
type grown struct {
	*trial
	full, empty *rig.System
}

// filling brings a grown cluster from so many of something to so many.
type filling func(g grown, ctx context.Context, from, to int) error

// The limits of a grown cluster, beside freeLimit.
const (
	heldLimit = "held" // has the leases
	fullLimit = "full" // has the waiters
)

// grow measures what writes cost as limits, leases and waiters grow, each on a
// cluster of its own, and what a million leases and ten thousand waiters take.
func (b *trial) grow(ctx context.Context) error {
	for _, kind := range []struct {
		name string
		most int
		fill filling
		aims bool
	}{
		{"limits", b.growth.most, grown.makeLimits, false},
		{"waiters", b.growth.waiters, grown.queue, false},
		{"leases", b.growth.most, grown.lease, true},
	} {
		g, err := b.pairOfClusters(ctx, kind.name)
		if err == nil {
			err = g.steps(ctx, kind.name, kind.most, kind.fill)
		}
		if err == nil && kind.aims {
			err = errors.Join(g.leases(ctx), b.park(ctx, g.empty))
		}
		if err = errors.Join(err, b.close()); err != nil {
			return fmt.Errorf("%s: %w", kind.name, err)
		}
	}
	return nil
}

func (b *trial) pairOfClusters(ctx context.Context, name string) (g grown, err error) {
	g.trial = b
	for _, s := range []struct {
		system **rig.System
		dir    string
	}{{&g.full, name}, {&g.empty, name + "-none"}} {
		*s.system, err = b.keep(rig.StartLimitd(ctx, rig.Place{Binary: b.limitd, Dir: filepath.Join(b.dir, s.dir)}, b.growth.store, ""))
		if err != nil {
			return g, err
		}
		for limit, slots := range map[string]int64{freeLimit: 1 << 40, heldLimit: 1 << 40, fullLimit: 1} {
			if err := put(ctx, *s.system, limit, slots); err != nil {
				return g, err
			}
		}
	}
	return g, nil
}

// steps fills the cluster step by step, and compares it with the empty one at each.
func (g grown) steps(ctx context.Context, kind string, most int, fill filling) error {
	fmt.Fprintf(g.out, "\n**%d callers beside many %s (%s)**\n\n", g.growth.callers, kind, g.growth.store)
	fmt.Fprintf(g.out, "| %s | writes/s | x none | CPU of the servers, each | x none |\n|---|---|---|---|---|\n", kind)
	have := 0
	var last [2]outcome
	for _, n := range steps(most) {
		if err := fill(g, ctx, have, n); err != nil {
			return err
		}
		have = n
		g.log("%d %s", n, kind)
		outcomes, err := g.compare(ctx, g.growth.callers, []entrant{
			{kind, g.full, g.fresh(ctx, fill, n)},
			{"none", g.empty, newOneByOne(g.empty.Leader, freeLimit, "0s")},
		}, nil)
		if err != nil {
			return err
		}
		last = [2]outcome(outcomes)
		full, none := outcomes[0], outcomes[1]
		fmt.Fprintf(g.out, "| %d | %s | %s | %.0f us | %s |\n", n, spread(full.perSecond, "%.0f"), spread(full.perSecond.Over(none.perSecond), "%.2f"),
			1e6*full.cpu.Median(), spread(full.cpu.Over(none.cpu), "%.2f"))
	}
	g.aim(aim{what: fmt.Sprintf("%d %s: CPU of a write, of none", have, kind), bound: 1.5, atMost: true, measured: last[0].cpu.Over(last[1].cpu)})
	return nil
}

// fresh opens callers, after it has shown that the waiters are still there: the
// place of one who is silent lapses after a minute.
func (g grown) fresh(ctx context.Context, fill filling, n int) func(i int) (load.Caller, error) {
	open := newOneByOne(g.full.Leader, freeLimit, "0s")
	return func(i int) (load.Caller, error) {
		if i == 0 {
			if err := fill(g, ctx, n, n); err != nil {
				return nil, err
			}
		}
		return open(i)
	}
}

// makeLimits makes the limits from to to.
func (g grown) makeLimits(ctx context.Context, from, to int) error {
	return g.send(ctx, cargo{"/v1/limits", 1, func(i int) string {
		return fmt.Sprintf(`{"name":"limit-%d","slots":5}`, i)
	}, `"revision":`}, from, to)
}

// lease acquires the leases from to to, all of one limit.
func (g grown) lease(ctx context.Context, from, to int) error {
	return g.send(ctx, cargo{"/v1/batch", perBatch, func(i int) string {
		return fmt.Sprintf(`{"acquire":{"id":"lease-%d","limits":[{"name":"`+heldLimit+`"}],"ttl":"24h","owner":{"name":"bench","host":"w%d"}}}`, i, i%100)
	}, `"status":200`}, from, to)
}

// queue has the waiters up to to stand in one queue; those who do already show
// that they still want to.
func (g grown) queue(ctx context.Context, _, to int) error {
	holder := `{"operations":[{"acquire":{"id":"holder","limits":[{"name":"` + fullLimit + `"}],"ttl":"24h"}}]}`
	if a, err := g.full.Nodes.Nodes()[0].Call(ctx, http.MethodPost, "/v1/batch", json.RawMessage(holder)); err != nil || a.Status != http.StatusOK {
		return errors.Join(err, fmt.Errorf("hold the slot: %w: %d %s", errRefused, a.Status, a.Body))
	}
	return g.send(ctx, cargo{"/v1/batch", perBatch, func(i int) string {
		return fmt.Sprintf(`{"acquire":{"id":"waiter-%d","limits":[{"name":"`+fullLimit+`"}],"wait":"24h","linger":"60s"}}`, i)
	}, `"status":202`}, 0, to)
}

// park runs limitd bench waiters, and takes its figures.
func (b *trial) park(ctx context.Context, s *rig.System) error {
	out, err := exec.CommandContext(ctx, b.limitd, "bench", "waiters", "-o", "json", "--connections", strconv.Itoa(b.growth.parked),
		"--address", strings.Join(s.Nodes.URLs(), ",")).Output()
	if err != nil {
		return fmt.Errorf("limitd bench waiters: %w: %s", err, out)
	}
	var report struct {
		Queue struct {
			Parked  float64 `json:"parked_seconds"`
			Granted float64 `json:"granted_seconds"`
			Memory  float64 `json:"memory_bytes_per_waiter"`
		} `json:"queue"`
	}
	if err := json.Unmarshal(out, &report); err != nil {
		return fmt.Errorf("limitd bench waiters: %w", err)
	}
	q := report.Queue
	fmt.Fprintf(b.out, "\n%d waiters with an open connection each, over all nodes (`limitd bench waiters`): parked in %.2f s, %.1f KiB of the nodes' memory each, all granted within %.2f s of the release.\n",
		b.growth.parked, q.Parked, q.Memory/1024, q.Granted)
	b.aim(aim{what: fmt.Sprintf("%d parked waiters: KiB each", b.growth.parked), bound: 16, atMost: true, measured: load.Series{q.Memory / 1024}})
	b.aim(aim{what: fmt.Sprintf("%d parked waiters: s until all are granted", b.growth.parked), bound: 1, atMost: true, measured: load.Series{q.Granted}})
	return nil
}
