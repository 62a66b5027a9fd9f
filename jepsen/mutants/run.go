package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
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

// convicted tells whether the checker is among those that convict.
func (s sight) convicted(checker string) bool {
	return slices.ContainsFunc(s.by, func(by string) bool { name, _, _ := strings.Cut(by, " "); return name == checker })
}

// longest is how long one run may take.
const longest = 2 * time.Minute

// perform performs a run with a bug, or with none (""). by is the checker whose
// words are wanted.
func (b binaries) perform(ctx context.Context, r Run, bug, by string) (s sight, err error) {
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	begun := time.Now()
	if r.Probe != "" {
		s, err = b.probe(ctx, r.Probe, bug)
	} else {
		s, err = b.simulate(ctx, r.Sim, bug, by)
	}
	s.took = time.Since(begun)
	return s, err
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
		if !s.convicted(by) && (s.what == "" || strings.HasPrefix(who, by+" ")) {
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
	dir := filepath.Join(b.dir, name+"-"+bug)
	found, err := p(ctx, ground{binary: b.bin, dir: dir, bug: bug})
	if err != nil || found.what == "" {
		return sight{}, err
	}
	return sight{by: []string{found.by}, what: found.what}, nil
}
