package check

import (
	"math"
	"time"

	"github.com/limitd/limitd/jepsen/history"
)

// judgeClock compares cluster time with the log and with real time: it never
// goes back, has one value at an index, and between any two answers moves on by
// no more than real time had passed from the call of one to the return of the
// other.
func judgeClock(f *facts, r *report) {
	rate, fixed := f.tolerance()
	real := func(t time.Duration) float64 { return float64(t) * (1 + rate) }
	earliest := math.Inf(1) // of cluster time less real time, among calls that had a record of their own
	var base *act
	for i, s := range f.seen {
		r.saw(1)
		if i > 0 {
			judgeStep(f.seen[i-1], s, r)
		}
		if ahead := float64(s.time) - real(s.op.Return) - earliest; ahead > float64(fixed) {
			passed := s.op.Return - base.Call
			r.convict("T2", show(base.Op, s.op.Op), "cluster time moved on by %s between indexes %d and %d, in at most %s of real time",
				time.Duration(s.time-base.Time), base.Index, s.index, passed)
		}
		if s.op.fresh {
			if at := float64(s.time) - real(s.op.Call); at < earliest {
				earliest, base = at, s.op
			}
		}
	}
}

func judgeStep(before, s seen, r *report) {
	switch {
	case s.time < before.time:
		r.convict("T1", show(before.op.Op, s.op.Op), "cluster time went back from %d at index %d to %d at index %d", before.time, before.index, s.time, s.index)
	case s.index == before.index && s.time != before.time:
		r.convict("E7", show(before.op.Op, s.op.Op), "at index %d cluster time is both %d and %d", s.index, before.time, s.time)
	}
}

// Lost tells how much cluster time fell behind real time from the first answer
// of a history to the last (from the last restore on): what elections, and times
// without a leader, cost. It breaks no rule by itself.
func Lost(h *history.History) time.Duration {
	eras := cut(h)
	seen := eras[len(eras)-1].seen
	if len(seen) < 2 {
		return 0
	}
	first, last := seen[0], seen[len(seen)-1]
	return last.op.Return - first.op.Return - time.Duration(last.time-first.time)
}
