package check

import (
	"maps"
	"slices"
	"time"
)

// judgeFIFO looks at each limit by itself. Who asked for slots of this limit
// alone, had been told that it stands in the queue, and was granted in the end,
// was granted before all that called after it had been told: others that wait
// for this limit alone, and tries that name it among others.
func judgeFIFO(f *facts, r *report) {
	for _, name := range slices.Sorted(maps.Keys(f.limits)) {
		judgeQueue(f, f.limits[name], r)
	}
}

func judgeQueue(f *facts, l *limit, r *report) {
	var queued, calls []*grant
	for _, g := range l.grants {
		first := f.firstCall(g)
		if first == nil || g.guessed || !g.takesOf(l.name).Counted || g.takesOf(l.name).Slots == 0 {
			continue
		}
		alone := len(first.Limits) == 1
		if alone && first.Wait > 0 && f.sureOfQueue(g) {
			queued = append(queued, g)
		}
		if alone || first.Wait == 0 {
			calls = append(calls, g)
		}
	}
	r.saw(len(queued))
	slices.SortStableFunc(queued, func(x, y *grant) int { return compare(x.queued(), y.queued()) })
	slices.SortStableFunc(calls, func(x, y *grant) int { return compare(x.called, y.called) })
	var largest *grant
	next := 0
	for _, g := range calls {
		for ; next < len(queued) && queued[next].queued() < g.called; next++ {
			if largest == nil || queued[next].token > largest.token {
				largest = queued[next]
			}
		}
		if largest != nil && largest.token > g.token {
			r.convict("A2", show(largest.op(), g.op()), "%q stood in the queue of %q at %s, and %q, called at %s, got token %d before it got %d",
				largest.id, l.name, largest.queued(), g.id, g.called, g.token, largest.token)
		}
	}
}

// firstCall is the first acquire under a grant's id.
func (f *facts) firstCall(g *grant) *act {
	if r := f.asked[g.id]; r != nil {
		return r.acquires[0]
	}
	return g.ops[0]
}

// sureOfQueue tells whether a grant's place in the queue is known, and was the
// only one that its id can have had.
func (f *facts) sureOfQueue(g *grant) bool {
	if g.queued() == 0 || f.h.Run.Remember == 0 {
		return false
	}
	r := f.asked[g.id]
	return r != nil && r.single() == g && g.told-g.called < f.slower(f.h.Run.Remember)
}

// queued is when the grant's acquire was first known to stand in the queue; 0:
// it is not known.
func (g *grant) queued() (at time.Duration) {
	for _, a := range g.ops {
		if a.Queued > 0 && (at == 0 || a.Queued < at) {
			at = a.Queued
		}
	}
	return at
}
