package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/limitd/limitd/jepsen/check"
	"github.com/limitd/limitd/jepsen/history"
)

// Result is a run in one line.
type Result struct {
	// Passed: nothing was violated, and the run was one that could have shown it.
	Passed bool
	// Violations over all checkers.
	Violations int
	// Why it did not pass, a sentence each.
	Why []string
	// But is what a reader must know who believes a pass: what was not looked at.
	But []string
}

// Sum sums up a run and its verdicts.
func Sum(h *history.History, verdicts []check.Verdict) Result {
	var r Result
	var idle []string
	for _, v := range verdicts {
		r.Violations += len(v.Violations)
		if n := len(v.Violations); n > 0 {
			r.Why = append(r.Why, fmt.Sprintf("%s (%s): %s", v.Checker.Name, v.Checker.Rules, count(n, "violation")))
		}
		if v.Looked == 0 {
			idle = append(idle, v.Checker.Name)
		}
	}
	r.Why = append(r.Why, hollow(h, verdicts, idle)...)
	r.But = caveats(h, idle)
	r.Passed = len(r.Why) == 0
	return r
}

// hollow says why a run proves nothing, whatever its checkers say.
func hollow(h *history.History, verdicts []check.Verdict, idle []string) []string {
	var why []string
	if len(h.Ops) == 0 {
		why = append(why, "nobody called: there is nothing to judge")
	}
	switch {
	case len(verdicts) == 0:
		why = append(why, "no checker judged the run")
	case len(idle) == len(verdicts):
		why = append(why, "no checker found anything to look at")
	}
	if !slices.ContainsFunc(verdicts, func(v check.Verdict) bool { return v.Checker.Name == "enough" }) {
		for _, v := range check.Enough(h) {
			why = append(why, v.What)
		}
	}
	return why
}

// caveats says what was not judged.
func caveats(h *history.History, idle []string) []string {
	var but []string
	if len(idle) > 0 {
		but = append(but, "nothing in this run for "+strings.Join(idle, ", ")+" to look at")
	}
	failed := 0
	var why []string
	for _, f := range h.Faults {
		if f.Error == "" {
			continue
		}
		failed++
		if s := f.Kind + ": " + f.Error; !slices.Contains(why, s) {
			why = append(why, s)
		}
	}
	if failed > 0 {
		but = append(but, count(failed, "fault")+" could not be injected ("+short(join(why), 600)+")")
	}
	if h.Run.Commit == "" {
		but = append(but, "the commit is not known")
	}
	return but
}

// runLength is how long the part with callers took, also where the run did not say.
func runLength(h *history.History) time.Duration {
	if h.Run.Duration > 0 {
		return h.Run.Duration
	}
	var end time.Duration
	for i := range h.Ops {
		_, to := span(&h.Ops[i])
		end = max(end, to)
	}
	return end
}

// firstCall is when callers began: a cluster takes a moment to start.
func firstCall(h *history.History) time.Duration {
	first := runLength(h)
	for i := range h.Ops {
		first = min(first, max(h.Ops[i].Call, 0))
	}
	return first
}

// whole is how long the picture of a run is: to the last thing that happened.
func whole(h *history.History) time.Duration {
	end := runLength(h)
	for i := range h.Ops {
		_, to := span(&h.Ops[i])
		end = max(end, to)
	}
	for _, f := range h.Faults {
		end = max(end, f.From, f.To)
	}
	for _, l := range h.Leaders {
		end = max(end, l.At)
	}
	return end
}
