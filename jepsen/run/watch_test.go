//go:build linux

package main

import (
	"testing"
	"time"

	"github.com/limitd/limitd/jepsen/history"
)

func TestAllKnowOfNoLaterTerm(t *testing.T) {
	said := func(at time.Duration, term uint64) word { return word{at: at, term: term, pid: 1} }
	for name, c := range map[string]struct {
		heard   map[string]word
		members int
		want    time.Duration // -1: it is not known
	}{
		"nobody":               {nil, 3, -1},
		"two of three":         {map[string]word{"n1": said(5, 2), "n2": said(7, 2)}, 3, -1},
		"three of three":       {map[string]word{"n1": said(5, 2), "n2": said(7, 1), "n3": said(6, 2)}, 3, 5},
		"one has a later term": {map[string]word{"n1": said(5, 2), "n2": said(7, 3), "n3": said(6, 2)}, 3, -1},
		"three of four":        {map[string]word{"n1": said(5, 2), "n2": said(7, 2), "n3": said(9, 2)}, 4, -1},
		"the only one":         {map[string]word{"n1": said(5, 2)}, 1, 5},
	} {
		w := &watch{term: 2, heard: c.heard, record: stopped(20)}
		at, ok := w.unopposed(c.members)
		if ok != (c.want >= 0) || ok && at != c.want {
			t.Errorf("%s: %d, %v", name, at, ok)
		}
	}
}

// stopped returns a recorder whose clock stands still.
func stopped(at time.Duration) *history.Recorder {
	return history.NewRecorder(history.Run{}, func() time.Duration { return at })
}

// TestANodeThatForgot has a node start anew, which may have led a later term
// before.
func TestANodeThatForgot(t *testing.T) {
	for name, c := range map[string]struct {
		died time.Duration
		pid  int
		sure bool
	}{
		"the same process":           {0, 1, true},
		"it ended before the leader": {9, 2, true},
		"it ended after":             {11, 2, false},
		"nobody saw its end":         {0, 2, false},
	} {
		w := &watch{term: 2, since: 10, heard: map[string]word{"n1": {at: 8, term: 1, pid: 1, died: c.died}}, record: stopped(20)}
		w.hear("n1", word{at: 15, term: 1, pid: c.pid})
		if at, sure := w.unopposed(1); sure != c.sure || sure && at != 15 {
			t.Errorf("%s: %v at %d", name, sure, at)
		}
	}
}
