package report

import (
	"cmp"
	"slices"
	"time"

	"github.com/limitd/limitd/jepsen/history"
)

// mostBuckets bounds how many columns a strip has.
const mostBuckets = 600

// series is a run cut into buckets of equal width, each call counted where it
// ended.
type series struct {
	Width   time.Duration
	N       int
	Counts  [classes][]int
	Waiting []int // calls that waited in the queue at some time in the bucket
	// Of what calls cost (see latency); -1 where nobody got an answer.
	P50, P99, Max []time.Duration
	Rows          map[rowKey][]int
}

// rowKey names the calls of one kind that ended alike.
type rowKey struct {
	kind  history.Kind
	class class
}

// newSeries counts the calls of a run that took all of a.
func newSeries(a axis, ops []history.Op) *series {
	width := a.span() / mostBuckets
	if len(ops) > 0 {
		width = max(width, a.span()/time.Duration(len(ops))*4)
	}
	s := &series{Width: max(step(width), time.Millisecond), Rows: make(map[rowKey][]int)}
	s.N = int(min(a.span()/s.Width, mostBuckets) + 1)
	for c := range s.Counts {
		s.Counts[c] = make([]int, s.N)
	}
	s.Waiting = make([]int, s.N)
	costs := make([][]time.Duration, s.N)
	for i := range ops {
		o := &ops[i]
		from, to := span(o)
		b := s.bucket(a, to)
		s.count(o, b)
		if cost, ok := latency(o); ok {
			costs[b] = append(costs[b], cost)
		}
		if o.Wait > 0 {
			for w := s.bucket(a, from); w <= b; w++ {
				s.Waiting[w]++
			}
		}
	}
	s.percentiles(costs)
	return s
}

// bucket is the one in which t lies.
func (s *series) bucket(a axis, t time.Duration) int {
	return int(min(max((min(t, a.to)-a.from)/s.Width, 0), time.Duration(s.N-1)))
}

func (s *series) count(o *history.Op, bucket int) {
	c := classOf(o)
	s.Counts[c][bucket]++
	key := rowKey{o.Kind, c}
	if s.Rows[key] == nil {
		s.Rows[key] = make([]int, s.N)
	}
	s.Rows[key][bucket]++
}

func (s *series) percentiles(costs [][]time.Duration) {
	for _, list := range costs {
		slices.Sort(list)
		s.P50 = append(s.P50, quantile(list, 0.5))
		s.P99 = append(s.P99, quantile(list, 0.99))
		s.Max = append(s.Max, quantile(list, 1))
	}
}

// total is how many calls ended in a bucket.
func (s *series) total(bucket int) int {
	n := 0
	for c := range s.Counts {
		n += s.Counts[c][bucket]
	}
	return n
}

// edges are where the buckets begin on the picture, and where the last one ends.
func (s *series) edges(a axis) []int {
	xs := make([]int, 0, s.N+1)
	for i := range s.N {
		xs = append(xs, a.x(a.from+time.Duration(i)*s.Width))
	}
	return append(xs, units)
}

// quantile returns the least value of a sorted list that at least the share q of
// it does not exceed; -1 of an empty one.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return -1
	}
	i := int(q*float64(len(sorted)) + 0.999999)
	return sorted[min(max(i, 1), len(sorted))-1]
}

// successes are the instants at which callers got an answer, in order.
func successes(ops []history.Op) []time.Duration {
	var list []time.Duration
	for i := range ops {
		if ops[i].Outcome == history.OK {
			_, to := span(&ops[i])
			list = append(list, to)
		}
	}
	slices.Sort(list)
	return list
}

// longestGap is the longest span in [from, to] without one of the instants.
func longestGap(sorted []time.Duration, from, to time.Duration) stretch {
	longest, last := stretch{from, from}, from
	i, _ := slices.BinarySearch(sorted, from)
	for ; i <= len(sorted); i++ {
		next := to
		if i < len(sorted) {
			next = min(sorted[i], to)
		}
		if next-last > longest.to-longest.from {
			longest = stretch{last, next}
		}
		if last = next; next >= to {
			break
		}
	}
	return longest
}

// costs are calls with a known latency, in order of their end.
type costs []cost

type cost struct{ at, took time.Duration }

func newCosts(ops []history.Op) costs {
	var list costs
	for i := range ops {
		if took, ok := latency(&ops[i]); ok {
			_, to := span(&ops[i])
			list = append(list, cost{to, took})
		}
	}
	slices.SortFunc(list, func(x, y cost) int { return cmp.Compare(x.at, y.at) })
	return list
}

// within returns what the calls cost that ended in [from, to].
func (c costs) within(from, to time.Duration) []time.Duration {
	i, _ := slices.BinarySearchFunc(c, from, func(x cost, t time.Duration) int { return cmp.Compare(x.at, t) })
	var list []time.Duration
	for ; i < len(c) && c[i].at <= to; i++ {
		list = append(list, c[i].took)
	}
	return list
}
