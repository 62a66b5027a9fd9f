package check_test

import (
	"cmp"
	"slices"
	"testing"
	"time"

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

// line is a hand-made history, in which "glutton" waits for all of two limits
// from 100 ms to 2 s, and one slot of north is taken before its eyes at 1.5 s,
// when it has been first for 1.4 s, if nobody else was before it.
func line(patience time.Duration, others ...history.Op) *history.History {
	h := &history.History{Run: history.Run{Instrument: "sim", Remember: time.Minute}, Final: &history.Final{Patience: patience}}
	add := func(at time.Duration, o history.Op) {
		o.Client, o.Outcome, o.Tries = len(h.Ops), history.OK, 1
		o.Index, o.Time, o.Return = uint64(at/ms), int64(at), at+ms
		if o.Call == 0 {
			o.Call = at - ms
		}
		h.Ops = append(h.Ops, o)
	}
	for i, name := range []string{"east", "north"} {
		put := history.Op{Kind: history.Put, Ask: history.Ask{Limits: []history.Want{{Name: name}}, Config: &history.Settings{Slots: 2}}}
		add(time.Duration(10+i)*ms, put)
	}
	add(50*ms, took("holder", 1, "east"))
	glutton := took("glutton", 3, "east", "north")
	glutton.Call, glutton.Wait, glutton.Waited = 99*ms, 20*time.Second, 1900*ms
	for i := range glutton.Limits {
		glutton.Limits[i].Slots, glutton.Granted[i].Slots = 2, 2
	}
	for at := 200 * ms; at < 2*time.Second; at += 100 * ms {
		read := history.Op{Kind: history.ReadLimit, Ask: history.Ask{Limits: []history.Want{{Name: "else"}}}}
		add(at+20*ms, read)
	}
	add(1500*ms, took("thief", 2, "north"))
	add(1900*ms, history.Op{Kind: history.Release, Ask: history.Ask{Tokens: []uint64{2}}, Got: history.Got{Released: true}})
	add(2*time.Second, history.Op{Kind: history.Release, Ask: history.Ask{Tokens: []uint64{1}}, Got: history.Got{Released: true}})
	add(2*time.Second, glutton)
	for _, o := range others {
		add(o.Return, o)
	}
	slices.SortStableFunc(h.Ops, func(x, y history.Op) int { return cmp.Compare(x.Call, y.Call) })
	for i := range h.Ops {
		h.Ops[i].Number = i + 1
	}
	return h
}

// took is a grant of one slot of each limit.
func took(id string, token uint64, names ...string) history.Op {
	o := history.Op{Kind: history.Acquire, Ask: history.Ask{ID: id, TTL: time.Minute}, Got: history.Got{Token: token, ExpiresIn: time.Minute}}
	for _, name := range names {
		o.Limits = append(o.Limits, history.Want{Name: name, Slots: 1})
		o.Granted = append(o.Granted, history.Granted{Name: name, Slots: 1, Counted: true})
	}
	return o
}

// beside waits for slots in vain.
func beside(from, to time.Duration, names ...string) history.Op {
	o := took("other", 0, names...)
	o.Got, o.Code, o.Wait, o.Call, o.Return = history.Got{}, "wait_expired", to-from, from, to
	return o
}

// TestWhoMayBeFirst has others wait beside the one that is overtaken.
func TestWhoMayBeFirst(t *testing.T) {
	for name, c := range map[string]struct {
		h      *history.History
		guilty bool
	}{
		"nobody":                         {line(time.Second), true},
		"its patience is not over":       {line(1500 * ms), false},
		"another came first":             {line(time.Second, beside(90*ms, 800*ms, "north")), false},
		"a younger one may be protected": {line(time.Second, beside(300*ms, 1400*ms, "north")), true},
		"a younger one may be moved":     {line(time.Second, beside(300*ms, 900*ms, "north", "west")), true},
		"an older one waits for several": {line(time.Second, beside(90*ms, 900*ms, "north", "west")), false},
		"another waited, and left soon":  {line(time.Second, beside(300*ms, 900*ms, "north")), true},
		"it waited for something else":   {line(time.Second, beside(90*ms, 1400*ms, "west")), true},
		"it came first, and left soon":   {line(time.Second, beside(90*ms, 210*ms, "north")), true},
	} {
		t.Run(name, func(t *testing.T) {
			if found := convicted(c.h); (found["patience"].What != "") != c.guilty {
				t.Errorf("convicted: %v", found)
			}
		})
	}
}
