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
	waited  int64
	shares  []share
}

func (s *lease) names(l *limit) bool {
	return slices.ContainsFunc(s.shares, func(h share) bool { return h.limit == l })
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
	m.touches(len(s.shares))
	m.leases = slices.DeleteFunc(m.leases, func(o *lease) bool { return o == s })
	for _, w := range s.shares {
		if w.counted && !w.rate {
			m.look(w.limit)
		}
		m.decay(w.limit)
		h := w.limit.holdingOf(s.token)
		if h == nil || h.kind != leased {
			continue // not counted, decayed, reset; or a rate grant's, which decay alone gives back
		}
		w.limit.sample(m.time - s.granted)
		if grace := w.limit.settings.Grace; how == command.ReasonExpired && grace > 0 {
			h.kind, h.until = inGrace, s.end+grace
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
	case r == nil && op.Token != 0:
		return &command.Released{Reason: command.ReasonUnknown}
	case r == nil:
		if p := m.unwelcome(h); p != nil {
			return p
		}
		m.tombstone(op.ID)
		return &command.Released{Reason: command.ReasonUnknown}
	case r.waiter != nil:
		m.cancelWaiter(r.waiter)
		return &command.Released{Released: true}
	case r.lease != nil:
		m.finish(r.lease, command.ReasonNone)
		return &command.Released{Released: true}
	case r.wasCancelled():
		return &command.Released{Released: true, Replayed: true}
	case !r.endedWith(command.CodeLeaseEnded):
		return &command.Released{Reason: command.ReasonUnknown}
	case r.how == command.ReasonNone:
		return &command.Released{Released: true, Replayed: true}
	}
	return &command.Released{Reason: r.how}
}

func (m *Model) cancel(h command.Header, op *command.Cancel) command.Result {
	r := m.known(op.ID)
	switch {
	case r == nil:
		if p := m.unwelcome(h); p != nil {
			return p
		}
		m.tombstone(op.ID)
	case r.waiter != nil:
		m.cancelWaiter(r.waiter)
	case r.lease != nil:
		m.finish(r.lease, command.ReasonNone)
	case r.endedWith(command.CodeCancelled), r.endedWith(command.CodeLeaseEnded) && r.how == command.ReasonNone:
		return &command.Cancelled{Cancelled: true, Replayed: true}
	default:
		return &command.Cancelled{}
	}
	return &command.Cancelled{Cancelled: true}
}

func (m *Model) renew(op *command.Renew) command.Result {
	if !soundTTL(op.TTL) {
		return &command.Problem{Code: command.CodeInvalid}
	}
	answer := &command.Renewed{}
	for _, token := range op.Tokens {
		one := command.RenewedLease{Token: token, State: command.LeaseGone}
		if s := m.held(token); s != nil {
			one = m.extend(s, op.TTL)
		}
		answer.Leases = append(answer.Leases, one)
	}
	for _, id := range op.IDs {
		one := command.RenewedLease{ID: id, State: command.LeaseGone}
		switch r := m.known(id); {
		case r != nil && r.waiter != nil:
			one.State = command.LeaseWaiting
		case r != nil && r.lease != nil:
			one = m.extend(r.lease, op.TTL)
		}
		answer.Leases = append(answer.Leases, one)
	}
	return answer
}

// extend moves the end of s, never back (S3).
func (m *Model) extend(s *lease, ttl int64) command.RenewedLease {
	s.end = max(s.end, m.time+cmp.Or(ttl, s.ttl))
	return command.RenewedLease{Token: s.token, ID: s.request.id, State: command.LeaseHeld, ExpiresIn: s.end - m.time}
}

func (m *Model) forceRelease(op *command.ForceRelease) command.Result {
	s := m.held(op.Token)
	if s == nil {
		return &command.Problem{Code: command.CodeLeaseNotFound}
	}
	m.finish(s, command.ReasonForced)
	return &command.Done{}
}

// disown makes what a lease occupies anonymous, and ends the lease (S7).
func (m *Model) disown(op *command.Disown) command.Result {
	r := m.known(op.ID)
	if r == nil || r.lease == nil {
		return &command.Problem{Code: command.CodeLeaseNotFound}
	}
	s := r.lease
	for _, w := range s.shares {
		if len(w.ordinals) > 0 && !w.limit.deleted {
			return &command.Problem{Code: command.CodeInvalid, Limit: w.limit.name}
		}
	}
	g := m.granted(s)
	g.Lease, g.TTL, g.ExpiresIn = false, 0, 0
	for _, w := range s.shares {
		m.decay(w.limit)
		if h := w.limit.holdingOf(s.token); h != nil && h.kind == leased {
			h.kind = anonymous
		}
	}
	m.leases = slices.DeleteFunc(m.leases, func(o *lease) bool { return o == s })
	m.end(r, g)
	return &command.Done{}
}

// interest keeps places alive whose callers still wait (A4).
func (m *Model) interest(op *command.Interest) command.Result {
	for _, x := range m.waiters {
		if slices.Contains(op.Ages, x.age) && !x.parted {
			x.lapse = m.time + x.linger
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
			x.parted, x.first = true, false
		}
		x.lapse = m.time + max(0, op.Lapse)
	}
	return &command.Done{}
}

// join answers a call that asks again for a place, and takes it up where it is
// parted.
func (m *Model) join(x *waiter) command.Result {
	m.takeUp(x)
	x.lapse = m.time + x.linger
	return m.waiting(x)
}

// partedOf returns the oldest parted place of the family of a, or nil.
func (m *Model) partedOf(a *command.Acquire) *waiter {
	for _, x := range m.waiters {
		if a.Family != [16]byte{} && a.Wait > 0 && x.parted && x.family == a.Family {
			return x
		}
	}
	return nil
}

// takeUpAs gives a parted place to a new request of the same family. The wait
// under the id that it had before has ended.
func (m *Model) takeUpAs(x *waiter, h command.Header, a *command.Acquire) command.Result {
	m.end(x.request, cancelled())
	skipped := x.request.skipped
	x.request = m.remember(h.ID, a)
	x.request.waiter, x.request.skipped = x, skipped
	x.arrived, x.deadline = m.time, m.time+a.Wait
	return m.join(x)
}
