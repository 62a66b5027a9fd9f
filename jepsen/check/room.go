package check

import (
	"slices"

	"github.com/limitd/limitd/jepsen/history"
)

// room is what may be, and what must be, occupied of a limit, and who may and
// who must wait for it, at any index.
type room struct {
	least, most               tally // slots
	leastWaiting, mostWaiting tally // acquires
	largest                   int64 // slots that any acquire which may queue asks for
	shared                    bool  // some of those wait for other limits, too
}

// room replays everything that names a limit. Decay makes what must be
// occupied less, and leaves what may be.
func (f *facts) room(l *limit) *room {
	m := &room{}
	for _, g := range l.grants {
		t := g.takesOf(l.name)
		if !t.Counted {
			continue
		}
		m.most.add(g.lo, g.frees(f, l), t.Slots)
		m.least.add(g.hi, g.holds(f, l), t.Slots)
	}
	for _, a := range l.asks {
		n := wants(a.Op, l.name)
		r := f.asked[a.ID]
		if r == nil && (a.Outcome != history.OK || a.Tries > 1) || r != nil && r.acquires[0] == a && len(r.grants) == 0 {
			m.most.add(a.earliest, f.mayHoldOf(a, l), n)
		}
		if r != nil && r.acquires[0] == a {
			for _, g := range r.grants {
				m.most.add(g.lo, g.mayHaveHeld(l.name), n)
			}
		}
		if a.Wait > 0 && (r == nil || r.firstWait() == a) {
			m.largest, m.shared = max(m.largest, n), m.shared || len(a.Limits) > 1
			m.mostWaiting.add(a.earliest, f.over(a), 1)
			if from, to := f.waitsFor(a, r); from < to {
				m.leastWaiting.add(from, to, 1)
			}
		}
	}
	for _, t := range []*tally{&m.least, &m.most, &m.leastWaiting, &m.mostWaiting} {
		t.close()
	}
	return m
}

// mayHoldOf is how long an acquire that nobody knows a grant of may hold slots of
// a limit: those that only decay returns outlast its end.
func (f *facts) mayHoldOf(a *act, l *limit) uint64 {
	until := f.mayHoldUntil(a)
	if until == 0 || !slices.ContainsFunc(a.Limits, func(w history.Want) bool { return w.Name == l.name && w.Rate }) {
		return until
	}
	return l.clearedAfter(f.over(a), true)
}

// mayHoldUntil is how long an acquire that nobody knows a grant of may hold
// slots.
func (f *facts) mayHoldUntil(a *act) uint64 {
	if r := f.asked[a.ID]; r != nil {
		return r.mayHoldUntil()
	}
	if isOver(a.Op) && a.Tries <= 1 {
		return 0
	}
	return never
}

// mayHoldUntil is the index from which no grant of the id holds anything, for
// certain; 0 where none ever was.
func (r *request) mayHoldUntil() uint64 {
	at, sent := r.closed(), false
	for _, a := range r.acquires {
		switch {
		case a.Outcome == history.OK && isDenied(a.Code):
			return 0
		case !isOver(a.Op) || a.Code == "lease_ended" || a.Code == "cancelled":
			sent = true
		}
	}
	if !sent {
		return 0
	}
	return at
}

// firstWait is the first acquire of the id that may queue.
func (r *request) firstWait() *act {
	for _, a := range r.acquires {
		if a.Wait > 0 {
			return a
		}
	}
	return nil
}

// isDenied tells that an id was never granted, and never will be.
func isDenied(code string) bool {
	return code == "denied" || code == "wait_expired" || code == "limit_deleted"
}

// waitsFor is the span in which an acquire that was granted in the end stood in
// the queue for certain.
func (f *facts) waitsFor(a *act, r *request) (from, to uint64) {
	g := r.single()
	queued := f.queuedAt(a)
	if g == nil || queued == never {
		return 0, 0
	}
	return queued, g.lo
}

// queuedAt is an index at which an acquire stands in the queue for certain, if
// that has not ended by then.
func (f *facts) queuedAt(a *act) uint64 {
	if a.Queued == 0 {
		return never
	}
	at := f.later.after(a.Queued)
	if at == never {
		return never
	}
	return at - 1
}
