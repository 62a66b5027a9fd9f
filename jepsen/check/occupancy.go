package check

import (
	"maps"
	"slices"
	"sort"
)

// judgeOccupancy replays grants in the order of tokens, which is that of the
// log: those before that hold for certain when one is made leave it no more
// than what its limit has left.
func judgeOccupancy(f *facts, r *report) {
	for _, name := range slices.Sorted(maps.Keys(f.limits)) {
		if l := f.limits[name]; len(l.puts) > 0 {
			judgeRoom(f, l, r)
		}
	}
}

func judgeRoom(f *facts, l *limit, r *report) {
	freed := make([]int64, len(l.grants)+1) // by place among the limit's grants
	held := int64(0)
	until := make([]uint64, len(l.grants))
	for i, g := range l.grants {
		held -= freed[i]
		t := g.takesOf(l.name)
		if !t.Counted || t.Rate || g.guessed {
			continue
		}
		b := l.bounds(g.lo, g.hi)
		if b.decays {
			continue
		}
		r.saw(1)
		if b.known && !b.gone && held+t.Slots > b.most && !r.full() {
			r.convict("E1", opsOf(append(holdersAt(l, until, i), g)), "token %d took %d slots of %q, which had at most %d, while at least %d were held (log index %d to %d)",
				g.token, t.Slots, l.name, b.most, held, g.lo, g.hi)
		}
		until[i] = g.holds(f, l)
		over := sort.Search(len(l.grants), func(k int) bool { return l.grants[k].hi >= until[i] })
		if over > i {
			held += t.Slots
			freed[over] += t.Slots
		}
	}
}

// holdersAt lists who holds for certain when the grant at a place is made.
func holdersAt(l *limit, until []uint64, at int) (list []*grant) {
	for i, g := range l.grants[:at] {
		if until[i] > l.grants[at].hi {
			list = append(list, g)
		}
	}
	return list
}
