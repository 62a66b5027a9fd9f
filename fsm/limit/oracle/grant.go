package oracle

import (
	"slices"

	"github.com/limitd/limitd/fsm/command"
)

// share is what a grant got of one limit.
type share struct {
	want
	counted   bool
	wouldDeny bool
	ordinals  []uint32
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
	s := &lease{request: r, token: m.tokens, ttl: x.ttl, granted: m.time, waited: m.time - x.arrived, end: m.now.target + x.ttl}
	for _, w := range x.wants {
		s.shares = append(s.shares, m.take(w, x.nameless))
	}
	r.waiter = nil
	g := m.granted(s)
	if !x.leads {
		g.Lease, g.TTL, g.ExpiresIn = false, 0, 0
		m.end(r, g)
		return g
	}
	r.lease, r.token = s, s.token
	m.leases = append(m.leases, s)
	return g
}

// take occupies w's slots where its limit counts them. A limit in shadow
// counts what fits, and otherwise says that it would have denied (L4).
func (m *Model) take(w want, nameless bool) share {
	l := w.limit
	m.decay(l)
	fits := l.held()+w.n <= l.settings.Slots && !(w.rate && l.settings.Rate.IsZero())
	switch {
	case !l.settings.Active:
		return share{want: w}
	case l.settings.Shadow && !fits:
		l.denied++
		return share{want: w, wouldDeny: true}
	}
	k := leased
	switch {
	case w.rate:
		k = rated
	case nameless:
		k = anonymous
	}
	return share{want: w, counted: true, ordinals: m.occupy(l, k, w.n)}
}

// occupy adds n slots to l's holdings. Those that nobody can name share a
// holding where they follow each other.
func (m *Model) occupy(l *limit, k kind, n int64) []uint32 {
	m.decay(l)
	if n == 0 {
		return nil
	}
	if i := len(l.holdings) - 1; i >= 0 && l.holdings[i].kind == k && (k == rated || k == anonymous) {
		l.holdings[i].slots += n
		return nil
	}
	h := &holding{token: m.tokens, kind: k, slots: n}
	if l.settings.Numbered {
		h.ordinals = l.freeOrdinals(n)
	}
	l.holdings = append(l.holdings, h)
	return h.ordinals
}

// granted words the grant s as it stands. What was deleted is not shown, nor what
// a reset took.
func (m *Model) granted(s *lease) *command.Granted {
	g := &command.Granted{
		ID: s.request.id, Token: s.token, Lease: true, TTL: s.ttl, Waited: s.waited,
		ExpiresIn: s.end - m.now.target, Skipped: s.request.skipped,
	}
	for _, h := range s.shares {
		l := h.limit
		if l.deleted {
			continue
		}
		m.decay(l)
		stays := h.counted && !h.rate && h.n > 0 && l.settings.Rate.IsZero() // till it is released
		if stays && slices.Contains(m.leases, s) && l.holdingOf(s.token) == nil {
			continue
		}
		g.Limits = append(g.Limits, command.GrantedLimit{
			UUID: l.uuid, Name: l.name, Slots: h.n, Mode: h.mode(), Counted: h.counted, WouldDeny: h.wouldDeny,
			Ordinals: h.ordinals, Capacity: l.settings.Slots, Occupied: l.held(), Rate: l.settings.Rate,
		})
	}
	return g
}

func (w want) mode() command.Mode {
	if w.rate {
		return command.RateLimit
	}
	return command.Concurrency
}
