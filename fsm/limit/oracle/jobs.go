package oracle

import (
	"slices"

	"github.com/limitd/limitd/fsm/command"
)

// job is one item of bulk work: a waiter to judge, a holding to drop. What an
// operation on a limit does to many is queued, and done item by item within
// the budgets of as many records as it takes (T5).
type job struct{ do func() }

// work does the queued items. False: the budget is used up.
func (m *Model) work() bool {
	for len(m.jobs) > 0 {
		if !m.spend() {
			return false
		}
		m.jobs[0].do()
		m.jobs = m.jobs[1:]
	}
	return true
}

// queueDrops queues the holdings of l that are wanted, by token.
func (m *Model) queueDrops(l *limit, wanted func(*holding) bool) {
	for _, h := range l.holdings {
		if wanted(h) {
			m.jobs = append(m.jobs, &job{do: func() { m.drop(l, h) }})
		}
	}
}

// queueJudging queues the waiters that name l, by age, for L5, L6 and L11.
func (m *Model) queueJudging(l *limit) {
	for _, x := range m.waiters {
		if x.names(l) {
			m.jobs = append(m.jobs, &job{do: func() { m.judge(x, l) }})
		}
	}
}

// judge ends the wait of x where l can never give it what it wants, under the
// state as it is by now.
func (m *Model) judge(x *waiter, l *limit) {
	if x.request.waiter != x {
		return // ended meanwhile
	}
	m.touches(len(x.wants))
	for _, w := range x.wants {
		switch {
		case w.limit != l:
		case w.neverFits():
			m.refuseWaiter(x, neverFits(w))
		case w.noDecay():
			m.refuseWaiter(x, noDecay(w))
		case x.nameless && m.barsNameless(l):
			m.refuseWaiter(x, &command.Problem{Code: command.CodeInvalid, Limit: l.name})
		}
	}
}

// endQuarantine ends it, where there is one, and has every limit that somebody
// waits for looked at (S8).
func (m *Model) endQuarantine() {
	if m.reopens == 0 {
		return
	}
	m.reopens = 0
	for _, l := range m.limits {
		if slices.ContainsFunc(m.waiters, func(x *waiter) bool { return x.names(l) }) {
			m.jobs = append(m.jobs, &job{do: func() { l.marked = true }})
		}
	}
}

func (m *Model) judgeDeleted(x *waiter, l *limit) {
	if x.request.waiter == x {
		m.touches(len(x.wants))
		m.refuseWaiter(x, &command.Problem{Code: command.CodeLimitDeleted, Limit: l.name})
	}
}
