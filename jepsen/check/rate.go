package check

import (
	"maps"
	"math"
	"math/big"
	"slices"
	"time"
)

// bucket is what a decaying limit may admit at most: slots at once, and num
// slots in per nanoseconds.
type bucket struct {
	limit    *limit
	slots    int64
	num, per *big.Int
	clears   []*act // what may have given slots back
}

// admission is one grant of slots that only decay returns.
type admission struct {
	g        *grant
	slots    int64
	from, to int64 // bounds of the cluster time at which it was made
}

// judgeRate adds up what decaying limits admitted.
func judgeRate(f *facts, r *report) {
	for _, name := range slices.Sorted(maps.Keys(f.limits)) {
		l := f.limits[name]
		if !l.decays {
			continue
		}
		b, list := l.bucket(), f.admissions(l)
		r.saw(len(list))
		b.judgeClusterTime(list, r)
		b.judgeRealTime(f, list, r)
	}
}

// bucket takes the most that any settings of the limit allow.
func (l *limit) bucket() *bucket {
	b := &bucket{limit: l, num: big.NewInt(0), per: big.NewInt(1), clears: l.clears}
	stops := false
	for _, p := range l.puts {
		if p.Config == nil {
			continue
		}
		b.slots = max(b.slots, p.Config.Slots)
		num, per := new(big.Int).SetUint64(p.Config.RateNum), big.NewInt(max(1, int64(p.Config.RatePer)))
		if num.Sign() == 0 {
			stops = true
			continue
		}
		if new(big.Int).Mul(num, b.per).Cmp(new(big.Int).Mul(b.num, per)) > 0 {
			b.num, b.per = num, per
		}
	}
	if stops { // without decay nothing is held by rate
		b.clears = append(slices.Clone(b.clears), l.puts...)
	}
	return b
}

// admissions lists them in the order of tokens, each with what its neighbours
// tell of its instant.
func (f *facts) admissions(l *limit) []admission {
	var list []admission
	from := int64(math.MinInt64)
	for _, g := range l.grants {
		t := g.takesOf(l.name)
		if !t.Counted || !t.Rate || g.guessed {
			continue
		}
		lo, hi := g.instant(f)
		from = max(from, lo)
		list = append(list, admission{g, t.Slots, from, hi})
	}
	to := int64(math.MaxInt64)
	for i := len(list) - 1; i >= 0; i-- {
		to = min(to, list[i].to)
		list[i].to = to
	}
	return list
}

// judgeClusterTime looks for a span W of cluster time in which more than slots
// + decay*W were admitted. With S the sum of slots up to an admission, that is
// S*per - num*time there, less the smallest such value at the span's begin.
func (b *bucket) judgeClusterTime(list []admission, r *report) {
	room := new(big.Int).Add(new(big.Int).Mul(big.NewInt(b.slots), b.per), b.num) // W counts both end nanoseconds
	var least *big.Int
	var since admission
	sum := int64(0)
	for i, a := range list {
		if i > 0 && b.mayClear(list[i-1], a) {
			least = nil
		}
		if a.from != math.MinInt64 {
			if v := b.value(sum, a.from); least == nil || v.Cmp(least) < 0 {
				least, since = v, a
			}
		}
		sum += a.slots
		if least == nil || a.to == math.MaxInt64 {
			continue
		}
		if over := new(big.Int).Sub(b.value(sum, a.to), least); over.Cmp(room) > 0 {
			r.convict("E2", show(since.g.op(), a.g.op()), "from token %d to token %d more of %q was admitted than its %d slots and %s of decay allow",
				since.g.token, a.g.token, b.limit.name, b.slots, time.Duration(a.to-since.from))
			least = nil
		}
	}
}

// value is sum*per - num*t.
func (b *bucket) value(sum, t int64) *big.Int {
	v := new(big.Int).Mul(big.NewInt(sum), b.per)
	return v.Sub(v, new(big.Int).Mul(b.num, big.NewInt(t)))
}

// mayClear tells whether slots may have been given back between two admissions
// that follow one another.
func (b *bucket) mayClear(x, y admission) bool {
	for _, c := range b.clears {
		if c.lo <= y.g.hi && c.hi >= x.g.lo {
			return true
		}
	}
	return false
}

// judgeRealTime looks for a span W of real time in which calls for more than
// slots + decay*(W+G) began and ended.
func (b *bucket) judgeRealTime(f *facts, list []admission, r *report) {
	for _, c := range b.clears {
		if c.hi >= firstIndex(list) {
			return
		}
	}
	perSecond, _ := new(big.Rat).SetFrac(new(big.Int).Mul(b.num, big.NewInt(1e9)), b.per).Float64()
	decay := perSecond / 1e9
	backdate := f.h.Run.MaxBackdate
	if backdate == 0 {
		backdate = 100 * time.Millisecond
	}
	rate, fixed := f.tolerance()
	byCall, byReturn := slices.Clone(list), slices.Clone(list)
	slices.SortStableFunc(byCall, func(x, y admission) int { return compare(x.g.called, y.g.called) })
	slices.SortStableFunc(byReturn, func(x, y admission) int { return compare(x.g.told, y.g.told) })
	place := make(map[*grant]int, len(byCall))
	for i, a := range byCall {
		place[a.g] = i
	}
	spans := newPeaks(len(byCall))
	for _, a := range byReturn {
		begin := float64(a.g.called) * (1 + rate) * decay
		spans.raise(place[a.g], float64(a.slots), begin)
		end := (float64(a.g.told)*(1+rate) + float64(fixed+backdate)) * decay
		if over := spans.top() - end - float64(b.slots); over > 1e-3 {
			r.convict("E2", show(a.g.op()), "in a span of real time that ends at %s, %.3f slots more of %q were admitted than its %d slots, its decay and the backdating allow",
				a.g.told, over, b.limit.name, b.slots)
			return
		}
	}
}

func firstIndex(list []admission) uint64 {
	if len(list) == 0 {
		return never
	}
	return list[0].g.lo
}
