package limit

import "github.com/limitd/limitd/fsm/command"

// grant gives a demand its slots, all in this step (E1, E3). The request of id
// must be open. This is where a slot is granted.
func (s *State) grant(id string, d *demand, arrived int64) *command.Granted {
	s.lastToken++
	x := &lease{token: s.lastToken, id: id, end: s.record.target + d.ttl}
	t := terms{
		owner: d.owner, ttl: d.ttl, granted: s.now, waited: s.now - arrived, wall: s.record.wall,
		grants: make([]grant, 0, len(d.wants)), skipped: d.skipped,
	}
	for _, n := range d.wants {
		t.grants = append(t.grants, s.grantLimit(n, x.token, d.anonymous))
	}
	granted := s.showGrant(x, &t)
	granted.Lease = d.leased
	if !d.leased {
		granted.TTL, granted.ExpiresIn, granted.ExpiresWall = 0, 0, 0
		s.endRequest(id, requestAnswered, granted)
		return granted
	}
	x.terms = t.pack()
	s.leases.put(x.token, x, s.epoch)
	s.ends.add(uint64(x.end), x.token)
	s.refer(d.wants, 1)
	r := s.request(id)
	r.state, r.ref = requestHeld, x.token
	return granted
}

// grantLimit takes slots of one limit, where they count.
func (s *State) grantLimit(n want, token uint64, anonymous bool) grant {
	l := s.limit(n.limit)
	g := grant{limit: n.limit, slots: n.slots, mode: n.mode}
	if !l.set.Active {
		return g
	}
	s.settle(l)
	if l.set.Shadow && (l.free() < n.slots || n.mode == command.RateLimit && !l.decays()) {
		g.wouldDeny = true
		l.denied++
		return g
	}
	kind := HolderLease
	switch {
	case n.mode == command.RateLimit:
		kind = HolderRate
	case anonymous:
		kind = HolderAnonymous
	}
	g.counted = true
	if n.slots > 0 {
		g.ordinals = s.take(l, token, kind, n.slots)
	}
	return g
}

// refer counts the leases and waiters that name limits, so that none is
// collected under them (L3).
func (s *State) refer(wants []want, by int64) {
	for _, n := range wants {
		if l := s.limit(n.limit); l != nil {
			l.refs += by
		}
	}
}

// showGrant describes a lease, of the terms t, as it stands.
func (s *State) showGrant(x *lease, t *terms) *command.Granted {
	g := &command.Granted{
		ID: x.id, Token: x.token, Lease: true, TTL: t.ttl, Waited: t.waited, Skipped: t.skipped,
		ExpiresIn: x.end - max(s.now, s.record.target), GrantedWall: t.wall,
	}
	g.ExpiresWall = s.record.wall + g.ExpiresIn
	g.Limits = s.showGrants(x, t.grants)
	return g
}

// showGrants describes what x has of its grants: without limits that were deleted
// (L9), and without slots that a reset took (L10).
func (s *State) showGrants(x *lease, grants []grant) []command.GrantedLimit {
	shown := make([]command.GrantedLimit, 0, len(grants))
	for _, g := range grants {
		l := s.limits.get(g.limit)
		if l == nil || l.deleted || s.wasReset(l, x, g) {
			continue
		}
		shown = append(shown, command.GrantedLimit{
			UUID: l.uuid, Name: l.name, Slots: g.slots, Mode: g.mode, Counted: g.counted, WouldDeny: g.wouldDeny,
			Ordinals: g.ordinals, Capacity: l.set.Slots, Occupied: l.occupiedAt(s.now), Rate: l.set.Rate,
		})
	}
	return shown
}

// wasReset tells whether x has lost the slots of g. What decay gives back in parts
// is shown as it was granted.
func (s *State) wasReset(l *limitRow, x *lease, g grant) bool {
	if x.terms == nil || !g.counted || g.slots == 0 || g.mode == command.RateLimit || l.decays() {
		return false // without terms it is only being granted
	}
	return s.holdings.get(pair{l.seq, x.token}) == nil
}
