package check

import (
	"math"
	"slices"

	"github.com/anishathalye/porcupine"
)

// stepKind is what a call does to, or tells of, a lease.
type stepKind int

const (
	stepGrant  stepKind = iota // it is granted: there was room, and no later grant came before
	stepHeld                   // it is held
	stepEnd                    // it is held, and ends
	stepMayEnd                 // it ends, if it is held: a call of which no more is known; not before its grant
	stepGone                   // it is not held, or its time is over
	stepClear                  // a limit loses all that is held of it
)

// step is one thing that happened at some index from lo to hi.
type step struct {
	kind   stepKind
	lo, hi uint64
	g      *grant
	place  int // of g among the window's grants
	limit  int // stepClear: of the window's

	from, to int64   // bounds of cluster time
	most     []int64 // stepGrant: slots of the window's limits, at most; -1: not known
}

// window is a part of a history that is searched.
type window struct {
	f     *facts
	names []string
	steps []*step
}

// add adds a step, with what is known of its time and of the limits then.
func (w *window) add(s *step) {
	if s.hi < s.lo {
		s.hi = s.lo
	}
	s.from, _ = w.f.timeAfter(s.lo)
	s.to = math.MaxInt64
	if s.hi != never {
		_, s.to = w.f.timeAfter(s.hi)
	}
	if s.kind == stepGrant {
		for _, name := range w.names {
			most := int64(-1)
			if b := w.f.limit(name).bounds(s.lo, s.hi); b.known && !b.gone {
				most = b.most
			}
			s.most = append(s.most, most)
		}
	}
	w.steps = append(w.steps, s)
}

// operations lays the steps out on the log: one index is two instants.
func (w *window) operations() []porcupine.Operation {
	var list []porcupine.Operation
	for i, s := range w.steps {
		end := int64(math.MaxInt64)
		if s.hi < math.MaxInt64/2 {
			end = int64(2*s.hi + 1)
		}
		list = append(list, porcupine.Operation{ClientId: i, Input: s, Call: int64(2 * s.lo), Return: end})
	}
	return list
}

// holdings is the state of the model: the leases that are held, by token. Grants
// are made in the order of tokens, which spares the search most of its ways.
type holdings struct {
	next int // place of the next grant
	held []holdingOf
}

// holdingOf is a lease that is held, but for its slots of cleared limits.
type holdingOf struct {
	g       *grant
	cleared uint64 // bits of the window's limits
}

// model is the limiter that does one thing after the other.
func (w *window) model() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return holdings{} },
		Step: func(state, input, _ any) (bool, any) { return w.step(state.(holdings), input.(*step)) },
		Equal: func(x, y any) bool {
			return x.(holdings).next == y.(holdings).next && slices.Equal(x.(holdings).held, y.(holdings).held)
		},
	}
}

// step does one thing; false where it cannot be.
func (w *window) step(h holdings, s *step) (bool, any) {
	at := slices.IndexFunc(h.held, func(x holdingOf) bool { return x.g == s.g })
	switch s.kind {
	case stepGrant:
		if s.place != h.next || !w.fits(h, s) {
			return false, h
		}
		h.next++
		h.held = append(w.present(h, s), holdingOf{g: s.g})
	case stepHeld:
		return at >= 0, h
	case stepGone:
		return at < 0 || s.g.ends <= s.to, h
	case stepEnd, stepMayEnd:
		if at < 0 {
			return s.kind == stepMayEnd && s.place < h.next, h
		}
		h.held = slices.Delete(slices.Clone(h.held), at, at+1)
	case stepClear:
		h.held = slices.Clone(h.held)
		for i := range h.held {
			h.held[i].cleared |= 1 << (s.limit % 64)
		}
	}
	return true, h
}

// present returns a copy of what is held, without what is over by its time.
func (w *window) present(h holdings, s *step) []holdingOf {
	list := make([]holdingOf, 0, len(h.held)+1)
	for _, x := range h.held {
		if x.g.endMax >= s.from {
			list = append(list, x)
		}
	}
	return list
}

// fits tells whether a grant may have found room beside what is held and lasts
// until then for certain.
func (w *window) fits(h holdings, s *step) bool {
	for i, name := range w.names {
		n := s.g.takesOf(name)
		if s.most[i] < 0 || !n.Counted {
			continue
		}
		held := n.Slots
		for _, x := range h.held {
			t := x.g.takesOf(name)
			if t.Counted && x.cleared&(1<<(i%64)) == 0 && (s.to < x.g.ends || s.hi <= x.g.alive) {
				held += t.Slots
			}
		}
		if held > s.most[i] {
			return false
		}
	}
	return true
}
