package check

import "sort"

// judgeIdleWaits looks for waits that went on though nothing stood in their way: at
// some index all that was asked for was free, for certain, and nobody else can
// have waited for any of it (A3). It is what judgeDenials is for tries.
func judgeIdleWaits(f *facts, r *report) {
	if !f.fromStart {
		return
	}
	rooms := make(map[string]*room)
	for _, g := range f.grants {
		w := f.waiter(g)
		if w == nil {
			continue
		}
		r.saw(1)
		i := sort.Search(len(f.seen), func(i int) bool { return f.seen[i].index >= w.arrivedBy })
		for ; i < len(f.seen) && f.seen[i].index < g.lo; i++ {
			if s := f.seen[i]; f.wouldFit(w.first, s.index, 1, rooms) {
				r.convict("A3", show(w.op(), s.op.Op), "%q waited for %v at index %d, where nothing stood in its way, and got token %d at index %d or later",
					w.id, w.first.Limits, s.index, w.token, g.lo)
				break
			}
		}
	}
}
