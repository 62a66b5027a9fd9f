package check

import (
	"maps"
	"slices"
	"time"
)

// judgeOrdinals follows each slot of numbered limits: who has it, and that it
// is one of the limit's slots.
func judgeOrdinals(f *facts, r *report) {
	for _, name := range slices.Sorted(maps.Keys(f.limits)) {
		l := f.limits[name]
		last := make(map[uint32]*grant)         // who has it longest, by the log
		until := make(map[uint32]uint64)        // up to there
		spans := make(map[uint32][]span[int64]) // in real time
		for _, g := range l.grants {
			t := g.takesOf(name)
			if g.guessed || !t.Counted || len(t.Ordinals) == 0 {
				continue
			}
			r.saw(len(t.Ordinals))
			judgeNumbers(l, g, r)
			end := g.holds(f, l)
			for _, n := range t.Ordinals {
				if before := last[n]; before != nil && until[n] > g.hi {
					r.convict("L11", opsOf([]*grant{before, g}), "token %d got slot %d of %q, which token %d held", g.token, n, name, before.token)
				}
				if end > until[n] {
					last[n], until[n] = g, end
				}
				spans[n] = append(spans[n], span[int64]{int64(g.told), int64(g.heldUntil(f, l)), 1, g})
			}
		}
		for _, n := range slices.Sorted(maps.Keys(spans)) {
			overlaps(spans[n], func(at, slots int64, begun *grant) {
				if slots > 1 && !r.full() {
					r.convict("L11", opsOf(holding(spans[n], at)), "slot %d of %q had %d holders at %s, when token %d had been granted", n, name, slots, time.Duration(at), begun.token)
				}
			})
		}
	}
}

// judgeNumbers looks at the ordinals of one grant.
func judgeNumbers(l *limit, g *grant, r *report) {
	t := g.takesOf(l.name)
	b := l.bounds(g.lo, g.hi)
	if !b.known || b.gone {
		return
	}
	if b.numbered && int64(len(t.Ordinals)) != t.Slots {
		r.convict("L11", opsOf([]*grant{g}), "token %d has %d slots of %q, and %d ordinals", g.token, t.Slots, l.name, len(t.Ordinals))
	}
	sorted := slices.Sorted(slices.Values(t.Ordinals))
	if len(slices.Compact(slices.Clone(sorted))) != len(sorted) {
		r.convict("L11", opsOf([]*grant{g}), "token %d has a slot of %q twice: %v", g.token, l.name, t.Ordinals)
	}
	if int64(sorted[len(sorted)-1]) >= b.most {
		r.convict("L11", opsOf([]*grant{g}), "token %d has slot %d of %q, which has at most %d", g.token, sorted[len(sorted)-1], l.name, b.most)
	}
}
