package check

import (
	"maps"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/limitd/limitd/jepsen/history"
)

const (
	windowGrants = 600              // of one search, which sees all calls that name them
	searchTime   = 10 * time.Second // of one search; past it the history counts as wrong
	maxWide      = 8                // resets and deletes whose place is not known: each doubles the search
)

// judgeLinear searches for an order of all calls in which one limiter, that
// does them one by one, gives the answers that were given. The log index leaves
// little to be searched: what has an index of its own keeps its place, and only
// the rest moves within its bounds. Limits that were ever acquired together are
// searched together, in windows of some hundred grants. The first window that is
// wrong ends the search: in a broken history each can take all its time.
func judgeLinear(f *facts, r *report) {
	for _, names := range f.partitions() {
		grants := f.grantsOf(names)
		for chunk := range slices.Chunk(grants, windowGrants) {
			if len(r.violations) > 0 {
				return
			}
			w := newWindow(f, names, chunk)
			if w == nil {
				continue
			}
			r.saw(len(w.steps))
			switch porcupine.CheckOperationsTimeout(w.model(), w.operations(), searchTime) {
			case porcupine.Illegal:
				r.convict("E1", opsOf([]*grant{chunk[0], chunk[len(chunk)-1]}), "no order of the calls on %v about tokens %d to %d gives the answers that were given",
					names, chunk[0].token, chunk[len(chunk)-1].token)
			case porcupine.Unknown:
				r.convict("search", opsOf([]*grant{chunk[0], chunk[len(chunk)-1]}), "the search for an order of the calls on %v about tokens %d to %d did not end in %s",
					names, chunk[0].token, chunk[len(chunk)-1].token, searchTime)
			}
		}
	}
}

// partitions divides the limits without decay into those that were acquired
// together.
func (f *facts) partitions() [][]string {
	root := make(map[string]string)
	var find func(string) string
	find = func(name string) string {
		if up, ok := root[name]; ok && up != name {
			root[name] = find(up)
			return root[name]
		}
		root[name] = name
		return name
	}
	for _, a := range f.acts {
		if a.Kind != history.Acquire {
			continue
		}
		for _, w := range a.Limits {
			root[find(w.Name)] = find(a.Limits[0].Name)
		}
	}
	groups := make(map[string][]string)
	for _, name := range slices.Sorted(maps.Keys(root)) {
		if l := f.limit(name); !l.decays && len(l.puts) > 0 {
			groups[find(name)] = append(groups[find(name)], name)
		}
	}
	var list [][]string
	for _, key := range slices.Sorted(maps.Keys(groups)) {
		list = append(list, groups[key])
	}
	return list
}

// grantsOf lists the grants of leases that took slots of some limits, by token.
func (f *facts) grantsOf(names []string) (list []*grant) {
	for _, g := range f.grants {
		if !g.leased || g.guessed || g.losing || f.asked[g.id] != nil && f.asked[g.id].single() == nil {
			continue
		}
		if slices.ContainsFunc(names, func(name string) bool { return g.takesOf(name).Counted }) {
			list = append(list, g)
		}
	}
	return list
}

// newWindow collects the steps that concern some grants, which are in the order
// of tokens. It is nil where too much of it is not known to be searched.
func newWindow(f *facts, names []string, grants []*grant) *window {
	w := &window{f: f, names: names}
	for i, g := range grants {
		w.add(&step{kind: stepGrant, lo: g.lo, hi: g.hi, g: g, place: i})
		exact := false
		for _, s := range g.signs {
			w.addSign(g, s, i)
			exact = exact || s.op.exact && s.op.gaveBack()
		}
		for _, a := range g.enders {
			if !exact && a.hi >= g.lo {
				w.add(&step{kind: stepMayEnd, lo: max(a.lo, g.alive+1, g.lo), hi: never, g: g, place: i})
			}
		}
	}
	first, last, wide := grants[0].lo, grants[len(grants)-1].hi, 0
	for i, name := range names {
		for _, a := range f.limit(name).clears {
			if a.lo > last || a.hi < first {
				continue
			}
			w.add(&step{kind: stepClear, lo: a.lo, hi: a.hi, limit: i})
			if a.lo != a.hi {
				wide++
			}
		}
	}
	if wide > maxWide {
		return nil
	}
	return w
}

// addSign adds what an answer tells of a lease.
func (w *window) addSign(g *grant, s sign, place int) {
	kind := stepGone
	switch {
	case s.index <= g.lo:
		return
	case s.held:
		kind = stepHeld
	case s.op.exact && s.op.gaveBack():
		kind = stepEnd
	case s.end != 0:
		return
	}
	w.add(&step{kind: kind, lo: s.index, hi: s.index, g: g, place: place})
}
