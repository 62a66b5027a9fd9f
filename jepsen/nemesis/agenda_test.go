//go:build linux

package nemesis

import (
	"math/rand/v2"
	"testing"
)

func TestAnAgendaComesToEveryKind(t *testing.T) {
	list, err := Named("mixed,restore,trust,tokens,upgrade")
	if err != nil {
		t.Fatal(err)
	}
	groups := len(Groups())
	a := newAgenda(list, nil, rand.New(rand.NewPCG(1, 1)).Shuffle)
	kinds, largest := make(map[string]int), 0
	for range 100 {
		round := make(map[string]int)
		for range groups {
			n := a.next()
			round[n.Group]++
			kinds[n.Name]++
			largest = max(largest, kinds[n.Name])
		}
		if len(round) != groups {
			t.Fatalf("a round of %d groups has %v", groups, round)
		}
	}
	for _, n := range All() {
		if kinds[n.Name] == 0 {
			t.Errorf("%s never came in 100 rounds", n.Name)
		}
	}
}

func TestAnAgendaBeginsWithWhatStruckLeast(t *testing.T) {
	list, err := Named("kill")
	if err != nil {
		t.Fatal(err)
	}
	struck := make(map[string]int)
	for i, n := range list {
		struck[n.Name] = i % 2
	}
	for seed := range uint64(20) {
		a := newAgenda(list, struck, rand.New(rand.NewPCG(seed, 1)).Shuffle)
		for i := range list {
			if n := a.next(); struck[n.Name] != 2*i/(len(list)+1) {
				t.Fatalf("seed %d: %s, struck before, came as number %d", seed, n.Name, i)
			}
		}
	}
}

func TestNamesOfNemeses(t *testing.T) {
	seen := make(map[string]bool)
	for _, n := range All() {
		if seen[n.Name] || n.What == "" || n.Group == "" || n.Start == nil || n.Lacks == nil {
			t.Errorf("%q is there twice, or lacks something", n.Name)
		}
		seen[n.Name] = true
	}
	if list, err := Named("none"); err != nil || len(list) != 0 {
		t.Errorf("none stands for %d, %v", len(list), err)
	}
	mixed, err := Named("mixed")
	if err != nil || len(mixed) < 34 {
		t.Errorf("mixed stands for %d of %d, %v", len(mixed), len(All()), err)
	}
	for _, n := range mixed {
		if byName(n.Group) {
			t.Errorf("%s of %s was not asked for", n.Name, n.Group)
		}
	}
	if _, err := Named("kill,quake"); err == nil {
		t.Error("an unknown name is taken")
	}
}
