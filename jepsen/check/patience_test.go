package check_test

import (
	"testing"

	"github.com/limitd/limitd/jepsen/check"
	"github.com/limitd/limitd/jepsen/history"
)

// contended is a world in which one client wants all of three limits that the
// others keep busy.
func contended(seed uint64, bug string) setting {
	c := plain()
	c.seed, c.bug, c.clients, c.fussy, c.run = seed, bug, 10, false, patient
	c.names = []string{"east", "north", "west"}
	c.limits = map[string]history.Settings{"east": {Slots: 2}, "west": {Slots: 2}, "north": {Slots: 2}}
	return c
}

func TestWhoIsProtectedIsNotOvertaken(t *testing.T) {
	looked := 0
	for seed := range uint64(60) {
		c := contended(seed, "")
		c.calm = seed%2 == 0
		h := must(play(c))
		for _, v := range check.All(h) {
			if len(v.Violations) > 0 {
				t.Fatalf("seed %d: %s", seed, describe(h, v.Violations[0]))
			}
			if v.Checker.Name == "patience" {
				looked += v.Looked
			}
		}
	}
	if looked < 100 {
		t.Errorf("patience looked at %d things in 60 worlds", looked)
	}
	for _, bug := range []string{"patience ignored", "nothing is kept"} {
		seen := 0
		for seed := range uint64(10) {
			if found := convicted(must(play(contended(seed, bug)))); found["patience"].What != "" {
				seen++
			}
		}
		if seen < 8 {
			t.Errorf("%s: convicted by patience in %d of 10 worlds", bug, seen)
		}
	}
}

// TestUnknownPatienceConvictsNobody has an old history, which does not tell it.
func TestUnknownPatienceConvictsNobody(t *testing.T) {
	h := must(play(contended(1, "patience ignored")))
	h.Final.Patience = 0
	if found := convicted(h); len(found) > 0 {
		t.Errorf("convicted: %v", found)
	}
}
