package limit

import "github.com/limitd/limitd/fsm/command"

// endLease ends a lease once and for all (E5): by release, by expiry, by force.
func (s *State) endLease(token uint64, how requestState) {
	x := s.leases.get(token)
	grants := x.terms.grants()
	s.touches(len(grants))
	for _, g := range grants {
		l := s.limit(g.limit)
		if l == nil {
			continue
		}
		l.refs--
		if !g.counted || g.mode == command.RateLimit {
			continue // only decay gives rate slots back
		}
		if how == requestExpired && l.set.Grace > 0 {
			s.keepInGrace(l, token, x.end+l.set.Grace)
			continue
		}
		s.giveBack(l, token)
	}
	s.ends.remove(uint64(x.end), token)
	s.leases.delete(token)
	s.endRequest(x.id, how, nil)
}

// keepInGrace keeps an expired lease's slots a moment longer (S6).
func (s *State) keepInGrace(l *limitRow, token uint64, freeAt int64) {
	s.settle(l)
	h := s.holdings.own(pair{l.seq, token}, s.epoch)
	if h == nil {
		return
	}
	l.sample(s.now - h.granted)
	h.kind, h.freeAt = HolderGrace, freeAt
	s.graces.Set(graceEnd{freeAt, token, l.seq})
	l.inGrace++
	s.watchOldest(l)
}

// release gives a grant's slots back, or cancels a wait (S4).
func (s *State) release(h command.Header, op *command.Release) command.Result {
	if op.Token == 0 {
		return s.releaseID(h, op.ID)
	}
	if s.leases.get(op.Token) != nil {
		s.endLease(op.Token, requestReleased)
		return &command.Released{Released: true}
	}
	if id, ok := s.endedBy.Get(op.Token); ok {
		return released(s.requests.get(id).state)
	}
	return &command.Released{Reason: command.ReasonUnknown}
}

func (s *State) releaseID(h command.Header, id string) command.Result {
	r := s.request(id)
	switch {
	case r == nil:
		if p := s.refuseNew(h); p != nil {
			return p
		}
		s.bury(id)
		return &command.Released{Reason: command.ReasonUnknown}
	case r.state == requestWaiting:
		s.cancelWait(s.waiter(r.ref))
		return &command.Released{Released: true}
	case r.state == requestHeld:
		s.endLease(r.ref, requestReleased)
		return &command.Released{Released: true}
	case r.cancelled():
		return &command.Released{Released: true, Replayed: true}
	}
	return released(r.state)
}

// cancelled tells whether the request's wait was cancelled.
func (r *request) cancelled() bool {
	p, ok := r.ending().result.(*command.Problem)
	return ok && p.Code == command.CodeCancelled
}

// released answers the release of what has ended already.
func released(state requestState) *command.Released {
	switch state {
	case requestReleased:
		return &command.Released{Released: true, Replayed: true}
	case requestExpired:
		return &command.Released{Reason: command.ReasonExpired}
	case requestForced:
		return &command.Released{Reason: command.ReasonForced}
	}
	return &command.Released{Reason: command.ReasonUnknown}
}

// cancel ends a wait; a grant that came first is released (A4).
func (s *State) cancel(h command.Header, op *command.Cancel) command.Result {
	r := s.request(op.ID)
	switch {
	case r == nil:
		if p := s.refuseNew(h); p != nil {
			return p
		}
		s.bury(op.ID)
		return &command.Cancelled{Cancelled: true}
	case r.state == requestWaiting:
		s.cancelWait(s.waiter(r.ref))
		return &command.Cancelled{Cancelled: true}
	case r.state == requestHeld:
		s.endLease(r.ref, requestReleased)
		return &command.Cancelled{Cancelled: true}
	case r.state == requestTombstone || r.state == requestReleased || r.cancelled():
		return &command.Cancelled{Cancelled: true, Replayed: true}
	}
	return &command.Cancelled{}
}

// forceRelease is an operator's release (S5).
func (s *State) forceRelease(op *command.ForceRelease) command.Result {
	if s.leases.get(op.Token) == nil {
		return &command.Problem{Code: command.CodeLeaseNotFound, Want: int64(op.Token)}
	}
	s.endLease(op.Token, requestForced)
	return &command.Done{}
}

// renew moves the ends of leases, never backwards (S3).
func (s *State) renew(op *command.Renew) command.Result {
	if op.TTL != 0 && (op.TTL < MinTTL || op.TTL > MaxTTL) {
		return &command.Problem{Code: command.CodeInvalid, Detail: "ttl can be 1s to 24h"}
	}
	answer := &command.Renewed{Leases: make([]command.RenewedLease, 0, len(op.Tokens)+len(op.IDs))}
	for _, token := range op.Tokens {
		answer.Leases = append(answer.Leases, s.renewOne(token, op.TTL))
	}
	for _, id := range op.IDs {
		answer.Leases = append(answer.Leases, s.renewID(id, op.TTL))
	}
	return answer
}

func (s *State) renewID(id string, ttl int64) command.RenewedLease {
	r := s.request(id)
	switch {
	case r != nil && r.state == requestWaiting:
		return command.RenewedLease{ID: id, State: command.LeaseWaiting}
	case r != nil && r.state == requestHeld:
		return s.renewOne(r.ref, ttl)
	}
	return command.RenewedLease{ID: id, State: command.LeaseGone}
}

func (s *State) renewOne(token uint64, ttl int64) command.RenewedLease {
	x := s.leases.own(token, s.epoch)
	if x == nil {
		return command.RenewedLease{Token: token, State: command.LeaseGone}
	}
	if ttl == 0 {
		ttl = x.terms.ttl()
	}
	if end := s.now + ttl; end > x.end {
		s.ends.remove(uint64(x.end), token)
		x.end = end
		s.ends.add(uint64(end), token)
	}
	return command.RenewedLease{Token: token, ID: x.id, State: command.LeaseHeld, ExpiresIn: x.end - s.now}
}
