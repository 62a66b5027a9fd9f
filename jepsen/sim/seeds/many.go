package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/limitd/limitd/jepsen/sim"
	"github.com/limitd/limitd/jepsen/sim/batch"
)

// progressEvery is how often many says how far it is.
const progressEvery = 10 * time.Second

// shrunk is how many failing seeds are made smaller.
const shrunk = 3

// many runs many seeds. It returns 1 where one of them failed.
func (s settings) many(ctx context.Context, r batch.Runner) (int, error) {
	totals, said := batch.NewTotals(), time.Now()
	tell := func(p sim.Report) {
		totals.Add(p)
		if len(p.Violations) > 0 || p.Stuck != "" {
			p.Print(os.Stdout)
			fmt.Printf("again: %s\n", s.command(p.Seed, ""))
		}
		if time.Since(said) > progressEvery {
			said = time.Now()
			fmt.Println(totals.Line())
		}
	}
	if s.known {
		if err := s.runKnown(ctx, r, tell); err != nil {
			return 0, err
		}
	}
	first, n := s.first, s.n
	if s.fresh {
		first = freshSeed(ctx)
	}
	if n == 0 {
		n = 1000
		if s.last > 0 {
			n = 1 << 40
		}
	}
	seeds := batch.From(first, n)
	if s.last > 0 {
		seeds = batch.Until(seeds, s.last)
	}
	r.Run(ctx, seeds, tell)
	totals.Print(os.Stdout)
	defer fmt.Printf("sim: %d passed, %d failed\n", totals.Seeds-len(totals.Failed), len(totals.Failed))
	for _, p := range totals.Failed[:min(len(totals.Failed), shrunk)] {
		s.shrinkOne(ctx, r, p)
	}
	return min(1, len(totals.Failed)), nil
}

// freshSeed returns where seeds begin that nobody has run before this commit: it
// is made of the commit's hash, so that who runs the same commit meets the same
// ones. Outside of a git checkout it is made of the time.
func freshSeed(ctx context.Context) uint64 {
	hash, err := exec.CommandContext(ctx, "git", "rev-parse", "HEAD").Output()
	if err == nil && len(hash) > 10 {
		if n, err := strconv.ParseUint(string(hash[:10]), 16, 64); err == nil {
			return n
		}
	}
	return uint64(time.Now().UnixNano()) / 1000 % 1e12
}

// runKnown runs the seeds that found something once.
func (s settings) runKnown(ctx context.Context, r batch.Runner, tell func(sim.Report)) error {
	f, err := os.Open("jepsen/sim/testdata/seeds.txt")
	if err != nil {
		return fmt.Errorf("open the known seeds: %w", err)
	}
	defer f.Close()
	list, err := batch.ReadKnown(f)
	for _, k := range list {
		tell(r.One(ctx, k.Seed, k.Args...))
	}
	return err
}

// shrinkOne looks for a smaller schedule of a seed that failed.
func (s settings) shrinkOne(ctx context.Context, r batch.Runner, p sim.Report) {
	if s.shrink == 0 || len(p.Schedule) == 0 {
		return
	}
	keep, smaller := r.Shrink(ctx, p, s.shrink)
	fmt.Printf("\nseed %d fails with %d of its %d faults, too:\n", p.Seed, len(keep), len(p.Schedule))
	smaller.Print(os.Stdout)
	fmt.Printf("again: %s\n", s.command(p.Seed, strings.TrimPrefix(batch.Keep(keep), "-sim.keep=")))
}

// command returns what runs a seed again.
func (s settings) command(seed uint64, keep string) string {
	c := fmt.Sprintf("go run ./jepsen/sim/seeds -replay %d", seed)
	if s.workload != "" {
		c += " -workload " + s.workload
	}
	if s.duration > 0 {
		c += " -duration " + s.duration.String()
	}
	if keep != "" {
		c += " -keep " + keep
	}
	return c
}
