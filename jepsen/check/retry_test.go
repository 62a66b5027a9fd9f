package check_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/limitd/limitd/jepsen/history"
)

// tries is a hand-made history of one limit, of whose slots 10 a second decay.
type tries struct{ h history.History }

func newTries(slots int64) *tries {
	s := &tries{history.History{Run: history.Run{Instrument: "sim", MaxBackdate: 100 * ms, Remember: time.Minute}}}
	put := history.Op{Kind: history.Put, Ask: history.Ask{Config: &history.Settings{Slots: slots, RateNum: 10, RatePer: time.Second}}}
	put.Limits = []history.Want{{Name: "api"}}
	s.add(0, put)
	return s
}

func (s *tries) add(at time.Duration, o history.Op) {
	o.Number, o.Client, o.Outcome, o.Tries = len(s.h.Ops)+1, len(s.h.Ops), history.OK, 1
	o.Index, o.Time, o.Call, o.Return = uint64(o.Number), int64(at), at-ms, at+ms
	s.h.Ops = append(s.h.Ops, o)
}

// ask is a try for slots: granted, or denied with a time after which to come.
func (s *tries) ask(at time.Duration, slots int64, leased bool, after time.Duration) {
	o := history.Op{Kind: history.Acquire, Ask: history.Ask{ID: fmt.Sprint("id-", len(s.h.Ops)), TTL: time.Second}}
	o.Limits = []history.Want{{Name: "api", Slots: slots, Rate: !leased}}
	if after != 0 {
		o.Code, o.RetryAfter = "denied", after
	} else {
		o.Token, o.Granted = uint64(len(s.h.Ops)), []history.Granted{{Name: "api", Slots: slots, Rate: !leased, Counted: true}}
	}
	if leased && after == 0 {
		o.ExpiresIn = time.Second
	}
	s.add(at, o)
}

func (s *tries) release(at time.Duration, token uint64) {
	s.add(at, history.Op{Kind: history.Release, Ask: history.Ask{Tokens: []uint64{token}}, Got: history.Got{Released: true}})
}

func TestWhatADeniedTryIsToldIsExact(t *testing.T) {
	for name, c := range map[string]struct {
		run    func(s *tries)
		guilty bool
	}{
		"exact": {func(s *tries) {
			s.ask(20*ms, 1, false, 90*ms)
			s.ask(50*ms, 1, false, 60*ms)
			s.ask(110*ms, 1, false, 0)
		}, false},
		"more for more":           {func(s *tries) { s.ask(20*ms, 1, false, 90*ms); s.ask(50*ms, 2, false, 160*ms) }, false},
		"a nanosecond later":      {func(s *tries) { s.ask(20*ms, 1, false, 90*ms); s.ask(50*ms, 1, false, 60*ms+1) }, true},
		"a nanosecond sooner":     {func(s *tries) { s.ask(20*ms, 1, false, 90*ms); s.ask(50*ms, 1, false, 60*ms-1) }, true},
		"the same for more":       {func(s *tries) { s.ask(20*ms, 1, false, 90*ms); s.ask(50*ms, 2, false, 60*ms) }, true},
		"longer than all decay":   {func(s *tries) { s.ask(20*ms, 1, false, 100*ms+1) }, true},
		"as long as all decay":    {func(s *tries) { s.ask(20*ms, 1, false, 100*ms) }, false},
		"granted sooner":          {func(s *tries) { s.ask(20*ms, 1, false, 90*ms); s.ask(109*ms, 1, false, 0) }, true},
		"denied at the time told": {func(s *tries) { s.ask(20*ms, 1, false, 40*ms); s.ask(60*ms, 1, false, 50*ms) }, true},
		"one granted in between": {func(s *tries) {
			s.ask(20*ms, 1, false, 90*ms)
			s.ask(120*ms, 1, false, 0)
			s.ask(130*ms, 1, false, 80*ms)
		}, false},
		"that does not count": {func(s *tries) {
			s.ask(20*ms, 1, false, 90*ms)
			s.ask(120*ms, 1, false, 0)
			s.ask(130*ms, 1, false, 10*ms)
		}, true},
		"it was empty": {func(s *tries) {
			s.ask(20*ms, 1, false, 90*ms)
			s.ask(900*ms, 2, false, 0)
			s.ask(910*ms, 1, false, 90*ms)
		}, false},
		"behind somebody who waits": {func(s *tries) {
			s.ask(20*ms, 1, false, 90*ms)
			s.ask(50*ms, 1, false, time.Hour)
			s.h.Ops[len(s.h.Ops)-1].Ahead = 1
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newTries(2)
			s.ask(10*ms, 2, false, 0)
			c.run(s)
			found := convicted(&s.h)
			if isGuilty := found["retry"].What != ""; isGuilty != c.guilty || !c.guilty && len(found) > 0 {
				t.Errorf("convicted: %v", found)
			}
		})
	}
}

// TestReleasesMakeHintsLessExact has a lease over a decaying limit given back:
// what of it had not decayed, up to its slot, is not known.
func TestReleasesMakeHintsLessExact(t *testing.T) {
	for again, guilty := range map[time.Duration]bool{80 * ms: false, 60 * ms: false, 160 * ms: false, 59 * ms: true, 161 * ms: true} {
		s := newTries(6)
		s.ask(10*ms, 1, true, 0) // token 1
		s.ask(10*ms, 5, false, 0)
		s.ask(20*ms, 1, false, 90*ms)
		s.release(30*ms, 1)
		s.ask(50*ms, 2, false, again)
		if found := convicted(&s.h); (found["retry"].What != "") != guilty {
			t.Errorf("told to come again in %s: %v", again, found)
		}
	}
}

// TestRateSlotsOutlastTheirRequest has a wait for rate slots of which nobody
// heard, and which was cancelled: it may have been granted before, and only decay
// returns that.
func TestRateSlotsOutlastTheirRequest(t *testing.T) {
	s := newTries(2)
	s.add(10*ms, history.Op{Kind: history.Acquire, Ask: history.Ask{ID: "lost", Wait: time.Second, Limits: []history.Want{{Name: "api", Slots: 2, Rate: true}}}})
	lost := &s.h.Ops[1]
	lost.Outcome, lost.Index, lost.Time, lost.Astray = history.Unknown, 0, 0, 1
	s.add(20*ms, history.Op{Kind: history.Cancel, Ask: history.Ask{ID: "lost"}, Got: history.Got{Cancelled: true}})
	s.ask(30*ms, 1, false, 80*ms)
	if found := convicted(&s.h); len(found) > 0 {
		t.Errorf("convicted: %v", found)
	}
}
