package check

import "math"

// judgePatience looks at waiters that are protected for certain: from then on
// their slots are kept for them, on all their limits, and no newcomer takes any
// (A2). It is certain of one that was the oldest of all who wait for any of its
// limits for the whole patience: it was first wherever it was parked, then.
//
// So nobody starves: whoever is protected waits for no more than the ends of
// leases that were held before.
func judgePatience(f *facts, r *report) {
	if !f.fromStart || f.h.Final == nil || f.h.Final.Patience <= 0 {
		return
	}
	before := newElders(f, f.h.Final.Patience)
	for _, g := range f.grants {
		w := f.waiter(g)
		if w == nil {
			continue
		}
		from := before.protected(w)
		if from >= g.hi {
			continue
		}
		r.saw(1)
		for _, name := range w.names() {
			f.judgeKept(w, f.limit(name), from, r)
		}
	}
}

// waiter is a grant that stood in the queue from its arrival on, for certain.
type waiter struct {
	*grant
	first     *act
	since     int64  // it had arrived by this cluster time
	arrivedBy uint64 // and by this index
}

// waiter returns what is known of a grant that had to wait; nil where that is
// not enough.
func (f *facts) waiter(g *grant) *waiter {
	r := f.asked[g.id]
	if g.wait == 0 || r == nil || r.single() != g || f.older[g.id] || g.guessed || f.h.Run.Remember == 0 {
		return nil
	}
	_, made := g.instant(f)
	if made == math.MaxInt64 || g.told-g.called >= f.slower(f.h.Run.Remember) {
		return nil
	}
	w := &waiter{grant: g, first: r.acquires[0], since: made - int64(g.wait)}
	w.arrivedBy = f.mustPass(w.since)
	for _, a := range r.acquires {
		if a.Wait == 0 {
			return nil
		}
	}
	return w
}

// names returns the limits that it asked for.
func (w *waiter) names() (list []string) {
	for _, x := range w.first.Limits {
		if x.Slots > 0 {
			list = append(list, x.Name)
		}
	}
	return list
}

// judgeKept looks at one limit of a waiter that is protected from an index on:
// whoever came later finds its slots kept.
func (f *facts) judgeKept(w *waiter, l *limit, from uint64, r *report) {
	b := l.bounds(w.lo, w.hi)
	if all := l.bounds(from, w.hi); !all.strict() || all.decays || !b.strict() {
		return
	}
	n := wants(w.first.Op, l.name)
	for _, g := range l.grants {
		t := g.takesOf(l.name)
		if g.token >= w.token || !t.Counted || g.guessed || t.Slots == 0 || !f.cameAfter(g, from) {
			continue
		}
		r.saw(1)
		most := l.bounds(from, w.hi).most
		if held := f.heldBefore(g, l); held+t.Slots+n > most {
			r.convict("A2", show(w.op(), g.op()), "%q had been first for its patience at index %d, so that %d slots of %q were kept for it until it got token %d; %q, which came after that, took %d and left less of %d (%d were held)",
				w.id, from, n, l.name, w.token, g.id, t.Slots, most, held)
		}
	}
}

// cameAfter tells whether a grant's id was first sent after the record at an
// index, for certain.
func (f *facts) cameAfter(g *grant, index uint64) bool {
	if r := f.asked[g.id]; r != nil {
		return r.single() == g && !f.older[g.id] && r.acquires[0].earliest > index
	}
	return len(g.ops) == 1 && g.ops[0].earliest > index
}

// heldBefore is what is held of a limit for certain when a grant is made.
func (f *facts) heldBefore(g *grant, l *limit) (slots int64) {
	for _, x := range l.grants {
		if x.token >= g.token {
			break
		}
		if t := x.takesOf(l.name); t.Counted && !t.Rate && x.holds(f, l) > g.hi {
			slots += t.Slots
		}
	}
	return slots
}
