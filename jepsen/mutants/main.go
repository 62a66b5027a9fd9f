// Command mutants judges the judge. It plants bugs, each such as a programmer
// might write, in copies of limitd's own sources, and shows that each is
// convicted by the instrument that is to find it, and that the same run of the
// same binary without the bug passes.
//
//	go run ./jepsen/mutants                    # all of them: make mutants
//	go run ./jepsen/mutants -only stale-read   # one, with what was said of it
//	go run ./jepsen/mutants -write             # and write docs/mutants.md anew
//
// The bugs are edits of single places (the files bugs_*.go), each of which must
// find the text that it replaces exactly once. All of them go into one build, by
// go's -overlay: the sources themselves know nothing of it. The environment
// variable LIMITD_PLANTED says which one acts.
//
// An instrument is the simulator (jepsen/sim) with a workload and a seed, or,
// for what it cannot show, a probe: a few calls to the real binary.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

func main() {
	var o options
	flag.StringVar(&o.only, "only", "", "these bugs only, by name, with commas between them")
	flag.IntVar(&o.jobs, "jobs", runtime.NumCPU(), "runs at a time")
	flag.BoolVar(&o.write, "write", false, "write docs/mutants.md anew")
	flag.StringVar(&o.built, "built", "", "a folder with binaries of an earlier run, to be used again; or where to leave them")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

type options struct {
	only, built string
	jobs        int
	write       bool
}

// errMissed says that the judge let something pass, or convicted the innocent.
var errMissed = errors.New("the judge failed")

func run(ctx context.Context, o options) error {
	root, err := os.Getwd()
	if err != nil {
		return fmt.Errorf("find the sources: %w", err)
	}
	chosen := choose(o.only)
	if len(chosen) == 0 {
		return fmt.Errorf("no bug is called %q", o.only)
	}
	begun := time.Now()
	b, clean, err := prepare(ctx, root, o.built)
	if err != nil {
		return err
	}
	defer clean()
	fmt.Printf("built with %d bugs in %.0fs\n\n", len(bugs()), time.Since(begun).Seconds())
	rows := judge(ctx, b, chosen, o.jobs)
	printTable(os.Stdout, rows, o.only != "")
	missed := slices.ContainsFunc(rows, row.missed)
	fmt.Printf("\n%d of %d bugs convicted by name, %.0fs in all\n", len(rows)-count(rows, row.missed), len(rows), time.Since(begun).Seconds())
	if o.write {
		if err := writeDocument(root, rows); err != nil {
			return err
		}
	}
	fmt.Printf("mutants: %d passed, %d failed\n", len(rows)-count(rows, row.missed), count(rows, row.missed))
	if missed {
		return errMissed
	}
	return nil
}

func choose(only string) []Bug {
	if only == "" {
		return bugs()
	}
	names := strings.Split(only, ",")
	return slices.DeleteFunc(bugs(), func(b Bug) bool { return !slices.Contains(names, b.Name) })
}

// prepare builds the instruments, or takes those of an earlier run.
func prepare(ctx context.Context, root, built string) (b binaries, clean func(), err error) {
	dir := built
	clean = func() {}
	if built == "" {
		if dir, err = os.MkdirTemp("", "limitd-mutants-"); err != nil {
			return b, clean, fmt.Errorf("make a folder: %w", err)
		}
		clean = func() { _ = os.RemoveAll(dir) }
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return b, clean, fmt.Errorf("make a folder: %w", err)
	}
	b, err = build(ctx, root, dir)
	if err != nil {
		clean()
	}
	return b, clean, err
}

// row is what became of one bug.
type row struct {
	Bug
	with, without sight
	err           error // of the instrument
}

// missed tells whether the judge failed.
func (r row) missed() bool { return r.err != nil || !r.with.convicted(r.By) || len(r.without.by) > 0 }

// judge runs each bug, and each run once without.
func judge(ctx context.Context, b binaries, chosen []Bug, jobs int) []row {
	rows := make([]row, len(chosen))
	clean := innocents{seen: make(map[Run]*innocent)}
	next := make(chan int)
	var workers sync.WaitGroup
	for range jobs {
		workers.Go(func() {
			for i := range next {
				r := row{Bug: chosen[i]}
				r.Run, r.with, r.err = b.convict(ctx, chosen[i])
				var err error
				r.without, err = clean.perform(ctx, b, r.Run)
				r.err = errors.Join(r.err, err)
				rows[i] = r
				fmt.Fprintf(os.Stderr, "%s: %s\n", r.Name, r.verdict())
			}
		})
	}
	for i := range chosen {
		next <- i
	}
	close(next)
	workers.Wait()
	return rows
}

// innocents are the runs without a bug, each made once.
type innocents struct {
	mu   sync.Mutex
	seen map[Run]*innocent
}

type innocent struct {
	once sync.Once
	said sight
	err  error
}

func (c *innocents) perform(ctx context.Context, b binaries, r Run) (sight, error) {
	c.mu.Lock()
	if c.seen[r] == nil {
		c.seen[r] = new(innocent)
	}
	one := c.seen[r]
	c.mu.Unlock()
	one.once.Do(func() { one.said, one.err = b.perform(ctx, r, "", "") })
	return one.said, one.err
}

func count(rows []row, is func(row) bool) (n int) {
	for _, r := range rows {
		if is(r) {
			n++
		}
	}
	return n
}
