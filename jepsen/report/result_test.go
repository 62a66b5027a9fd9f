package report

import (
	"strings"
	"testing"
	"time"

	"github.com/limitd/limitd/jepsen/check"
	"github.com/limitd/limitd/jepsen/history"
)

// good is a run that passes, and its verdicts.
func good() (*history.History, []check.Verdict) {
	h := &history.History{Run: history.Run{Instrument: "real", Nemesis: "kill", Duration: 10 * time.Second, Commit: "abc"}}
	for i := range 2000 {
		h.Ops = append(h.Ops, call(history.Release, i*5, i*5+1, history.OK))
	}
	h.Faults = []history.Fault{{Kind: "kill", From: 3 * time.Second, To: 4 * time.Second}}
	h.Run.Nodes, h.Final = 1, &history.Final{Nodes: []history.FinalNode{{Name: "n1", Digest: "aa"}}}
	return h, []check.Verdict{{Checker: check.Checker{Name: "tokens", Rules: "S2"}, Looked: 2000}}
}

// TestSum: what keeps a run from passing, and what it must say when it passes.
func TestSum(t *testing.T) {
	for _, c := range []struct {
		name     string
		change   func(*history.History, *[]check.Verdict)
		why, but string // "" : none
	}{
		{name: "good", change: func(*history.History, *[]check.Verdict) {}},
		{name: "a violation", why: "tokens (S2): 1 violation", change: func(_ *history.History, v *[]check.Verdict) {
			(*v)[0].Violations = []check.Violation{{Rule: "S2"}}
		}},
		{name: "no verdict", why: "no checker judged the run", change: func(_ *history.History, v *[]check.Verdict) { *v = nil }},
		{name: "blind checkers", why: "no checker found anything", but: "for tokens to look at", change: func(_ *history.History, v *[]check.Verdict) {
			(*v)[0].Looked = 0
		}},
		{name: "nobody called", why: "nobody called", change: func(h *history.History, _ *[]check.Verdict) { h.Ops = nil }},
		{name: "too little traffic", why: "operations a second were answered", change: func(h *history.History, _ *[]check.Verdict) {
			h.Ops = h.Ops[:0:0]
			for i := range 200 {
				h.Ops = append(h.Ops, call(history.Release, i*50, i*50+1, history.OK))
			}
		}},
		{name: "little traffic in the simulator", change: func(h *history.History, _ *[]check.Verdict) {
			h.Run.Instrument, h.Ops = "sim", h.Ops[:60]
		}},
		{name: "no fault fired", why: `the nemesis "kill" never struck`, but: "1 fault could not be injected (kill: no leader)", change: func(h *history.History, _ *[]check.Verdict) {
			h.Faults[0].Error = "no leader"
		}},
		{name: "no nemesis was asked for", change: func(h *history.History, _ *[]check.Verdict) { h.Run.Nemesis, h.Faults = "none", nil }},
		{name: "no final state", why: "the state at the end was not looked at", change: func(h *history.History, _ *[]check.Verdict) { h.Final = nil }},
		{name: "told once", why: "enough (run): 1 violation", change: func(h *history.History, v *[]check.Verdict) {
			h.Final = nil
			*v = append(*v, check.Verdict{Checker: check.Checker{Name: "enough", Rules: "run"}, Looked: 1, Violations: check.Enough(h)})
		}},
		{name: "no commit", but: "the commit is not known", change: func(h *history.History, _ *[]check.Verdict) { h.Run.Commit = "" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, verdicts := good()
			c.change(h, &verdicts)
			r := Sum(h, verdicts)
			if r.Passed != (c.why == "") {
				t.Errorf("passed: %v, %q", r.Passed, r.Why)
			}
			if c.name == "told once" && len(r.Why) != 1 {
				t.Errorf("told more than once: %q", r.Why)
			}
			if why := join(r.Why); !strings.Contains(why, c.why) || c.why == "" && why != "" {
				t.Errorf("it did not pass because %q; want %q", why, c.why)
			}
			if but := join(r.But); !strings.Contains(but, c.but) || c.but == "" && but != "" {
				t.Errorf("it passed, but %q; want %q", but, c.but)
			}
		})
	}
}
