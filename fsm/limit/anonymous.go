package limit

import "github.com/limitd/limitd/fsm/command"

// Anonymous slots (S7) are occupied without a lease. They may lie in many
// holdings, with leases between them, so that giving them back is a job like the
// other bulk effects; what answers shows them as given back already.

// decrement gives back anonymous slots, oldest first.
func (s *State) decrement(op *command.Decrement) command.Result {
	found := &command.Limits{}
	for _, e := range op.Entries {
		l := s.named(e.Name)
		if l == nil {
			continue
		}
		s.settle(l)
		s.returnAnonymous(l, e.Slots)
		if op.Occupied > 0 {
			l.sample(op.Occupied)
		}
		found.Limits = append(found.Limits, s.showReturned(l))
	}
	return found
}

// setActive leaves max(0, slots - leased) anonymous slots on a limit.
func (s *State) setActive(op *command.SetActive) command.Result {
	l := s.named(op.Name)
	if l == nil {
		return &command.Problem{Code: command.CodeLimitNotFound, Limit: op.Name}
	}
	if op.Slots < 0 || op.Slots > command.MaxSlots {
		return &command.Problem{Code: command.CodeInvalid, Limit: l.name, Want: op.Slots, Detail: "slots can be 0 to 9007199254740991"}
	}
	s.settle(l)
	keep := max(0, op.Slots-(l.held-l.anonymous))
	if l.set.Numbered && keep > 0 {
		return &command.Problem{Code: command.CodeInvalid, Limit: l.name, Detail: "a numbered limit has no anonymous slots"}
	}
	switch {
	case keep < l.anonymous:
		s.returnAnonymous(l, l.anonymous-keep)
	case keep > l.anonymous:
		s.lastToken++
		s.take(l, s.lastToken, HolderAnonymous, keep-l.anonymous)
	}
	shown := s.showReturned(l)
	return &shown
}

// disown turns what a lease holds into anonymous slots, for callers that know no
// leases and had to wait (S7). What ends is the lease, not what it occupies.
func (s *State) disown(op *command.Disown) command.Result {
	r := s.request(op.ID)
	if r == nil || r.state != requestHeld {
		return &command.Problem{Code: command.CodeLeaseNotFound}
	}
	x := s.leases.get(r.ref)
	t := x.terms.unpack()
	for _, g := range t.grants {
		if l := s.limit(g.limit); l != nil && len(g.ordinals) > 0 {
			return &command.Problem{Code: command.CodeInvalid, Limit: l.name, Detail: "a numbered limit has no anonymous slots"}
		}
	}
	granted := s.showGrant(x, &t)
	for _, g := range t.grants {
		if l := s.limit(g.limit); l != nil {
			l.refs--
			s.makeNameless(l, x.token)
		}
	}
	s.ends.remove(uint64(x.end), x.token)
	s.leases.delete(x.token)
	granted.Lease, granted.TTL, granted.ExpiresIn, granted.ExpiresWall = false, 0, 0, 0
	s.endRequest(op.ID, requestAnswered, granted)
	return &command.Done{}
}

// makeNameless turns a lease's holding of l, where there is one, into an
// anonymous one of the same age.
func (s *State) makeNameless(l *limitRow, token uint64) {
	s.settle(l)
	h := s.holdings.own(pair{l.seq, token}, s.epoch)
	if h == nil || h.kind != HolderLease {
		return
	}
	h.kind = HolderAnonymous
	l.anonymous += h.slots
	s.nameless.add(l.seq, token)
}

// returnAnonymous gives back at most that many anonymous slots of l, which is
// settled, oldest first.
func (s *State) returnAnonymous(l *limitRow, slots int64) {
	slots = min(slots, l.anonymous-s.returning(l))
	if slots <= 0 {
		return
	}
	if s.rules >= rules2 {
		s.jobs = append(s.jobs, job{kind: jobReturn, limit: l.seq, from: uint64(slots)})
		return
	}
	for slots > 0 {
		slots -= s.returnOldest(l, slots)
	}
}

// returnOldest gives back slots of the oldest anonymous holding, at most so many.
func (s *State) returnOldest(l *limitRow, most int64) (slots int64) {
	token := s.nameless.first(l.seq)
	h := s.holdings.get(pair{l.seq, token})
	slots = min(most, h.slots)
	s.withdraw(l, token, h, slots)
	s.mark(l.seq)
	s.touch(l.seq)
	return slots
}

// returning is how many slots of l open jobs still have to give back.
func (s *State) returning(l *limitRow) (slots int64) {
	for _, j := range s.jobs {
		if j.kind == jobReturn && j.limit == l.seq {
			slots += int64(j.from)
		}
	}
	return slots
}

// showReturned describes l as it stands once open jobs have given back.
func (s *State) showReturned(l *limitRow) command.Limit {
	shown := s.show(l)
	shown.Occupied -= s.returning(l)
	return shown
}
