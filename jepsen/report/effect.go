package report

import (
	"cmp"
	"slices"
	"time"

	"github.com/limitd/limitd/jepsen/history"
)

// aftermath is how long after its mend a fault is still blamed for what calls
// cost.
const aftermath = 3 * time.Second

// effect is what faults cost the callers.
type effect struct {
	Kind     string // "" is the rest of the run
	Count    int
	Failed   int           // could not be injected
	Errors   []string      // why, each once
	Length   time.Duration // of the windows together
	Rate     string        // calls that ended in the windows, per second
	First    time.Duration // the median time to the first success of a call begun after the start; -1: none came
	Worst    time.Duration // the longest such time
	Gap      time.Duration // the longest span in a window without a success
	GapAt    time.Duration
	P99, Max time.Duration // of calls that ended in a window
	Unknown  int           // calls begun in the windows whose outcome is not known
	Never    int           // faults after which no call succeeded any more
}

// bill is what effects are computed from.
type bill struct {
	h         *history.History
	end       time.Duration
	successes []time.Duration
	costs     costs
	ended     []time.Duration // of all calls, sorted
	begun     []time.Duration // of calls with an unknown outcome, sorted
	starts    []time.Duration // of calls that succeeded, in order of the calls
	soonest   []time.Duration // the earliest success among those begun at starts[i] or later
}

func newBill(h *history.History) *bill {
	b := &bill{h: h, end: runLength(h), successes: successes(h.Ops), costs: newCosts(h.Ops)}
	var ok []stretch
	for i := range h.Ops {
		from, to := span(&h.Ops[i])
		b.ended = append(b.ended, to)
		switch h.Ops[i].Outcome {
		case history.OK:
			ok = append(ok, stretch{from, to})
		case history.Unknown:
			b.begun = append(b.begun, from)
		}
	}
	slices.Sort(b.ended)
	slices.Sort(b.begun)
	slices.SortFunc(ok, func(x, y stretch) int { return cmp.Compare(x.from, y.from) })
	b.soonest = make([]time.Duration, len(ok))
	for i := len(ok) - 1; i >= 0; i-- {
		b.soonest[i] = ok[i].to
		if i+1 < len(ok) {
			b.soonest[i] = min(ok[i].to, b.soonest[i+1])
		}
	}
	for _, s := range ok {
		b.starts = append(b.starts, s.from)
	}
	return b
}

// faultSpans are the spans of all faults that happened, each made longer by
// after, joined where they touch.
func faultSpans(faults []history.Fault, after time.Duration) []stretch {
	var list []stretch
	for _, f := range faults {
		if f.Error == "" {
			list = append(list, stretch{f.From, max(f.From, f.To) + after})
		}
	}
	return union(list)
}

// outside is what is left of a span without the others, which are in order.
func outside(all stretch, without []stretch) []stretch {
	var out []stretch
	at := all.from
	for _, s := range without {
		if s.from > at {
			out = append(out, stretch{at, min(s.from, all.to)})
		}
		if at = max(at, s.to); at >= all.to {
			return out
		}
	}
	return append(out, stretch{at, all.to})
}

func total(list []stretch) time.Duration {
	var d time.Duration
	for _, s := range list {
		d += max(0, s.to-s.from)
	}
	return d
}

// between counts the instants in [from, to] of a sorted list.
func between(sorted []time.Duration, from, to time.Duration) int {
	i, _ := slices.BinarySearch(sorted, from)
	j, _ := slices.BinarySearch(sorted, to+1)
	return max(0, j-i)
}

// first is the time from t to the first success of a call begun later; -1: none.
func (b *bill) first(t time.Duration) time.Duration {
	i, _ := slices.BinarySearch(b.starts, t)
	if i == len(b.starts) {
		return -1
	}
	return b.soonest[i] - t
}

// of sums up faults of one kind.
func (b *bill) of(kind string, faults []history.Fault) effect {
	e := effect{Kind: kind, First: -1, Worst: -1, P99: -1, Max: -1}
	var firsts []time.Duration
	for _, f := range faults {
		if f.Error != "" {
			e.Failed++
			if !slices.Contains(e.Errors, f.Error) {
				e.Errors = append(e.Errors, f.Error)
			}
			continue
		}
		e.Count++
		if d := b.first(f.From); d >= 0 {
			firsts = append(firsts, d)
		} else {
			e.Never++
		}
	}
	slices.Sort(firsts)
	e.First, e.Worst = quantile(firsts, 0.5), quantile(firsts, 1)
	b.measure(&e, b.cut(faultSpans(faults, aftermath)))
	return e
}

// rest sums up the time in which nothing is blamed on any fault.
func (b *bill) rest() effect {
	e := effect{First: -1, Worst: -1, P99: -1, Max: -1}
	b.measure(&e, outside(stretch{firstCall(b.h), b.end}, faultSpans(b.h.Faults, aftermath)))
	return e
}

// cut keeps what lies in the part of the run with callers.
func (b *bill) cut(list []stretch) []stretch {
	var out []stretch
	for _, s := range list {
		if s = (stretch{max(s.from, 0), min(s.to, b.end)}); s.to > s.from {
			out = append(out, s)
		}
	}
	return out
}

func (b *bill) measure(e *effect, windows []stretch) {
	var took []time.Duration
	n := 0
	for _, w := range windows {
		took = append(took, b.costs.within(w.from, w.to)...)
		n += between(b.ended, w.from, w.to)
		e.Unknown += between(b.begun, w.from, w.to)
		if gap := longestGap(b.successes, w.from, w.to); gap.to-gap.from > e.Gap {
			e.Gap, e.GapAt = gap.to-gap.from, gap.from
		}
	}
	slices.Sort(took)
	e.Length = total(windows)
	e.Rate = per(n, e.Length)
	e.P99, e.Max = quantile(took, 0.99), quantile(took, 1)
}

// kinds groups faults by kind, in order of their first.
func kinds(faults []history.Fault) (order []string, of map[string][]history.Fault) {
	of = make(map[string][]history.Fault)
	for _, f := range faults {
		if _, seen := of[f.Kind]; !seen {
			order = append(order, f.Kind)
		}
		of[f.Kind] = append(of[f.Kind], f)
	}
	return order, of
}
