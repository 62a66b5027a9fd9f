package oracle

import "slices"

// grantless is how long after the start of a raft term no interest lapses
// (semantics.md A4).
const grantless = int64(15e9)

// class orders the events of one instant (semantics.md T5): what frees slots,
// of that first what decay has taken, then protection, then the ends of waits,
// then housekeeping.
type class int

const (
	oldestGone class = iota
	leaseEnds
	graceEnds
	quarantineEnds
	slotsDecay
	patienceEnds
	deadline
	lapse
	forget
	collect
)

// event is something that falls due by the passing of time.
type event struct {
	due   int64
	class class
	first int64  // orders events of one class at one instant
	then  uint64 // orders those that agree in first
	play  func()
}

func (e *event) before(o *event) bool {
	switch {
	case e.due != o.due:
		return e.due < o.due
	case e.class != o.class:
		return e.class < o.class
	case e.first != o.first:
		return e.first < o.first
	}
	return e.then < o.then
}

// advance moves time on to target, playing what falls due on the way, each at
// its instant (T5). It tells whether it got there within the budget.
//
// Grants are backdated by at most G: what is due before target - G is played
// without granting, and the queue settles at target - G for all of it.
func (m *Model) advance(target int64) bool {
	if !m.work() {
		return false
	}
	m.watch()
	if floor := target - m.settings.MaxBackdate; floor > m.time {
		for e := m.next(floor - 1); e != nil; e = m.next(floor - 1) {
			if !m.spend() {
				return false
			}
			m.moveTo(e.due)
			e.play()
			if !m.work() {
				return false
			}
			m.watch()
		}
		m.moveTo(floor)
	}
	if !m.settleNow() {
		return false
	}
	for e := m.next(target); e != nil; e = m.next(target) {
		if !m.spend() {
			return false
		}
		m.moveTo(e.due)
		e.play()
		if !m.work() || !m.settleNow() {
			return false
		}
	}
	m.moveTo(target)
	m.forgotten = max(m.forgotten, m.time-m.settings.Remember)
	return true
}

// settleNow settles the queue, after what decay has taken by this instant is
// played on all limits.
func (m *Model) settleNow() bool {
	for e := m.next(m.time); e != nil && e.class == oldestGone; e = m.next(m.time) {
		if !m.spend() {
			return false
		}
		e.play()
	}
	return m.settle()
}

// moveTo moves the clock on; never back.
func (m *Model) moveTo(t int64) { m.time = max(m.time, t) }

// next returns the first event due up to t, or nil.
func (m *Model) next(t int64) *event {
	var first *event
	for _, e := range m.events() {
		if e.due <= t && (first == nil || e.before(first)) {
			first = e
		}
	}
	return first
}

// events lists all that is to come, in no order.
func (m *Model) events() []*event {
	var list []*event
	add := func(due int64, c class, first int64, then uint64, play func()) {
		list = append(list, &event{due: due, class: c, first: first, then: then, play: play})
	}
	for _, l := range m.leases {
		add(l.end, leaseEnds, 0, l.token, func() { m.expire(l) })
	}
	for _, l := range m.limits {
		for _, h := range l.holdings {
			if h.kind == inGrace {
				add(h.until, graceEnds, int64(h.token), l.number, func() { m.drop(l, h) })
			}
		}
		if due, ok := m.oldestGoes(l); ok {
			add(due, oldestGone, 0, l.number, func() { m.takeOldest(l) })
		}
		if due, ok := m.profitsAt(l); ok {
			add(due, slotsDecay, 0, l.number, func() { l.marked = true })
		}
		if l.implicit {
			add(l.used+m.settings.ImplicitTTL, collect, l.used, l.number, func() { m.collect(l) })
		}
	}
	for _, x := range m.waiters {
		if !x.parted && x.prot == 0 && x.first {
			add(x.since+m.settings.Patience, patienceEnds, 0, x.age, func() { m.protect(x) })
		}
		add(x.deadline, deadline, 0, x.age, func() { m.waitExpires(x) })
		add(max(x.lapse, m.termStart+grantless), lapse, x.lapse, x.age, func() { m.cancelWaiter(x) })
	}
	if m.reopens != 0 {
		add(m.reopens, quarantineEnds, 0, 0, m.endQuarantine)
	}
	if r := m.endedFirst(); r != nil { // the others come after it
		add(r.endedAt+m.settings.Remember, forget, r.endedAt, r.ending, func() { m.forget(r) })
	}
	return list
}

// endedFirst returns the request that ended before all others, or nil.
func (m *Model) endedFirst() (first *request) {
	for _, r := range m.requests {
		if r.ended && (first == nil || r.endedAt < first.endedAt || r.endedAt == first.endedAt && r.ending < first.ending) {
			first = r
		}
	}
	return first
}

// profitsAt returns when decay gives the first of those parked on l the room
// that it lacks there; false: never, or has given it, and the limit is marked and
// will be looked at. It may be this very instant, where another event came first.
func (m *Model) profitsAt(l *limit) (due int64, ok bool) {
	if l.settings.Rate.IsZero() || !l.enforcing() {
		return 0, false
	}
	for _, x := range m.waiters {
		if x.park != l || x.parted || x.prot == 0 && m.olderParked(x, l) {
			continue
		}
		need := max(0, x.n(l)-m.room(x, l)) // 0: at this very instant
		if need == 0 && l.marked {
			continue
		}
		if at, in := l.decayedBy(need); in && need <= l.held() && (!ok || at < due) {
			due, ok = max(at, m.time), true
		}
	}
	return due, ok
}

// collect removes an implicit limit that nobody used for long, or looks again
// later where a waiter or lease still names it (L3).
func (m *Model) collect(l *limit) {
	for _, x := range m.waiters {
		if x.names(l) {
			l.used = m.time
		}
	}
	for _, s := range m.leases {
		if s.names(l) {
			l.used = m.time
		}
	}
	if l.used != m.time {
		m.remove(l)
	}
}

// NextDue returns when a tick is due for more than housekeeping: at once where
// the last record was cut short. By what decay takes nobody profits.
func (m *Model) NextDue() (due int64, ok bool) {
	if m.Cut {
		return m.time, true
	}
	for _, e := range m.events() {
		if e.class > oldestGone && e.class < forget && (!ok || e.due < due) {
			due, ok = e.due, true
		}
	}
	return due, ok
}

// AnyDue tells whether anything at all is due up to t, marks and open jobs included.
func (m *Model) AnyDue(t int64) bool {
	for _, l := range m.limits {
		if l.marked {
			return true
		}
	}
	return m.next(t) != nil || len(m.jobs) > 0 || m.Cut
}

// Dues lists the instants from now on at which something falls due, earliest first.
func (m *Model) Dues() (list []int64) {
	for _, e := range m.events() {
		list = append(list, max(e.due, m.time))
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// Busy tells whether leases, waiters or non-empty decaying limits exist, or a
// quarantine (T4).
func (m *Model) Busy() bool {
	for _, l := range m.limits {
		if m.decay(l); !l.settings.Rate.IsZero() && l.held() > 0 {
			return true
		}
	}
	return len(m.leases) > 0 || len(m.waiters) > 0 || m.reopens != 0
}
