package report

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/limitd/limitd/jepsen/history"
)

func grant(token uint64, from, to int, slots int64) history.Op {
	o := call(history.Acquire, from, to, history.OK)
	o.Token, o.TTL, o.ExpiresIn = token, 10*time.Second, 10*time.Second
	o.Limits = []history.Want{{Name: "gpu", Slots: slots}}
	o.Granted = []history.Granted{{Name: "gpu", Slots: slots, Counted: true}}
	return o
}

func tokens(o history.Op, list ...uint64) history.Op {
	o.Tokens = list
	return o
}

func put(from, to int, s history.Settings) history.Op {
	o := call(history.Put, from, to, history.OK)
	o.Limits, o.Config = []history.Want{{Name: "gpu"}}, &s
	return o
}

// TestHoldsAreBeyondDoubt: a hold ends with the earliest that may have ended it.
func TestHoldsAreBeyondDoubt(t *testing.T) {
	renewed := tokens(call(history.Renew, 8000, 8010, history.OK), 3)
	renewed.Leases = []history.Renewed{{Token: 3, State: "held", ExpiresIn: 10 * time.Second}}
	reset := call(history.Reset, 30_000, 30_001, history.Unknown)
	reset.Limits = []history.Want{{Name: "gpu"}}
	h := &history.History{Ops: []history.Op{
		grant(1, 0, 5, 2),
		grant(1, 0, 5, 2), // told twice
		grant(2, 10, 20, 1),
		grant(3, 100, 110, 1),
		tokens(call(history.Release, 500, 9000, history.Unknown), 1),
		tokens(call(history.Release, 600, 601, history.Refused), 2),
		renewed,
		grant(4, 25_000, 25_010, 1),
		reset,
	}}
	got := make(map[stretch]int64)
	for _, x := range holdsOf("gpu", h, holders(h)) {
		got[x.stretch] += x.slots
	}
	want := map[stretch]int64{
		{at(5), at(500)}:           2, // its release was sent
		{at(20), at(10 + 9890)}:    1, // its lease, less the margin
		{at(110), at(8000 + 9890)}: 1, // renewed
		{at(25_010), at(30_000)}:   1, // the reset may have happened
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(x, y stretch) bool { return x == y })); diff != "" {
		t.Error(diff)
	}
}

func TestSumAndTops(t *testing.T) {
	c := sum([]hold{{stretch{at(0), at(50)}, 2}, {stretch{at(50), at(100)}, 3}, {stretch{at(60), at(61)}, 1}})
	if c.peak() != 4 {
		t.Errorf("at most %d at once, want 4: what ends at 50 ms ends before what begins", c.peak())
	}
	if diff := cmp.Diff([]int64{2, 3, 4, 3}, c.tops(newAxis(0, at(120)), 4)[:4]); diff != "" {
		t.Error(diff)
	}
}

func TestSettingsMayOverlap(t *testing.T) {
	ops := []history.Op{
		put(0, 10, history.Settings{Slots: 5}),
		put(100, 120, history.Settings{Slots: 2}),
		put(200, 210, history.Settings{Slots: 2, Inactive: true}),
	}
	s := newSettings("gpu", ops, at(300))
	for _, c := range []struct {
		from, to int
		want     float64
	}{{20, 30, 5}, {105, 106, 5}, {121, 130, 2}, {119, 122, 5}, {220, 230, -1}} {
		if got := s.most(stretch{at(c.from), at(c.to)}, slotsOf); got != c.want {
			t.Errorf("from %d to %d ms at most %v slots, want %v", c.from, c.to, got, c.want)
		}
	}
}

func TestRateBound(t *testing.T) {
	ops := []history.Op{put(0, 1, history.Settings{Slots: 10, RateNum: 50, RatePer: time.Second})}
	s := newSettings("gpu", ops, time.Minute)
	if got := rateBound(stretch{at(1000), at(3000)}, s, history.Run{MaxBackdate: at(200)}); math.Abs(got-120) > 1e-9 {
		t.Errorf("10 slots and 50/s admit %v in 2 s backdated by 200 ms, want 120", got)
	}
	var list []admission
	for ms := 0; ms < 10_000; ms += 100 {
		list = append(list, admission{stretch{at(ms), at(ms + 3)}, 2})
	}
	list = append(list, admission{stretch{at(900), at(1100)}, 7}) // across a border: in no window
	w := newRateWindows(newAxis(0, 10*time.Second), list, s, history.Run{})
	if w.Width != time.Second || w.Admitted[0] != 20 || w.Admitted[1] != 20 {
		t.Errorf("windows of %v admitted %v", w.Width, w.Admitted)
	}
}
