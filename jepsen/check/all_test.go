package check_test

import (
	"flag"
	"fmt"
	"testing"

	"github.com/limitd/limitd/jepsen/check"
	"github.com/limitd/limitd/jepsen/history"
)

var (
	worlds     = flag.Int("worlds", 200, "how many correct histories TestTheInnocentGoFree has judged")
	firstWorld = flag.Int("first", 0, "the seed of the first of them")
)

// convicted lists the checkers that convict a history, with their first words.
func convicted(h *history.History) map[string]check.Violation {
	found := map[string]check.Violation{}
	for _, v := range check.All(h) {
		if len(v.Violations) > 0 {
			found[v.Checker.Name] = v.Violations[0]
		}
	}
	return found
}

func describe(h *history.History, v check.Violation) string {
	text := fmt.Sprintf("%s (%s): %s", v.Checker, v.Rule, v.What)
	for _, n := range v.Ops {
		text += fmt.Sprintf("\n\t%+v", h.Ops[n-1])
	}
	return text
}

func TestTheInnocentGoFree(t *testing.T) {
	looked := map[string]int{}
	for seed := *firstWorld; seed < *firstWorld+*worlds; seed++ {
		c := plain()
		c.seed, c.fussy, c.calm = uint64(seed), seed%3 != 0, seed%2 == 0
		c.library, c.restore, c.clients, c.tries = seed%5 == 4, seed%7 == 6, 3+seed%11, seed%13 == 12
		h, _ := play(c)
		for _, v := range check.All(h) {
			looked[v.Checker.Name] += v.Looked
			for _, x := range v.Violations {
				t.Fatalf("seed %d, %d ops: %s", seed, len(h.Ops), describe(h, x))
			}
		}
	}
	t.Logf("looked at: %v", looked)
}
