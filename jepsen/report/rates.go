package report

import (
	"cmp"
	"slices"
	"time"

	"github.com/limitd/limitd/jepsen/history"
)

// admission is a call that was let through by a rate limit.
type admission struct {
	stretch
	slots int64
}

// defaultBackdate is the cluster's G where the run does not say (semantics T5).
const defaultBackdate = 100 * time.Millisecond

// admissionsOf returns what one limit admitted by rate_limit entries, in order
// of the calls' beginning.
func admissionsOf(name string, ops []history.Op) []admission {
	var list []admission
	seen := make(map[uint64]bool)
	for i := range ops {
		o := &ops[i]
		if !o.IsGrant() || seen[o.Token] {
			continue
		}
		for _, g := range o.Granted {
			if g.Name == name && g.Rate && g.Counted && g.Slots > 0 {
				seen[o.Token] = true
				from, to := span(o)
				list = append(list, admission{stretch{from, to}, g.Slots})
			}
		}
	}
	slices.SortStableFunc(list, func(x, y admission) int { return cmp.Compare(x.from, y.from) })
	return list
}

// rateWindows judges a rate in windows of equal width: what was admitted by calls
// begun and ended in each, and the most that semantics E2 allows there; -1 where
// nothing is bounded.
type rateWindows struct {
	Width    time.Duration
	Admitted []int64
	Bound    []float64
}

func newRateWindows(a axis, list []admission, s settings, run history.Run) rateWindows {
	w := rateWindows{Width: max(step(a.span()/240), time.Second)}
	n := int(a.span()/w.Width) + 1
	w.Admitted, w.Bound = make([]int64, n), make([]float64, n)
	for _, x := range list {
		i, j := int((x.from-a.from)/w.Width), int((x.to-a.from)/w.Width)
		if i == j && i >= 0 && i < n {
			w.Admitted[i] += x.slots
		}
	}
	for i := range n {
		from := a.from + time.Duration(i)*w.Width
		w.Bound[i] = rateBound(stretch{from, from + w.Width}, s, run)
	}
	return w
}

// rateBound is the most that may be admitted in a span: slots + decay*(W + G), on
// clocks that may be off.
func rateBound(w stretch, s settings, run history.Run) float64 {
	backdate := run.MaxBackdate
	if backdate <= 0 {
		backdate = defaultBackdate
	}
	slots, rate := s.most(w, slotsOf), s.most(w, perSecond)
	if slots < 0 || rate < 0 {
		return -1
	}
	seconds := (w.to - w.from + backdate).Seconds() * (1 + run.ClockError)
	return slots + rate*seconds
}
