package oracle

import (
	"cmp"
	"slices"

	"github.com/limitd/limitd/fsm/command"
)

// lease is a grant with an owner and an end.
type lease struct {
	request *request
	token   uint64
	ttl     int64
	granted int64
	end     int64
	wall    int64
	wants   []want
}

func (s *lease) names(l *limit) bool {
	return slices.ContainsFunc(s.wants, func(w want) bool { return w.limit == l })
}

// held returns the lease with the token, or nil.
func (m *Model) held(token uint64) *lease {
	for _, s := range m.leases {
		if s.token == token {
			return s
		}
	}
	return nil
}

// finish ends s, and gives back what is left of its slots. Where it ended by
// its time, the limit's grace keeps them a moment longer (S6).
func (m *Model) finish(s *lease, how command.Reason) {
	m.leases = slices.DeleteFunc(m.leases, func(o *lease) bool { return o == s })
	for _, w := range s.wants {
		m.decay(w.limit)
		h := w.limit.holdingOf(s.token)
		if h == nil || h.kind != leased {
			continue
		}
		w.limit.sample(m.time - s.granted)
		if grace := w.limit.settings.Grace; how == command.ReasonExpired && grace > 0 {
			h.kind, h.until = inGrace, m.time+grace
		} else {
			m.drop(w.limit, h)
		}
	}
	m.end(s.request, &command.Problem{Code: command.CodeLeaseEnded})
	s.request.how = how
}

func (m *Model) expire(s *lease) { m.finish(s, command.ReasonExpired) }

func (l *limit) holdingOf(token uint64) *holding {
	for _, h := range l.holdings {
		if h.token == token {
			return h
		}
	}
	return nil
}

// sample counts how long a slot was held.
func (l *limit) sample(ns int64) {
	if l.average == 0 {
		l.average = ns
		return
	}
	l.average += (ns - l.average) / max(2, 2*l.settings.Slots)
}

func (m *Model) release(h command.Header, op *command.Release) command.Result {
	r := m.known(op.ID)
	if op.Token != 0 {
		r = m.knownToken(op.Token)
	}
	switch {
	case r == nil:
		if op.Token == 0 {
			m.tombstone(h, op.ID)
		}
		return &command.Released{Reason: command.ReasonUnknown}
	case r.waiter != nil:
		m.cancelWaiter(r.waiter)
		return &command.Released{Released: true}
	case r.lease != nil:
		m.finish(r.lease, command.ReasonNone)
		return &command.Released{Released: true}
	case !endedLease(r):
		return &command.Released{Reason: command.ReasonUnknown}
	case r.how == command.ReasonNone:
		return &command.Released{Released: true, Replayed: true}
	}
	return &command.Released{Reason: r.how}
}

func endedLease(r *request) bool {
	p, ok := r.result.(*command.Problem)
	return ok && p.Code == command.CodeLeaseEnded
}

func (m *Model) cancel(h command.Header, op *command.Cancel) command.Result {
	r := m.known(op.ID)
	switch {
	case r == nil:
		m.tombstone(h, op.ID)
	case r.waiter != nil:
		m.cancelWaiter(r.waiter)
	case r.lease != nil:
		m.finish(r.lease, command.ReasonNone)
	default:
		return &command.Cancelled{}
	}
	return &command.Cancelled{Cancelled: true}
}

func (m *Model) renew(op *command.Renew) command.Result {
	answer := &command.Renewed{}
	for _, token := range op.Tokens {
		one := command.RenewedLease{Token: token, State: command.LeaseGone}
		if r := m.knownToken(token); r != nil {
			one.ID = r.id
		}
		m.extend(m.held(token), op.TTL, &one)
		answer.Leases = append(answer.Leases, one)
	}
	for _, id := range op.IDs {
		one := command.RenewedLease{ID: id, State: command.LeaseGone}
		if r := m.known(id); r != nil {
			one.Token = r.token
			if m.extend(r.lease, op.TTL, &one); r.waiter != nil {
				one.State = command.LeaseWaiting
			}
		}
		answer.Leases = append(answer.Leases, one)
	}
	return answer
}

// extend moves the end of s, where there is such a lease (S3).
func (m *Model) extend(s *lease, ttl int64, one *command.RenewedLease) {
	if s == nil {
		return
	}
	s.end = max(s.end, m.time+cmp.Or(ttl, s.ttl))
	one.State, one.ExpiresIn = command.LeaseHeld, s.end-m.time
}

func (m *Model) forceRelease(op *command.ForceRelease) command.Result {
	s := m.held(op.Token)
	if s == nil {
		return &command.Problem{Code: command.CodeLeaseNotFound}
	}
	m.finish(s, command.ReasonForced)
	return &command.Done{}
}

// interest keeps places alive whose callers still wait (A4).
func (m *Model) interest(op *command.Interest) command.Result {
	for _, x := range m.waiters {
		if slices.Contains(op.Ages, x.age) && !x.parted {
			x.lapse = max(x.lapse, m.time+x.linger)
		}
	}
	return &command.Done{}
}

// part parts a place: it keeps its age, and is in nobody's way (A4).
func (m *Model) part(op *command.Part) command.Result {
	if r := m.known(op.ID); r != nil && r.waiter != nil {
		x := r.waiter
		if !x.parted {
			m.yield(x)
			x.parted, x.was, x.prot, x.staged, x.first = true, x.prot > 0, 0, false, false
		}
		x.lapse = m.time + op.Lapse
	}
	return &command.Done{}
}

// partedOf returns the oldest parted place of a family, or nil.
func (m *Model) partedOf(family [16]byte) *waiter {
	for _, x := range m.waiters {
		if family != [16]byte{} && x.parted && x.request.family == family {
			return x
		}
	}
	return nil
}

// takeUpAs gives a parted place to a new request of the same family.
func (m *Model) takeUpAs(x *waiter, h command.Header, a *command.Acquire) command.Result {
	x.request.id = h.ID
	x.lapse = m.time + x.linger
	m.takeUp(x)
	return m.waiting(x)
}
