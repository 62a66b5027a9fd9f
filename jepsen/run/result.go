//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/limitd/limitd/jepsen/check"
	"github.com/limitd/limitd/jepsen/history"
	"github.com/limitd/limitd/jepsen/report"
)

// result is what came of one run.
type result struct {
	plan   plan
	dir    string
	h      *history.History // nil: there was no cluster
	sum    report.Summary
	broken []check.Violation
	err    error // what went wrong beside what checkers see
	took   time.Duration
}

// make makes a run, judges it, and leaves in its folder what is worth keeping.
func (p plan) make(ctx context.Context, o options) result {
	began := time.Now()
	r := result{plan: p, dir: filepath.Join(o.out, p.name())}
	var g *ground
	r.h, g, r.err = play(ctx, p, o)
	if r.h != nil {
		verdicts := check.All(r.h)
		r.broken = violations(r.h, verdicts)
		r.err = errors.Join(r.err, r.leave(g, verdicts, o.keep))
		r.sumUp(verdicts)
	}
	r.took = time.Since(began)
	return r
}

// leave writes the history and its report, and removes the nodes' files unless
// somebody will want to see them.
func (r *result) leave(g *ground, verdicts []check.Verdict, keep bool) error {
	var links []report.Link
	if r.err != nil {
		if err := os.WriteFile(filepath.Join(r.dir, errorsFile), []byte(r.err.Error()+"\n"), 0o644); err != nil {
			return fmt.Errorf("write what went wrong: %w", err)
		}
		links = append(links, report.Link{Path: errorsFile, What: "what went wrong beside what checkers see: " + r.err.Error()})
	}
	if r.failed() || keep {
		return store(r.h, verdicts, r.dir, append(links, g.logs()...))
	}
	return errors.Join(g.clean(), store(r.h, verdicts, r.dir, links))
}

func (r *result) sumUp(verdicts []check.Verdict) {
	name := filepath.Base(r.dir)
	r.sum = report.Summarize(name, name+"/"+reportFile, r.h, verdicts)
	if r.err != nil {
		r.sum.Result.Passed = false
		r.sum.Result.Why = append(r.sum.Result.Why, r.err.Error())
	}
}

func (r result) failed() bool { return r.err != nil || len(r.broken) > 0 }

// logs links to the nodes' logs.
func (g *ground) logs() (links []report.Link) {
	for _, n := range g.cluster.Nodes() {
		links = append(links, report.Link{Path: filepath.Base(n.Log()), What: "the log of " + n.Name})
	}
	return links
}

// clean removes the files of nodes and programs.
func (g *ground) clean() error {
	files, err := filepath.Glob(filepath.Join(g.dir, "n[0-9]*"))
	for _, f := range files {
		err = errors.Join(err, os.RemoveAll(f))
	}
	return errors.Join(err, os.RemoveAll(filepath.Join(g.dir, programsDir)), os.RemoveAll(filepath.Join(g.dir, trustDir)))
}

// nodesData returns the data directories of a run's nodes, and the disks that
// they were.
func nodesData(dir string) (list []string) {
	for _, pattern := range []string{"n[0-9]*.img", "n[0-9]"} {
		found, _ := filepath.Glob(filepath.Join(dir, pattern)) // the patterns are good
		list = append(list, found...)
	}
	return list
}

// dataSize returns how many bytes of the disk nodes' data take: a disk of theirs
// is a file with holes.
func dataSize(dir string) (size int64) {
	for _, root := range nodesData(dir) {
		_ = filepath.WalkDir(root, func(_ string, e fs.DirEntry, err error) error {
			if err != nil {
				return nil // it went meanwhile
			}
			if info, err := e.Info(); err == nil {
				size += info.Sys().(*syscall.Stat_t).Blocks * 512
			}
			return nil
		})
	}
	return size
}

func removeData(dir string) (err error) {
	for _, path := range nodesData(dir) {
		err = errors.Join(err, os.RemoveAll(path))
	}
	return err
}

// print tells of a run in one line, and of what is wrong with it.
func (r result) print() {
	word := "ok  "
	if r.failed() {
		word = "FAIL"
	}
	p := r.plan
	fmt.Printf("%s %-16s %-28s n=%d %-6s seed %-9d %s %4.0fs\n", word, p.workload, p.nemesis+p.extras(), p.nodes, p.store, p.seed, r.figures(), r.took.Seconds())
	if !r.failed() {
		return
	}
	tell(r.broken)
	if r.err != nil {
		fmt.Println("      " + strings.ReplaceAll(r.err.Error(), "\n", "\n      "))
	}
	fmt.Printf("      see %s\n", r.dir)
}

func (r result) figures() string {
	if r.h == nil {
		return "did not start"
	}
	rate, _ := check.Traffic(r.h)
	struck, not := 0, 0
	for _, f := range r.h.Faults {
		if f.Error == "" {
			struck++
		} else {
			not++
		}
	}
	faults := fmt.Sprintf("faults %2d", struck)
	if not > 0 {
		faults += fmt.Sprintf(" (%d not possible)", not)
	}
	return fmt.Sprintf("ops %6d %5.0f/s  %s  unknown %d  elections %d", len(r.h.Ops), rate, faults, unknowns(r.h), elections(r.h))
}

func unknowns(h *history.History) (n int) {
	for i := range h.Ops {
		if h.Ops[i].Outcome == history.Unknown {
			n++
		}
	}
	return n
}

// elections counts those after the first.
func elections(h *history.History) int { return max(0, len(h.Leaders)-1) }
