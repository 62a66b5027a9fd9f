package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/limitd/limitd/jepsen/sim/det"
)

// sight is what an instrument said of one run.
type sight struct {
	by   []string // checkers that convict, with their rules, each once: "fifo A2"
	what string   // what the expected one, or the first, said
	took time.Duration
}

// convicted tells whether one of the checkers is among those that convict.
func (s sight) convicted(checkers string) bool {
	return slices.ContainsFunc(s.by, func(by string) bool { return among(checkers, by) })
}

// among tells whether who, a checker with its rule, is one of the checkers.
func among(checkers, who string) bool {
	name, _, _ := strings.Cut(who, " ")
	return slices.Contains(strings.Fields(checkers), name)
}

// longest is how long one run may take.
const longest = 2 * time.Minute

// convict performs a bug's run until one of the expected checkers convicts it.
// It returns the run with the seed that it came to, and the time of all seeds.
func (b binaries) convict(ctx context.Context, bug Bug) (r Run, s sight, err error) {
	begun := time.Now()
	for r = bug.Run; ; {
		if r.Probe == "" {
			r.Seed++
		}
		s, err = b.perform(ctx, r, bug.Name, bug.By)
		if s.convicted(bug.By) || err != nil || r.Probe != "" || r.Seed == seeds {
			s.took = time.Since(begun)
			return r, s, err
		}
	}
}

// perform performs a run with a bug, or with none (""). by are the checkers
// whose words are wanted.
func (b binaries) perform(ctx context.Context, r Run, bug, by string) (s sight, err error) {
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	if r.Probe != "" {
		return b.probe(ctx, r.Probe, bug)
	}
	return b.simulate(ctx, fmt.Sprintf("seed=%d %s", r.Seed, r.Sim), bug, by)
}

// simulate runs one seed. A line of the simulator is
//
//	VIOLATION overlap E1: 3 slots of "s" were held ...
func (b binaries) simulate(ctx context.Context, args, bug, by string) (s sight, err error) {
	cmd := exec.CommandContext(ctx, b.sim)
	for _, arg := range split(args) {
		cmd.Args = append(cmd.Args, "-sim."+arg)
	}
	cmd.Dir, cmd.Env = b.dir, environment(bug)
	if b.exact {
		cmd.Env = append(cmd.Env, det.Settings()...)
	}
	out, err := cmd.CombinedOutput()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		return s, fmt.Errorf("run the simulator: %w", err)
	}
	for line := range strings.Lines(string(out)) {
		text, ok := strings.CutPrefix(strings.TrimSpace(line), "VIOLATION ")
		if !ok {
			continue
		}
		who, what, _ := strings.Cut(text, ": ")
		if !s.convicted(by) && (s.what == "" || among(by, who)) {
			s.what = what
		}
		if !slices.Contains(s.by, who) {
			s.by = append(s.by, who)
		}
	}
	if err != nil && len(s.by) == 0 {
		return s, fmt.Errorf("the simulator ended without a verdict: %w\n%s", err, tail(out))
	}
	return s, nil
}

// split cuts arguments at blanks, but for those in quotes.
func split(args string) (list []string) {
	for i, part := range strings.Split(args, `"`) {
		switch {
		case i%2 == 0:
			list = append(list, strings.Fields(part)...)
		case len(list) > 0: // what the last one is set to
			list[len(list)-1] += part
		}
	}
	return list
}

func tail(out []byte) string { return string(out[max(0, len(out)-2000):]) }

// probe runs a probe on a cluster of its own.
func (b binaries) probe(ctx context.Context, name, bug string) (sight, error) {
	p, ok := probes()[name]
	if !ok {
		return sight{}, fmt.Errorf("there is no probe %q", name)
	}
	dir, err := os.MkdirTemp(b.dir, "probe-")
	if err != nil {
		return sight{}, fmt.Errorf("make a folder: %w", err)
	}
	defer os.RemoveAll(dir)
	found, err := p(ctx, ground{binary: b.bin, dir: dir, bug: bug})
	if err != nil || found.what == "" {
		return sight{}, err
	}
	return sight{by: []string{found.by}, what: found.what}, nil
}
