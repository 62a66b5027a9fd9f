package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
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
	nodes   counts // of the clusters
}

// counts is a flag: numbers above 0, with commas between them.
type counts []int

func (c *counts) String() string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint([]int(*c)), " ", ","), "[]")
}

// Set reads such a list.
func (c *counts) Set(text string) error {
	*c = nil
	for _, word := range strings.Split(text, ",") {
		n, err := strconv.Atoi(word)
		if err != nil || n < 1 {
			return fmt.Errorf("%q is no number above 0", word)
		}
		*c = append(*c, n)
	}
	return nil
}

func (s *sizes) flags(f *flag.FlagSet) {
	f.IntVar(&s.most, "grow", 1_000_000, "growth: up to how many limits, and leases")
	f.IntVar(&s.waiters, "queue", 100_000, "growth: up to how many waiters in a queue")
	f.IntVar(&s.parked, "parked", 10_000, "growth: waiters with an open connection; every node needs as many file descriptors")
	f.StringVar(&s.store, "grow-store", "boltdb", "growth: the log store, boltdb or wal")
	s.nodes = counts{1, 3}
	f.Var(&s.nodes, "grow-nodes", "growth: how many nodes a cluster has, one size after the other")
	s.callers = inLineAtOnce
}

// steps returns the sizes up to most: 1, 1000, and then by hundreds.
func steps(most int) []int {
	list := []int{1}
	for n := 1000; n < most; n *= 100 {
		list = append(list, n)
	}
	if most > 1 {
		list = append(list, most)
	}
	return list
}

// grown is a cluster that is filled, beside one that stays as good as empty and is
// measured in turns with it.
type grown struct {
	*trial
	nodes       int
	full, small *rig.System
}

// grow measures what writes cost as limits, leases and waiters grow, and what a
// million leases and ten thousand parked waiters take, on clusters of each size.
func (b *trial) grow(ctx context.Context) error {
	parts := map[string]func(grown, context.Context) error{"growing": grown.growing, "parking": grown.parking}
	for _, nodes := range b.growth.nodes {
		for _, part := range slices.Sorted(maps.Keys(parts)) {
			g, err := b.pairOfClusters(ctx, part, nodes)
			if err == nil {
				err = parts[part](g, ctx)
			}
			if err = errors.Join(err, b.close()); err != nil {
				return fmt.Errorf("growth, %s: %w", g.of(), err)
			}
		}
	}
	return nil
}

func (b *trial) pairOfClusters(ctx context.Context, part string, nodes int) (g grown, err error) {
	g = grown{trial: b, nodes: nodes}
	for _, s := range []struct {
		system **rig.System
		dir    string
	}{{&g.full, "full"}, {&g.small, "small"}} {
		place := rig.Place{Binary: b.limitd, Dir: filepath.Join(b.dir, fmt.Sprint(part, "-", nodes, "-", s.dir)), Nodes: nodes}
		*s.system, err = b.keep(rig.StartLimitd(ctx, place, b.growth.store, ""))
		if err != nil {
			return g, err
		}
	}
	return g, nil
}

// of names the clusters.
func (g grown) of() string {
	if g.nodes == 1 {
		return "one node"
	}
	return fmt.Sprintf("%d nodes", g.nodes)
}

func (g grown) growing(ctx context.Context) error {
	leases := func(n int) seed { return seed{limits: n, leases: n} }
	queue := func(n int) seed { return seed{limits: 1, waiters: n + inLineAtOnce} }
	return errors.Join(
		g.steps(ctx, "limits and leases", g.growth.most, leases, pairsOn),
		g.steps(ctx, "waiters in the queue", g.growth.waiters, queue, passOn),
		g.leases(ctx))
}

// opener opens callers that are at work on a cluster of n.
type opener func(address string, n int) func(i int) (load.Caller, error)

// pairsOn is acquires and releases of limits all over those that there are.
func pairsOn(address string, n int) func(i int) (load.Caller, error) {
	return func(i int) (load.Caller, error) {
		return newOneByOne(address, limitName(i*7919%n), "0s")(i)
	}
}

// passOn is releases of who holds the only slot, so that the first in the queue is
// granted, and acquires that stand in line behind the others.
func passOn(address string, n int) func(i int) (load.Caller, error) {
	l := new(line)
	l.joined.Store(int64(n + inLineAtOnce))
	return newInLine(address, l)
}

// steps fills the cluster step by step, and compares it with the small one at each.
func (g grown) steps(ctx context.Context, what string, most int, of func(n int) seed, open opener) error {
	fmt.Fprintf(g.out, "\n**%d callers beside many %s, %s (%s)**\n\n", g.growth.callers, what, g.of(), g.growth.store)
	fmt.Fprintf(g.out, "| %s | writes/s | x one | p50 | CPU of the servers, each | x one |\n|---|---|---|---|---|---|\n", what)
	var last [2]outcome
	for _, n := range steps(most) {
		if err := errors.Join(of(n).plant(ctx, g.full, g.dir), of(1).plant(ctx, g.small, g.dir)); err != nil {
			return err
		}
		g.log("%d %s, %s", n, what, g.of())
		outcomes, err := g.compare(ctx, g.growth.callers, []entrant{
			{what, g.full, open(g.full.Leader, n)},
			{"one", g.small, open(g.small.Leader, 1)},
		}, nil)
		if err != nil {
			return err
		}
		last = [2]outcome(outcomes)
		full, one := outcomes[0], outcomes[1]
		fmt.Fprintf(g.out, "| %d | %s | %s | %s | %.0f us | %s |\n", n, spread(full.perSecond, "%.0f"), spread(full.perSecond.Over(one.perSecond), "%.2f"),
			ms(full.p50), 1e6*full.cpu.Median(), spread(full.cpu.Over(one.cpu), "%.2f"))
		if full.failed > 0 {
			fmt.Fprintf(g.out, "\n%d operations failed.\n\n", full.failed)
		}
	}
	g.aim(aim{what: fmt.Sprintf("%d %s, %s: CPU of a write, of one", most, what, g.of()), bound: 1.5, atMost: true, measured: last[0].cpu.Over(last[1].cpu)})
	return nil
}
