package sim_test

import (
	"os"
	"slices"
	"testing"
	"time"

	"github.com/limitd/limitd/jepsen/sim"
	"github.com/limitd/limitd/jepsen/sim/batch"
)

// TestSeeds runs the seeds that found something once, and then others, always
// the same ones, as long as it may: 10 s, or a minute with LIMITD_LONG. New ones
// are for make sim, whose binary can run each again exactly.
func TestSeeds(t *testing.T) {
	budget := 10 * time.Second
	if os.Getenv("LIMITD_LONG") != "" {
		budget = time.Minute
	}
	totals := batch.NewTotals()
	tell := func(p sim.Report) {
		totals.Add(p)
		if p.Stuck != "" {
			p.Print(t.Output())
		}
		if len(p.Violations) > 0 {
			p.Print(t.Output())
			t.Errorf("seed %d failed; again: go run ./jepsen/sim/seeds -replay %d", p.Seed, p.Seed)
		}
	}
	began := time.Now()
	for _, k := range known(t) {
		tell(self(k.Args...).One(t.Context(), k.Seed))
	}
	left := budget - time.Since(began)
	self().Run(t.Context(), batch.Until(batch.From(1000, 1000), left), tell)
	t.Log(totals.Line())
	if totals.Operations < 100*totals.Seeds {
		t.Errorf("%d operations in %d seeds: the callers do next to nothing", totals.Operations, totals.Seeds)
	}
}

func known(t *testing.T) []batch.Known {
	f, err := os.Open("testdata/seeds.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	list, err := batch.ReadKnown(f)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestRareFaultsStrike has each fault that a seed may do without strike, and
// looks whether it did what it is for.
func TestRareFaultsStrike(t *testing.T) {
	for name, test := range map[string]struct {
		faults string
		counts []string // of which one at least has to be there
	}{
		"a backup, twice":       {"restore@1s+2s:leader restore@2s+3s:leader", []string{"restored"}},
		"and its leader killed": {"restore@1s+2s:leader kill@3100ms+1s:leader", []string{"restored"}},
		"gossip cut":            {"unheard@500ms+5s:n2 join@1s+3s", []string{"fault unheard"}},
		"all cut":               {"split@500ms+5s:leader", []string{"fault split"}},
		"flipped bits":          {"rot@500ms+2s:n1 rot@4s+2s:n2", []string{"damage refused", "damage unseen"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := self("-sim.workload=semaphore", "-sim.duration=8s", "-sim.faults="+test.faults).One(t.Context(), 3)
			if len(p.Violations) > 0 {
				p.Print(t.Output())
				t.Error("it failed")
			}
			if !slices.ContainsFunc(test.counts, func(what string) bool { return p.Counts[what] > 0 }) {
				t.Errorf("of %v nothing was counted: %v", test.counts, p.Counts)
			}
		})
	}
}

// TestPlansFollowFromTheirSeed checks that a plan is a function of its seed,
// whatever was chosen beside, and that plans differ.
func TestPlansFollowFromTheirSeed(t *testing.T) {
	seen := make(map[string]bool)
	for seed := range uint64(200) {
		a, b := sim.NewPlan(seed, sim.Choice{}), sim.NewPlan(seed, sim.Choice{})
		if !slices.Equal(a.Words(), b.Words()) {
			t.Fatalf("seed %d has two plans", seed)
		}
		for _, f := range a.Faults {
			seen[f.Kind] = true
			if f.At < 0 || f.At > a.Duration || f.For <= 0 {
				t.Errorf("seed %d: %v", seed, f)
			}
		}
		if n := len(a.Faults); n > 1 {
			kept := sim.NewPlan(seed, sim.Choice{Keep: []int{n - 1}})
			if !slices.Equal(kept.Words(), a.Words()[n-1:]) {
				t.Errorf("seed %d, with its last fault alone: %v", seed, kept.Words())
			}
		}
	}
	if len(seen) != sim.Kinds() {
		t.Errorf("200 seeds have %d kinds of faults of %d", len(seen), sim.Kinds())
	}
}
