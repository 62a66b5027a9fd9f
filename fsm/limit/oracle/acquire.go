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
		return m.again(r, h, a)
	}
	if h.Accepted < m.forgotten {
		return &command.Problem{Code: command.CodeTooOld}
	}
	if x := m.partedOf(a.Family); x != nil {
		return m.takeUpAs(x, h, a)
	}
	if p := m.unwelcome(h); p != nil {
		return p
	}
	if p := m.refuse(a); p != nil {
		return p
	}
	x := &waiter{age: m.index, arrived: m.time, linger: a.Linger}
	x.wants, _ = m.resolve(a)
	lacking := m.allLacking(x)
	if len(lacking) > 0 && a.Wait > 0 && int64(len(m.waiters)) >= m.settings.MaxWaiters {
		return &command.Problem{Code: command.CodeOverloaded}
	}
	r := m.remember(h.ID, command.KindAcquire)
	r.acquire, r.family, x.request = a, a.Family, r
	m.create(a, x)
	switch {
	case len(lacking) == 0:
		return m.grant(x)
	case a.Wait == 0:
		m.end(r, m.denied(x, false))
		return r.result
	}
	r.waiter = x
	x.deadline = m.time + a.Wait
	if x.linger == 0 {
		x.linger = defaultLinger
	}
	x.lapse = m.time + x.linger
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
	if m.leads(a) && int64(len(m.leases)) >= m.settings.MaxLeases {
		return &command.Problem{Code: command.CodeTooMany}
	}
	return nil
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
func (m *Model) leads(a *command.Acquire) bool {
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
// that and there is room for them, and notes that the implicit ones are in use.
func (m *Model) create(a *command.Acquire, x *waiter) {
	if _, missing := m.resolve(a); a.Missing == command.MissingCreate {
		for _, name := range missing {
			if m.implicit() < m.settings.MaxImplicit && int64(len(m.limits)) < m.settings.MaxLimits {
				m.make(name, command.LimitSettings{}).implicit = true
			}
		}
	}
	x.wants, x.request.skipped = m.resolve(a)
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

// grantWaiter grants one that was queued.
func (m *Model) grantWaiter(x *waiter) {
	m.waiters = slices.DeleteFunc(m.waiters, func(y *waiter) bool { return y == x })
	m.outcome(x, m.grant(x))
}

func (m *Model) outcome(x *waiter, r command.Result) {
	m.now.outcomes = append(m.now.outcomes, Outcome{ID: x.request.id, Age: x.age, Result: r})
}

// grant takes what x wants, at the present time. A lease of it runs from the
// record's time.
func (m *Model) grant(x *waiter) command.Result {
	m.tokens++
	r := x.request
	g := &command.Granted{ID: r.id, Token: m.tokens, Waited: m.time - x.arrived, GrantedWall: m.now.wall, Skipped: r.skipped}
	for _, w := range x.wants {
		g.Limits = append(g.Limits, m.take(w, r.acquire.Anonymous))
	}
	r.waiter, r.token = nil, g.Token
	if !m.leads(r.acquire) {
		m.end(r, g)
		return g
	}
	g.Lease, g.TTL = true, cmp.Or(r.acquire.TTL, m.settings.DefaultTTL)
	g.ExpiresIn = g.TTL
	g.ExpiresWall = m.now.wall + g.TTL
	r.result = g
	r.lease = &lease{request: r, token: g.Token, ttl: g.TTL, granted: m.time, end: m.now.target + g.TTL, wall: m.now.wall, wants: x.wants}
	m.leases = append(m.leases, r.lease)
	return g
}

// take occupies w's slots where its limit counts them.
func (m *Model) take(w want, nameless bool) command.GrantedLimit {
	l := w.limit
	m.decay(l)
	fits := l.held()+w.n <= l.settings.Slots
	g := command.GrantedLimit{UUID: l.uuid, Name: l.name, Slots: w.n, Mode: w.mode(), Capacity: l.settings.Slots, Rate: l.settings.Rate}
	switch {
	case !l.settings.Active:
	case l.settings.Shadow && (!fits || w.rate && l.settings.Rate.IsZero()):
		g.WouldDeny = true
	default:
		g.Counted = true
		h := &holding{token: m.tokens, kind: leased, slots: w.n, granted: m.time}
		switch {
		case w.rate:
			h.kind = rated
		case nameless:
			h.kind = anonymous
		}
		if l.settings.Numbered {
			h.ordinals = l.freeOrdinals(w.n)
		}
		l.holdings = append(l.holdings, h)
		g.Ordinals = h.ordinals
	}
	g.Occupied = l.held()
	return g
}

func (w want) mode() command.Mode {
	if w.rate {
		return command.RateLimit
	}
	return command.Concurrency
}
