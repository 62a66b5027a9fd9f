package check

import (
	"maps"
	"slices"
)

// judgeToggles compares grants with whether their limits were active.
func judgeToggles(f *facts, r *report) {
	for _, name := range slices.Sorted(maps.Keys(f.limits)) {
		l := f.limits[name]
		for _, g := range l.grants {
			b := l.bounds(g.lo, g.hi)
			if g.guessed || !b.known || b.gone {
				continue
			}
			r.saw(1)
			switch t := g.takesOf(name); {
			case t.Counted && !b.active:
				r.convict("L2", opsOf([]*grant{g}), "token %d counts %d slots of %q, which was inactive", g.token, t.Slots, name)
			case !t.Counted && b.strict():
				r.convict("L2", opsOf([]*grant{g}), "token %d counts no slots of %q, which was active and enforcing", g.token, name)
			}
		}
	}
}
