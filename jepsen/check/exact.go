package check

import (
	"maps"
	"math"
	"math/big"
	"slices"
	"time"

	"github.com/limitd/limitd/jepsen/history"
)

// Oversupply is the name of the workload in which somebody always waits for
// each of its rate limits, from the first grant to the last. It should have an
// answer at least every G (by reads, where grants are rarer): what lies between
// two answers that are farther apart counts for nothing.
const Oversupply = "rate-oversupply"

// judgeExact looks at the other side of a rate: where somebody always waits,
// nothing is withheld.
func judgeExact(f *facts, r *report) {
	if f.h.Run.Workload != Oversupply || len(f.h.Faults) > 0 || !f.fromStart {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(f.limits)) {
		l := f.limits[name]
		if !l.decays || len(l.puts) != 1 || len(l.clears) > 0 || !l.allKnown() {
			continue
		}
		list := f.admissions(l)
		r.saw(len(list))
		l.bucket().judgeLeast(f, list, r)
	}
}

// allKnown tells whether all that named a limit asked for rate slots of it
// alone, and was answered.
func (l *limit) allKnown() bool {
	return !slices.ContainsFunc(l.asks, func(a *act) bool {
		return a.Outcome == history.Unknown || len(a.Limits) != 1 || !a.Limits[0].Rate
	})
}

// judgeLeast looks at each grant that had to wait: the bucket was full then, so
// all that had decayed since the first grant had been admitted, up to less than
// one waiter's slots. What decayed while nobody waited for certain, as at the
// beginning or when the callers' machine was busy, counts for nothing.
func (b *bucket) judgeLeast(f *facts, list []admission, r *report) {
	if len(list) == 0 || list[0].to == math.MaxInt64 {
		return
	}
	first := list[0]
	silent, idle := silences(f.seen, int64(f.h.Run.MaxBackdate)), idles(list)
	sum, largest := int64(0), int64(0)
	for _, a := range list {
		sum += a.slots
		if a.g.wait > 0 {
			largest = max(largest, a.slots)
		}
		if a.g.wait == 0 || a.from == math.MinInt64 {
			continue
		}
		span := a.from - first.to - silent.between(first.to, a.from) - idle.between(first.to, a.from)
		if span <= 0 {
			continue
		}
		decayed := new(big.Int).Mul(b.num, big.NewInt(span))
		decayed.Quo(decayed, b.per)
		if least := b.slots + decayed.Int64() - largest + 1; sum < least {
			r.convict("E2", show(first.g.op(), a.g.op()), "%q admitted %d slots in %s in which somebody always waited: at least %d should have been",
				b.limit.name, sum, time.Duration(span), least)
			return
		}
	}
}

// gaps tells how much of cluster time must not be counted.
type gaps struct {
	at   []int64
	lost []int64 // up to there
}

func newGaps() *gaps { return &gaps{at: []int64{math.MinInt64}, lost: []int64{0}} }

// add notes that some time before the instant at is lost; instants must rise.
func (s *gaps) add(at, lost int64) {
	s.at = append(s.at, at)
	s.lost = append(s.lost, s.lost[len(s.lost)-1]+lost)
}

// silences are records that are farther apart than G: what decays between them
// beyond G fills the bucket at most once.
func silences(seen []seen, most int64) *gaps {
	s := newGaps()
	for i := 1; i < len(seen); i++ {
		if excess := seen[i].time - seen[i-1].time - most; excess > 0 {
			s.add(seen[i].time, excess)
		}
	}
	return s
}

// idles are the times after the first grant in which nobody waited for certain:
// a grant tells how long it had waited, so that it did from its latest possible
// arrival to its earliest possible instant.
func idles(list []admission) *gaps {
	type wait struct{ from, to int64 }
	var waits []wait
	for _, a := range list {
		if a.g.wait > 0 && a.from != math.MinInt64 && a.to != math.MaxInt64 && a.to-int64(a.g.wait) < a.from {
			waits = append(waits, wait{a.to - int64(a.g.wait), a.from})
		}
	}
	slices.SortFunc(waits, func(x, y wait) int { return compare(x.from, y.from) })
	s, end := newGaps(), list[0].to
	for _, w := range waits {
		if w.from > end {
			s.add(w.from, w.from-end)
		}
		end = max(end, w.to)
	}
	return s
}

// between returns at least what was lost between two instants.
func (s *gaps) between(from, to int64) int64 {
	i, _ := slices.BinarySearch(s.at, from)
	k, _ := slices.BinarySearch(s.at, to)
	k = min(k, len(s.at)-1) // the gap that to lies in counts, too
	return s.lost[k] - s.lost[max(0, i-1)]
}
