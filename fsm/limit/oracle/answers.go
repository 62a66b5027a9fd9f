package oracle

import (
	"slices"

	"github.com/limitd/limitd/fsm/command"
)

// Unsaid stands where the model makes no estimate of a time; the tests compare
// no estimates.
const Unsaid = int64(-1)

// denied counts and words a denial of x.
func (m *Model) denied(x *waiter, expired bool) *command.Denied {
	lacking := m.allLacking(x)
	d := &command.Denied{ID: x.request.id, Expired: expired, RetryAfter: Unsaid, Position: m.position(x, lacking), BlockedBy: m.blockers(x, lacking)}
	for _, l := range lacking {
		l.denied++
	}
	return d
}

// waiting words x's place in the queue.
func (m *Model) waiting(x *waiter) *command.Waiting {
	lacking := m.allLacking(x)
	return &command.Waiting{ID: x.request.id, Age: x.age, EstimatedWait: Unsaid, Position: m.position(x, lacking), BlockedBy: m.blockers(x, lacking)}
}

// position is x's place on the first limit that lacks, from 1.
func (m *Model) position(x *waiter, lacking []*limit) int64 {
	if len(lacking) == 0 {
		return 1
	}
	return m.ahead(x, lacking[0]) + 1
}

// ahead counts the older waiters that name l.
func (m *Model) ahead(x *waiter, l *limit) (n int64) {
	for _, y := range m.waiters {
		if y.age < x.age && y.names(l) {
			n++
		}
	}
	return n
}

// blockers lists what lacks in the order of the request.
func (m *Model) blockers(x *waiter, lacking []*limit) (list []command.Blocker) {
	for _, w := range x.wants {
		if l := w.limit; slices.Contains(lacking, l) {
			list = append(list, command.Blocker{Name: l.name, Slots: l.settings.Slots, Occupied: l.held(), Ahead: m.ahead(x, l)})
		}
	}
	return list
}

// WouldGrant tells whether a newcomer that asks for the entries would be granted
// at once.
func (m *Model) WouldGrant(entries []command.Entry) bool {
	a := &command.Acquire{Entries: entries}
	x := &waiter{age: m.index + 1}
	x.wants, _ = m.resolve(a)
	return m.refuse(a) == nil && len(m.allLacking(x)) == 0
}

// waitExpires ends the wait of x at its deadline.
func (m *Model) waitExpires(x *waiter) {
	m.touches(len(x.wants))
	d := m.denied(x, true)
	m.leave(x)
	m.end(x.request, d)
	m.outcome(x, d)
}

// cancelWaiter ends the wait of x because nobody is interested any more.
func (m *Model) cancelWaiter(x *waiter) {
	m.touches(len(x.wants))
	m.refuseWaiter(x, cancelled())
}

// refuseWaiter ends the wait of x with a problem.
func (m *Model) refuseWaiter(x *waiter, p *command.Problem) {
	m.leave(x)
	m.end(x.request, p)
	m.outcome(x, p)
}
