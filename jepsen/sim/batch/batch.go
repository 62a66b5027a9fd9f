// Package batch runs many seeds of the simulator, each in a process of its
// own, on all cores; it adds up what they did, and makes the schedule of a seed
// that fails smaller.
//
//	r := batch.Runner{Binary: "bin/simtest"}
//	totals := batch.NewTotals()
//	r.Run(ctx, batch.From(1, 1000), func(p sim.Report) { totals.Add(p) })
package batch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/limitd/limitd/jepsen/check"
	"github.com/limitd/limitd/jepsen/sim"
)

// Runner runs seeds.
type Runner struct {
	Binary  string   // a test binary of jepsen/sim
	Args    []string // beside the seed
	Env     []string // beside that of this process
	Workers int      // processes at a time; default: one a core
	// Timeout bounds one run in real time; default 3 min.
	Timeout time.Duration
}

// From returns n seeds from first on.
func From(first uint64, n int) iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		for i := range n {
			if !yield(first + uint64(i)) {
				return
			}
		}
	}
}

// Until returns the seeds of a sequence for as long as d.
func Until(seeds iter.Seq[uint64], d time.Duration) iter.Seq[uint64] {
	end := time.Now().Add(d)
	return func(yield func(uint64) bool) {
		for seed := range seeds {
			if time.Now().After(end) || !yield(seed) {
				return
			}
		}
	}
}

// Run runs seeds until they or ctx end. tell is called with each report, one
// at a time.
func (r Runner) Run(ctx context.Context, seeds iter.Seq[uint64], tell func(sim.Report)) {
	work := make(chan uint64)
	var running sync.WaitGroup
	var mu sync.Mutex
	workers := r.Workers
	if workers <= 0 {
		workers = runtime.NumCPU()
	}
	for range workers {
		running.Go(func() {
			for seed := range work {
				p := r.One(ctx, seed)
				if ctx.Err() != nil {
					continue // it was cut short
				}
				mu.Lock()
				tell(p)
				mu.Unlock()
			}
		})
	}
	for seed := range seeds {
		select {
		case work <- seed:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(work)
	running.Wait()
}

// One runs one seed. A process that gives no report is a violation, too. One that
// the runtime ended because all its goroutines slept is run once again, and the
// report says so: that depends on the machine's own time, and convicts when it
// happens twice.
func (r Runner) One(ctx context.Context, seed uint64, args ...string) sim.Report {
	p, out := r.once(ctx, seed, args)
	if !stuck(out) {
		return p
	}
	p, again := r.once(ctx, seed, args)
	p.Stuck = head(out)
	if stuck(again) {
		p.Violations[0].What = "twice " + p.Violations[0].What
	}
	return p
}

// once runs a seed, and returns what a process without a report printed.
func (r Runner) once(ctx context.Context, seed uint64, args []string) (p sim.Report, printed string) {
	timeout := r.Timeout
	if timeout <= 0 {
		timeout = 3 * time.Minute
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	all := append([]string{fmt.Sprintf("-sim.seed=%d", seed)}, r.Args...)
	run := exec.CommandContext(ctx, r.Binary, append(all, args...)...)
	run.Env = append(append(os.Environ(), "GOMAXPROCS=1"), r.Env...)
	var out, errs bytes.Buffer
	run.Stdout, run.Stderr = &out, &errs
	err := run.Run()
	if p, ok := find(out.Bytes()); ok {
		return p, ""
	}
	why := "the process ended without a report"
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		why = fmt.Sprintf("the process had not ended after %v", timeout)
	}
	printed = out.String() + errs.String()
	if stuck(printed) {
		printed = culprits(printed)
	}
	return sim.Report{Seed: seed, Violations: []check.Violation{{
		Checker: "simulator", Rule: "crash", What: fmt.Sprintf("%s: %v\n%s", why, err, head(printed)),
	}}}, printed
}

// find returns the report in the output of a run.
func find(out []byte) (p sim.Report, ok bool) {
	for line := range bytes.Lines(out) {
		if text, found := bytes.CutPrefix(line, []byte(sim.ReportPrefix)); found {
			return p, json.Unmarshal(text, &p) == nil
		}
	}
	return p, false
}

// head returns the first lines of a text that may be very long.
func head(text string) string {
	const most = 6000
	if len(text) > most {
		text = text[:most] + "\n..."
	}
	return strings.TrimSpace(text)
}
