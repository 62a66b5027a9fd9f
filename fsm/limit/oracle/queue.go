package oracle

import (
	"slices"
)

// protectedAfter is how many moves make a waiter protected.
const protectedAfter = 8

// waiter is an acquire that is queued.
type waiter struct {
	request  *request
	age      uint64 // log index of its acquire
	arrived  int64
	deadline int64
	linger   int64
	lapse    int64 // when interest, or the parted place, lapses
	wants    []want
	ttl      int64
	nameless bool // its slots have no lease, and no name
	leads    bool // a lease comes of its grant
	family   [16]byte

	park   *limit // where it stands in line
	moves  int
	prot   uint64 // number of its protection; 0: none
	staged bool   // it reserves on decaying limits too
	parted bool

	first bool  // it is the first of its line,
	since int64 // unbroken since then
}

// want is one limit that an acquire asks for.
type want struct {
	limit *limit
	entry int // its place in the request
	n     int64
	rate  bool // mode rate_limit
}

// n is how many slots x wants of l.
func (x *waiter) n(l *limit) int64 {
	for _, w := range x.wants {
		if w.limit == l {
			return w.n
		}
	}
	return 0
}

func (x *waiter) names(l *limit) bool {
	return slices.ContainsFunc(x.wants, func(w want) bool { return w.limit == l })
}

// inLine tells whether x stands in the order of parked waiters.
func (x *waiter) inLine() bool { return !x.parted && x.prot == 0 }

// reserves tells whether slots of l are kept for y.
func (y *waiter) reserves(l *limit) bool {
	return y.prot > 0 && !y.parted && y.names(l) && (l.settings.Rate.IsZero() || y.staged)
}

// comesFirst tells whether y's reservation binds x.
func (y *waiter) comesFirst(x *waiter) bool {
	return y != x && y.prot > 0 && (x.prot == 0 || y.prot < x.prot)
}

// room is what l can give to x beside the reservations that come first.
func (m *Model) room(x *waiter, l *limit) int64 {
	m.decay(l)
	room := l.settings.Slots - l.held()
	if m.reopens != 0 && l.settings.Rate.IsZero() {
		room = min(0, room)
	}
	for _, y := range m.waiters {
		if y.comesFirst(x) && y.reserves(l) {
			room -= y.n(l)
		}
	}
	return room
}

// lacks tells whether l stands in x's way.
func (m *Model) lacks(x *waiter, l *limit) bool {
	if !l.enforcing() || x.n(l) == 0 {
		return false
	}
	return m.room(x, l) < x.n(l) || x.prot == 0 && m.olderParked(x, l)
}

func (m *Model) olderParked(x *waiter, l *limit) bool {
	return slices.ContainsFunc(m.waiters, func(y *waiter) bool { return y.inLine() && y.park == l && y.age < x.age })
}

// allLacking lists the limits that stand in x's way: those without decay
// first, then by age.
func (m *Model) allLacking(x *waiter) []*limit {
	var still, decaying []*limit
	for _, l := range m.limits {
		switch {
		case !m.lacks(x, l):
		case l.settings.Rate.IsZero():
			still = append(still, l)
		default:
			decaying = append(decaying, l)
		}
	}
	return append(still, decaying...)
}

// lacking returns the first limit that stands in x's way, or nil.
func (m *Model) lacking(x *waiter) *limit {
	if all := m.allLacking(x); len(all) > 0 {
		return all[0]
	}
	return nil
}

// group lists the waiters in line whose demands equal x's.
func (m *Model) group(x *waiter) []*waiter {
	var list []*waiter
	for _, y := range m.waiters {
		same := len(x.wants) == len(y.wants)
		for _, w := range x.wants {
			same = same && y.names(w.limit) && y.n(w.limit) == w.n
		}
		if same && y.inLine() {
			list = append(list, y)
		}
	}
	return list
}

// settle examines the queues of the marked limits until nothing more can be
// granted (A2, A3). False: the budget is used up; the marks stay.
func (m *Model) settle() bool {
	defer m.watch()
	for x := m.chosen(); x != nil; x = m.chosen() {
		if !m.spend() {
			return false
		}
		m.examine(x)
	}
	for _, l := range m.limits {
		l.marked = false
	}
	return true
}

// chosen is the one to examine next: the first protected one whose park is
// marked and does not lack; else the oldest of the first in line.
func (m *Model) chosen() *waiter {
	var best *waiter
	for _, x := range m.waiters {
		if x.prot > 0 && !x.parted && x.park.marked && !m.lacks(x, x.park) && (best == nil || x.prot < best.prot) {
			best = x
		}
	}
	if best != nil {
		return best
	}
	for _, x := range m.waiters {
		if x.inLine() && x.park.marked && !m.lacks(x, x.park) {
			return x // who has an older one before it in line lacks there
		}
	}
	return nil
}

// examine grants x, or parks it where it lacks now.
func (m *Model) examine(x *waiter) {
	m.touches(len(x.wants))
	if x.prot > 0 {
		m.stage(x)
	}
	for _, w := range x.wants {
		if w.limit.enforcing() && w.n > 0 {
			m.look(w.limit)
		}
	}
	to := m.lacking(x)
	switch {
	case to == nil:
		m.grantWaiter(x)
	case x.prot > 0:
		x.park = to
	default:
		for _, y := range m.group(x) {
			y.park = to
		}
		if x.moves++; x.moves == protectedAfter {
			m.protect(x)
		}
	}
}

// protect takes x out of its line and reserves what it wants.
func (m *Model) protect(x *waiter) {
	m.touches(len(x.wants))
	m.protections++
	x.prot, x.first = m.protections, false
	m.stage(x)
	if to := m.lacking(x); to != nil {
		x.park = to
	}
	x.park.marked = true
}

// stage says whether x reserves on decaying limits too: only once no other
// limit lacks.
func (m *Model) stage(x *waiter) {
	to := m.lacking(x)
	staged := to == nil || !to.settings.Rate.IsZero()
	if staged != x.staged {
		x.staged = staged
		for _, w := range x.wants {
			if !w.limit.settings.Rate.IsZero() {
				w.limit.marked = true
			}
		}
	}
}

// enter puts the newcomer x in line: with its group, or where it lacks.
func (m *Model) enter(x *waiter) {
	x.park = m.lacking(x)
	if g := m.group(x); len(g) > 0 {
		x.park = g[0].park
	}
	m.waiters = append(m.waiters, x)
}

// yield marks what x's going may give room on.
func (m *Model) yield(x *waiter) {
	if x.parted {
		return
	}
	x.park.marked = true
	if x.prot > 0 {
		for _, w := range x.wants {
			w.limit.marked = true
		}
	}
}

// leave takes x out of the queue.
func (m *Model) leave(x *waiter) {
	m.yield(x)
	m.waiters = slices.DeleteFunc(m.waiters, func(y *waiter) bool { return y == x })
}

// takeUp puts a parted place back (A4): one that was protected comes behind
// those protected meanwhile, another stands with its group again.
func (m *Model) takeUp(x *waiter) {
	if !x.parted {
		return
	}
	g := m.group(x)
	x.parted = false
	switch {
	case x.prot > 0:
		m.protections++
		x.prot, x.staged = m.protections, false
		m.stage(x)
	case len(g) > 0:
		x.park = g[0].park
	}
	x.park.marked = true
}

// watch keeps for everybody in line since when it is the first there: nobody
// older parked, nobody older protected, on its limit; under the first rules
// nobody protected at all.
func (m *Model) watch() {
	for _, x := range m.waiters {
		first := x.inLine() && !m.olderParked(x, x.park) && !m.protectedBefore(x)
		if first && !x.first {
			x.since = m.time
		}
		x.first = first
	}
}

func (m *Model) protectedBefore(x *waiter) bool {
	return slices.ContainsFunc(m.waiters, func(y *waiter) bool {
		return y.prot > 0 && !y.parted && y.names(x.park) && (y.age < x.age || m.rules < budgeted)
	})
}
