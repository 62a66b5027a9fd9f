package check_test

import (
	"strings"
	"testing"
	"time"

	"github.com/limitd/limitd/jepsen/check"
	"github.com/limitd/limitd/jepsen/history"
)

// oversupplied is a world in which everybody wants the one rate limit, always.
func oversupplied(seed uint64, bug string) setting {
	return setting{
		seed: seed, bug: bug, clients: 12, length: 5 * time.Second, names: []string{"api"}, calm: true, run: check.Oversupply,
		limits: map[string]history.Settings{"api": {Slots: 4, RateNum: 70, RatePer: time.Second}},
	}
}

func TestOversupplyIsExact(t *testing.T) {
	for seed := range uint64(10) {
		h, _ := play(oversupplied(seed, ""))
		if found := convicted(h); len(found) > 0 {
			t.Fatalf("seed %d: %v", seed, found)
		}
	}
	for _, v := range check.All(must(play(oversupplied(1, "")))) {
		if v.Checker.Name == "exact" && v.Looked < 20 {
			t.Errorf("exact looked at %d grants only", v.Looked)
		}
	}
	for bug, by := range map[string]string{"the bucket leaks slower": "exact", "the bucket has one less": "reads", "the bucket has one more": "rate", "the bucket leaks faster": "rate"} {
		if found := convicted(must(play(oversupplied(1, bug)))); found[by].What == "" {
			t.Errorf("%s: not convicted by %s, only %v", bug, by, found)
		}
	}
}

func must(h *history.History, _ int) *history.History { return h }

// TestTokensStayUniqueOverARestore has the tokens of a restored backup start
// where the backup was.
func TestTokensStayUniqueOverARestore(t *testing.T) {
	seen := 0
	for seed := range uint64(10) {
		c := plain()
		c.seed, c.restore, c.bug = seed, true, "tokens start again"
		if found := convicted(must(play(c))); found["tokens"].What != "" {
			seen++
		}
	}
	if seen < 8 {
		t.Errorf("convicted by tokens in %d of 10 worlds", seen)
	}
}

func TestTooLittleIsNotEnough(t *testing.T) {
	good := func() *history.History {
		c := plain()
		c.fussy = false
		return must(play(c))
	}
	if v := check.Enough(good()); len(v) > 0 {
		t.Fatalf("a good run: %v", v)
	}
	real := func(perSecond int, f history.Fault) *history.History {
		h := good()
		h.Run.Instrument, h.Run.Duration, h.Ops, h.Faults = "real", 10*time.Second, nil, []history.Fault{f}
		for i := range 10 * perSecond {
			at := time.Duration(i) * time.Second / time.Duration(perSecond)
			if at < f.From || at > f.To {
				h.Ops = append(h.Ops, history.Op{Number: i + 1, Call: at, Return: at, Outcome: history.OK})
			}
		}
		return h
	}
	kill := history.Fault{Kind: "kill", From: 3 * time.Second, To: 5 * time.Second}
	if v := check.Enough(real(120, kill)); len(v) > 0 {
		t.Errorf("120 a second outside of a fault: %v", v)
	}
	for says, h := range map[string]*history.History{
		"operations":          func() *history.History { h := good(); h.Ops = h.Ops[:20]; return h }(),
		"a second":            real(80, kill),
		`"kill" never struck`: func() *history.History { h := good(); h.Run.Nemesis = "kill"; return h }(),
		`"pause" never`: func() *history.History {
			h := good()
			h.Run.Nemesis, h.Faults = "kill,pause", []history.Fault{{Kind: "kill"}, {Kind: "pause", Error: "no such process"}}
			return h
		}(),
		"not looked at":       func() *history.History { h := good(); h.Final = nil; return h }(),
		"could not be looked": func() *history.History { h := good(); h.Final.Error = "no leader"; return h }(),
		"only 2 of 3 nodes":   func() *history.History { h := good(); h.Final.Nodes = h.Final.Nodes[:2]; return h }(),
		"seconds had none":    func() *history.History { h := real(200, history.Fault{Kind: "kill", To: 9 * time.Second}); return h }(),
	} {
		v := check.Enough(h)
		if len(v) != 1 || !strings.Contains(v[0].What, says) {
			t.Errorf("it should say only %q: %v", says, v)
		}
	}
}

func TestCheckersJudgeWhatAllJudges(t *testing.T) {
	c := plain()
	c.bug = "over-grant"
	h := must(play(c))
	all := check.All(h)
	for i, one := range check.Checkers() {
		if one.Name == "" || one.What == "" || one.Rules == "" || all[i].Checker.Name != one.Name {
			t.Errorf("checker %d is %+v", i, one)
		}
		if got := one.Judge(h); len(got) != len(all[i].Violations) {
			t.Errorf("%s convicts %d times by itself, and %d among all", one.Name, len(got), len(all[i].Violations))
		}
	}
}

func TestLostTellsWhatElectionsCost(t *testing.T) {
	c := plain()
	h := must(play(c))
	if lost := check.Lost(h); lost < 0 || lost > 300*time.Millisecond {
		t.Errorf("lost %s", lost)
	}
	for i := range h.Ops {
		h.Ops[i].Time = h.Ops[i].Time / 2
	}
	if lost := check.Lost(h); lost < 2*time.Second {
		t.Errorf("lost %s, of half a run", lost)
	}
}

// TestIdleTimeIsNotCounted has callers that come late: the bucket was empty for
// a while, so less was admitted than had decayed in a full one.
func TestIdleTimeIsNotCounted(t *testing.T) {
	const ms = time.Millisecond
	h := &history.History{Run: history.Run{Instrument: "sim", Workload: check.Oversupply, MaxBackdate: 100 * ms, Remember: time.Minute}}
	add := func(o history.Op, at time.Duration) {
		o.Number, o.Outcome, o.Index, o.Time = len(h.Ops)+1, history.OK, uint64(len(h.Ops)+1), int64(at)
		o.Call, o.Return = at-o.Waited-ms, at+ms
		h.Ops = append(h.Ops, o)
	}
	take := func(at time.Duration, slots int64, waited time.Duration) {
		o := history.Op{Kind: history.Acquire, Client: len(h.Ops), Ask: history.Ask{ID: "id-" + at.String(), Limits: []history.Want{{Name: "api", Slots: slots, Rate: true}}}}
		o.Token, o.Waited, o.Granted = uint64(len(h.Ops)+1), waited, []history.Granted{{Name: "api", Slots: slots, Rate: true, Counted: true}}
		add(o, at)
	}
	put := history.Op{Kind: history.Put, Ask: history.Ask{Limits: []history.Want{{Name: "api"}}, Config: &history.Settings{Slots: 2, RateNum: 10, RatePer: time.Second}}}
	add(put, 0)
	take(10*ms, 2, 0)
	for at := 100 * ms; at < 2*time.Second; at += 50 * ms { // empty from 210 ms on
		read := history.Op{Kind: history.ReadLimit, Ask: history.Ask{Limits: []history.Want{{Name: "api"}}}}
		read.Found, read.Slots, read.Occupied = true, 2, max(0, 2-int64((at-10*ms)/(100*ms)))
		add(read, at)
	}
	take(2*time.Second, 2, 0)
	for i := range time.Duration(10) {
		take(2*time.Second+(i+1)*100*ms, 1, 100*ms)
	}
	if found := convicted(h); len(found) > 0 {
		t.Errorf("convicted: %v", found)
	}
}
