package oracle

import (
	"cmp"
	"slices"

	"github.com/limitd/limitd/fsm/command"
)

const defaultLinger = int64(15e9)

// acquire answers an acquire in the order of reading R7: known id, age, family,
// bounds, missing limits, never fits, no decay; then grant, deny or queue.
func (m *Model) acquire(h command.Header, a *command.Acquire) command.Result {
	if r := m.known(h.ID); r != nil {
		return m.again(r, a)
	}
	if h.Accepted < m.forgotten {
		return &command.Problem{Code: command.CodeTooOld}
	}
	if x := m.partedOf(a); x != nil {
		return m.takeUpAs(x, h, a)
	}
	if p := m.unwelcome(h); p != nil {
		return p
	}
	if !soundAcquire(h.ID, a) {
		return &command.Problem{Code: command.CodeInvalid}
	}
	if p := m.refuse(a); p != nil {
		return p
	}
	x := &waiter{
		age: m.index, arrived: m.time, deadline: m.time + a.Wait, linger: cmp.Or(a.Linger, defaultLinger),
		ttl: cmp.Or(a.TTL, m.settings.DefaultTTL), nameless: a.Anonymous, leads: leads(a), family: a.Family,
	}
	x.wants, _ = m.resolve(a)
	x.lapse = m.time + x.linger
	lacking := m.allLacking(x)
	if len(lacking) > 0 && a.Wait > 0 && int64(len(m.waiters)) >= m.settings.MaxWaiters {
		return &command.Problem{Code: command.CodeOverloaded}
	}
	x.request = m.remember(h.ID, a)
	if len(lacking) > 0 && a.Wait == 0 {
		m.use(x)
		m.end(x.request, m.denied(x, false))
		return x.request.result
	}
	m.create(a, x)
	m.use(x)
	if len(lacking) == 0 {
		return m.grant(x)
	}
	x.request.waiter = x
	m.enter(x)
	return m.waiting(x)
}

// refuse says why a can never be granted as things are, or cannot be now.
func (m *Model) refuse(a *command.Acquire) command.Result {
	for _, e := range a.Entries {
		if m.limit(e.Name) == nil && a.Missing == command.MissingError {
			return &command.Problem{Code: command.CodeLimitNotFound, Limit: e.Name}
		}
	}
	wants, _ := m.resolve(a)
	for _, w := range wants {
		if w.neverFits() {
			return neverFits(w)
		}
	}
	for _, w := range wants {
		if w.noDecay() {
			return noDecay(w)
		}
	}
	for _, w := range wants {
		if a.Anonymous && m.barsNameless(w.limit) {
			return &command.Problem{Code: command.CodeInvalid, Limit: w.limit.name}
		}
	}
	if leads(a) && int64(len(m.leases)+len(m.waiters)) >= m.settings.MaxLeases {
		return &command.Problem{Code: command.CodeTooMany}
	}
	return nil
}

// barsNameless tells whether l takes no anonymous slots: a numbered limit, where
// it takes slots at all. Older rules asked for less.
func (m *Model) barsNameless(l *limit) bool {
	return l.settings.Numbered && (l.settings.Active || m.rules < budgeted)
}

func (w want) neverFits() bool { return w.limit.enforcing() && w.n > w.limit.settings.Slots }

func (w want) noDecay() bool {
	return w.limit.enforcing() && w.rate && w.limit.settings.Rate.IsZero()
}

func neverFits(w want) *command.Problem {
	return &command.Problem{Code: command.CodeNeverFits, Limit: w.limit.name, Have: w.limit.settings.Slots, Want: w.n}
}

func noDecay(w want) *command.Problem {
	return &command.Problem{Code: command.CodeNoDecay, Limit: w.limit.name}
}

// leads tells whether a lease comes of a: of any concurrency entry, and of no
// entries at all, but of no anonymous acquire.
func leads(a *command.Acquire) bool {
	concurrency := slices.ContainsFunc(a.Entries, func(e command.Entry) bool { return e.Mode == command.Concurrency })
	return !a.Anonymous && (concurrency || len(a.Entries) == 0)
}

// resolve finds the limits that a names, and the names that are missing.
func (m *Model) resolve(a *command.Acquire) (wants []want, missing []string) {
	for i, e := range a.Entries {
		if l := m.limit(e.Name); l != nil {
			wants = append(wants, want{limit: l, entry: i, n: e.Slots, rate: e.Mode == command.RateLimit})
		} else {
			missing = append(missing, e.Name)
		}
	}
	return wants, missing
}

// create makes the missing limits of an acquire that is let in, where it wants
// that and there is room for them (L3).
func (m *Model) create(a *command.Acquire, x *waiter) {
	if _, missing := m.resolve(a); a.Missing == command.MissingCreate {
		for _, name := range missing {
			if soundName(name) && m.implicit() < m.settings.MaxImplicit && int64(len(m.limits)) < m.settings.MaxLimits {
				m.make(name, command.LimitSettings{Slots: 1, Rate: command.Rate{Text: "0/s"}}).implicit = true
			}
		}
	}
	x.wants, x.request.skipped = m.resolve(a)
}

// use notes that x names its limits.
func (m *Model) use(x *waiter) {
	for _, w := range x.wants {
		w.limit.used = m.time
	}
}

func (m *Model) implicit() (n int64) {
	for _, l := range m.limits {
		if l.implicit {
			n++
		}
	}
	return n
}
