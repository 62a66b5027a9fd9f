//go:build linux

package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/limitd/limitd/jepsen/check"
	"github.com/limitd/limitd/jepsen/history"
	"github.com/limitd/limitd/jepsen/nemesis"
	"github.com/limitd/limitd/jepsen/workload"
)

// TestListsAskForWhatThereIs also checks that the matrix leaves nothing out.
func TestListsAskForWhatThereIs(t *testing.T) {
	asked := make(map[string]bool)
	for _, p := range slices.Concat(matrix(), short()) {
		w, list, err := p.complete(1).check()
		if err != nil || p.time == 0 {
			t.Errorf("%+v: %v", p, err)
		}
		asked[w.Name] = true
		for _, n := range list {
			asked[n.Name] = true
		}
	}
	for _, w := range append(workload.All(), workload.WithPrefect(nil)) {
		if !asked[w.Name] {
			t.Errorf("no run of the matrix has the workload %s", w.Name)
		}
	}
	for _, n := range nemesis.All() {
		if !asked[n.Name] {
			t.Errorf("no run of the matrix has the nemesis %s", n.Name)
		}
	}
}

func TestASoakDrawsWhatThereIs(t *testing.T) {
	d := newDealer(1)
	drawn := make(map[string]bool)
	for range 100 {
		p := d.deal(nil).complete(1)
		w, list, err := p.check()
		if err != nil || len(list) == 0 || p.nodes < 3 || p.time < 30*time.Second {
			t.Fatalf("%+v: %v", p, err)
		}
		drawn[w.Name] = true
		for _, n := range list {
			drawn[n.Name] = true
		}
	}
	if want := len(workload.All()) + len(nemesis.All()); len(drawn) != want {
		t.Errorf("100 runs draw %d workloads and nemeses of %d", len(drawn), want)
	}
}

func TestAStoredHistoryIsJudgedAgain(t *testing.T) {
	h := &history.History{Run: history.Run{Instrument: "real", Workload: "semaphore", Nemesis: "kill", Nodes: 3, Duration: 5 * time.Second}}
	for i := range 1000 {
		at := time.Duration(i+1) * 4 * time.Millisecond
		h.Ops = append(h.Ops, history.Op{
			Number: i + 1, Client: 1, Kind: history.ReadLimit, Call: at, Return: at + time.Millisecond, Outcome: history.OK,
			Index: uint64(i + 10), Time: int64(at), Ask: history.Ask{Limits: []history.Want{{Name: "none"}}},
		})
	}
	h.Faults = []history.Fault{{Kind: "kill-all", Group: "kill", From: time.Second, To: 2 * time.Second}}
	h.Final = &history.Final{Nodes: []history.FinalNode{{Name: "n1", Digest: "ab"}, {Name: "n2", Digest: "ab"}, {Name: "n3", Digest: "ab"}}, Limits: map[string]int64{}, Index: 2000}
	judged := func(dir string) error {
		if err := store(h, check.All(h), dir, nil); err != nil {
			t.Fatal(err)
		}
		return judgeAgain([]string{filepath.Join(dir, historyFile)})
	}
	dir := t.TempDir()
	if err := judged(dir); err != nil {
		t.Errorf("a clean run: %v", err)
	}
	page, err := os.ReadFile(filepath.Join(dir, reportFile))
	if err != nil || !strings.Contains(string(page), "semaphore") {
		t.Errorf("the report: %d bytes, %v", len(page), err)
	}
	h.Faults = nil
	if err := judged(t.TempDir()); !errors.Is(err, errFailed) {
		t.Errorf("a run whose nemesis never struck: %v", err)
	}
	h.Faults, h.Ops[500].Time = []history.Fault{{Kind: "kill-all", Group: "kill"}}, 1
	if err := judged(t.TempDir()); !errors.Is(err, errFailed) {
		t.Errorf("cluster time went back: %v", err)
	}
}

// TestASoakComesToEveryKind has each run of a soak strike with what one of 90 s
// has time for at the least, the kinds first that struck the least before.
func TestASoakComesToEveryKind(t *testing.T) {
	const runs, strikes = 16, 4 // of 100 s each: half an hour
	for seed := range uint64(200) {
		d, sums := newDealer(seed), newTotals()
		sums.ask(nemesis.All())
		made := 0
		for ; made < runs && len(sums.missing()) > 0; made++ {
			_, list, err := d.deal(sums.missing()).check()
			if err != nil {
				t.Fatal(err)
			}
			slices.SortStableFunc(list, func(x, y nemesis.Nemesis) int { return sums.struck[x.Name] - sums.struck[y.Name] })
			for _, n := range list[:min(strikes, len(list))] {
				sums.struck[n.Name]++
			}
		}
		if left := sums.missing(); len(left) > 0 {
			t.Errorf("seed %d: after %d runs kinds of %v never struck", seed, made, left)
		}
	}
}

func TestFailedRunsLeaveNoMoreThanSoMuch(t *testing.T) {
	sums := newTotals()
	r := result{dir: t.TempDir(), err: errors.New("it failed")}
	path := filepath.Join(r.dir, "n1", "raft.db")
	if err := errors.Join(os.Mkdir(filepath.Dir(path), 0o755), os.WriteFile(path, make([]byte, 5000), 0o600), os.WriteFile(filepath.Join(r.dir, "n1.log"), []byte("x"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if sums.keep(r); sums.kept < 5000 || sums.kept > 50_000 {
		t.Errorf("5000 bytes of data count as %d", sums.kept)
	}
	sums.kept = mostKept
	sums.keep(r)
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the data is there still: %v", err)
	}
	if _, err := os.Stat(filepath.Join(r.dir, "n1.log")); err != nil {
		t.Error(err)
	}
}

func TestTotalsInsistOnEveryKind(t *testing.T) {
	sums := newTotals()
	sums.asked["kill-all"], sums.asked["bridge"] = true, true
	sums.struck["kill-all"] = 3
	if err := sums.verdict(false); err != nil {
		t.Errorf("a list that need not be whole: %v", err)
	}
	if err := sums.verdict(true); !errors.Is(err, errFailed) {
		t.Errorf("bridge never struck: %v", err)
	}
}
