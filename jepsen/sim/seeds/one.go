package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/limitd/limitd/jepsen/sim"
	"github.com/limitd/limitd/jepsen/sim/batch"
)

// again runs one seed, and passes on what it prints.
func (s settings) again(ctx context.Context, r batch.Runner) int {
	args := append([]string{fmt.Sprintf("-sim.seed=%d", s.replay)}, r.Args...)
	if s.keep != "" {
		args = append(args, "-sim.keep="+s.keep)
	}
	if s.history != "" {
		args = append(args, "-sim.history="+s.history)
	}
	if s.log {
		args = append(args, "-sim.log")
	}
	run := exec.CommandContext(ctx, r.Binary, args...)
	run.Env = append(os.Environ(), r.Env...)
	run.Stdout, run.Stderr = os.Stdout, os.Stderr
	if err := run.Run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// compare runs seeds twice and compares the histories. The second time nodes
// write a log, and there is more in the environment: neither may show.
func (s settings) compare(ctx context.Context, r batch.Runner) (code int) {
	hashes, same := make(map[uint64]string), 0
	r.Run(ctx, batch.From(s.first, s.twice), func(p sim.Report) { hashes[p.Seed] = p.Hash })
	r.Args = append(r.Args, "-sim.log")
	r.Env = append(r.Env, "LIMITD_SIM="+strings.Repeat("second", 500))
	r.Run(ctx, batch.From(s.first, s.twice), func(p sim.Report) {
		if before := hashes[p.Seed]; before != "" && before == p.Hash {
			same++
		} else {
			fmt.Printf("seed %d: its histories differ: %s and %s\n", p.Seed, before, p.Hash)
		}
	})
	fmt.Printf("%d of %d seeds had the same history twice\n", same, s.twice)
	if same < s.twice {
		return 1
	}
	return 0
}
