//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/limitd/limitd/jepsen/nemesis"
	"github.com/limitd/limitd/jepsen/network"
	"github.com/limitd/limitd/jepsen/report"
)

// totals sums runs up.
type totals struct {
	began                                  time.Time
	runs, failed                           int
	operations, unknown, elections, broken int
	struck                                 map[string]int             // faults by kind
	asked                                  map[string]bool            // kinds that runs asked for
	lacking                                map[string]map[string]bool // by kind: why it could not be
	sums                                   []report.Summary
	kept                                   int64    // bytes of nodes' data that failed runs left
	leftOut                                []string // runs that could not be made, and why
}

func newTotals() *totals {
	return &totals{began: time.Now(), struck: make(map[string]int), asked: make(map[string]bool), lacking: make(map[string]map[string]bool)}
}

// announce says where runs will take place.
func announce(o options) {
	n, err := network.Open(network.Config{Nodes: 1, Loopback: o.loopback})
	if err != nil {
		fmt.Println("network:", err)
		return
	}
	defer n.Close()
	disks := "plain folders: no power loss, and a full disk is a bound on the growth of files"
	if nemesis.IsPrivate() {
		disks = "file systems of their own, where disks fail"
	}
	fmt.Printf("network: %s\ndata directories: %s\n", n.Variant(), disks)
}

// add makes a run and tells of it; or why it cannot be made.
func (t *totals) add(ctx context.Context, p plan, o options) {
	p = p.settle()
	if err := o.lacks(p); err != nil {
		t.leftOut = append(t.leftOut, fmt.Sprintf("left out: %s under %s: %v", p.workload, p.nemesis, err))
		fmt.Println(t.leftOut[len(t.leftOut)-1])
		return
	}
	p.struck = maps.Clone(t.struck)
	r := p.make(ctx, o)
	r.print()
	t.runs++
	if r.failed() {
		t.failed++
	}
	t.broken += len(r.broken)
	t.keep(r)
	if _, list, err := p.check(); err == nil {
		t.ask(list)
	}
	if r.h == nil {
		return
	}
	t.sums = append(t.sums, r.sum)
	t.operations += len(r.h.Ops)
	t.unknown += unknowns(r.h)
	t.elections += elections(r.h)
	for _, f := range r.h.Faults {
		if f.Error == "" {
			t.struck[f.Kind]++
			continue
		}
		if t.lacking[f.Kind] == nil {
			t.lacking[f.Kind] = make(map[string]bool)
		}
		t.lacking[f.Kind][f.Error] = true
	}
}

// ask notes that faults are to strike.
func (t *totals) ask(list []nemesis.Nemesis) {
	for _, n := range list {
		t.asked[n.Name] = true
	}
}

// missing returns the groups with kinds of faults that were asked for and never
// struck, though they may be possible.
func (t *totals) missing() (groups []string) {
	for _, n := range nemesis.All() {
		if t.asked[n.Name] && t.struck[n.Name] == 0 && t.lacking[n.Name] == nil && !slices.Contains(groups, n.Group) {
			groups = append(groups, n.Group)
		}
	}
	return groups
}

// mostKept is how many bytes of nodes' data failed runs may leave, all together.
const mostKept = 4 << 30

// keep leaves the nodes' data of a failed run where it is as long as there is
// little of it; else only the nodes' logs.
func (t *totals) keep(r result) {
	if !r.failed() {
		return
	}
	if size := dataSize(r.dir); t.kept+size <= mostKept {
		t.kept += size
		return
	}
	fmt.Println("      failed runs left much data already: of this one only the logs stay")
	if err := removeData(r.dir); err != nil {
		fmt.Println("     ", err)
	}
}

// index writes a page over all runs into the folder that theirs are in.
func (t *totals) index(title, out string) error {
	path := filepath.Join(out, indexFile)
	f, err := os.Create(path)
	if err == nil {
		err = errors.Join(report.Index(f, title, t.sums), f.Close())
	}
	if err != nil {
		return fmt.Errorf("write the page over all runs: %w", err)
	}
	fmt.Printf("\nto look at: %s\n", path)
	return nil
}

// indexFile is that page.
const indexFile = "index.html"

// verdict prints the sums. Its error says that not all is well. insist: every
// kind that was asked for must have struck.
func (t *totals) verdict(insist bool) error {
	fmt.Printf("\n%d runs in %s: %d operations checked, %d of unknown outcome, %d elections, %d violations, %d runs failed\n",
		t.runs, time.Since(t.began).Round(time.Second), t.operations, t.unknown, t.elections, t.broken, t.failed)
	fmt.Print("faults:")
	total := 0
	for _, kind := range slices.Sorted(maps.Keys(t.struck)) {
		fmt.Printf(" %s %d,", kind, t.struck[kind])
		total += t.struck[kind]
	}
	fmt.Printf(" in all %d\n", total)
	for _, kind := range slices.Sorted(maps.Keys(t.lacking)) {
		for _, why := range slices.Sorted(maps.Keys(t.lacking[kind])) {
			fmt.Printf("not possible: %s: %s\n", kind, why)
		}
	}
	for _, text := range t.leftOut {
		fmt.Println(text)
	}
	never := false
	for _, kind := range slices.Sorted(maps.Keys(t.asked)) {
		if t.struck[kind] == 0 {
			fmt.Printf("never struck: %s\n", kind)
			never = insist
		}
	}
	fmt.Printf("kinds of faults: %d of %d struck\n", len(t.struck), len(nemesis.All()))
	fmt.Printf("jepsen: %d passed, %d failed\n", t.runs-t.failed, t.failed)
	if t.failed > 0 || never {
		return errFailed
	}
	return nil
}
