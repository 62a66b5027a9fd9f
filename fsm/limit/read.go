package limit

import (
	"slices"
	"strings"

	"github.com/limitd/limitd/fsm/command"
)

// What is below only reads, and may run beside other readers.

// Limit returns a limit by name.
func (s *State) Limit(name string) (command.Limit, bool) {
	l := s.find(name)
	if l == nil {
		return command.Limit{}, false
	}
	return s.show(l), true
}

func (s *State) find(name string) *limitRow {
	seq, ok := s.names.Get(name)
	if !ok {
		return nil
	}
	return s.limits.get(seq)
}

// LimitByID returns a limit by its UUID.
func (s *State) LimitByID(id [16]byte) (command.Limit, bool) {
	l := s.limits.get(numberOf(id))
	if l == nil || l.uuid != id || l.deleted {
		return command.Limit{}, false
	}
	return s.show(l), true
}

// LimitsFrom returns at most n limits ordered by name, without the first skipped.
func (s *State) LimitsFrom(skipped, n int) (list []command.Limit) {
	for i := max(0, skipped); i < s.names.Len() && len(list) < n; i++ {
		if _, seq, ok := s.names.GetAt(i); ok {
			list = append(list, s.show(s.limits.get(seq)))
		}
	}
	return list
}

// scanned is how many rows one read looks at, so that a filter which hardly
// anything matches does not keep Apply waiting while a million rows are read.
const scanned = 10_000

// Limits returns at most n limits that match f and come after the name given,
// ordered by name. Where there may be more, next is the name to go on after.
func (s *State) Limits(f LimitFilter, after string, n int) (list []command.Limit, next string) {
	seen, ended, last := 0, true, ""
	s.names.Ascend(max(after, f.Prefix), func(name string, seq uint64) bool {
		if !strings.HasPrefix(name, f.Prefix) {
			return false
		}
		if name <= after {
			return true
		}
		hidden := f.May != nil && !f.May(name)
		if seen++; !hidden && len(list) == n || seen > scanned {
			ended = false
			return false
		}
		if hidden {
			last = name
			return true
		}
		next = name
		if l := s.limits.get(seq); hasLabels(l.set.Labels, f.Labels) {
			list = append(list, s.show(l))
		}
		return true
	})
	switch {
	case ended:
		next = ""
	case next == "":
		next = last // where else to go on
	}
	return list, next
}

func hasLabels(labels, wanted []command.Pair) bool {
	for _, p := range wanted {
		if !slices.Contains(labels, p) {
			return false
		}
	}
	return true
}

// Similar returns up to three names of limits that look like name, for hints.
func (s *State) Similar(name string) (names []string) {
	type near struct {
		name     string
		distance int
	}
	var found []near
	seen := 0
	s.names.Scan(func(n string, _ uint64) bool {
		seen++
		if d := Distance(name, n); d <= max(1, len(name)/3) {
			found = append(found, near{n, d})
		}
		return seen < 1000
	})
	slices.SortStableFunc(found, func(x, y near) int { return x.distance - y.distance })
	for _, n := range found[:min(3, len(found))] {
		names = append(names, n.name)
	}
	return names
}

// Holders returns at most n holders of a limit with tokens above after, by
// token; false where there is no such limit.
func (s *State) Holders(name string, after uint64, n int) (list []Holder, ok bool) {
	l := s.find(name)
	if l == nil {
		return nil, false
	}
	oldest, lost := s.oldestLeft(l)
	s.holdings.ascend(pair{l.seq, max(after+1, oldest)}, func(k pair, h *holding) bool {
		if k.a != l.seq || len(list) == n {
			return false
		}
		slots := h.slots
		if k.b == oldest {
			slots -= lost
		}
		list = append(list, s.holder(k.b, h, slots))
		return true
	})
	return list, true
}

// oldestLeft returns the oldest holding of l that has not decayed, and what of it
// has. Those before it that have decayed unseen are one at most: that of several
// the oldest has gone is an event. (Under rules version 1 they can be many.)
func (s *State) oldestLeft(l *limitRow) (token uint64, lost int64) {
	token, lost = never64, l.decayed(s.now).whole
	s.holdings.ascend(pair{l.seq, 0}, func(k pair, h *holding) bool {
		if k.a != l.seq {
			return false
		}
		if lost < h.slots {
			token = k.b
			return false
		}
		lost -= h.slots
		return true
	})
	return token, lost
}

func (s *State) holder(token uint64, h *holding, slots int64) Holder {
	shown := Holder{Kind: h.kind, Token: token, Slots: slots, Ordinals: h.ordinals.list(), GrantedWall: h.wall}
	switch h.kind {
	case HolderLease:
		x := s.leases.get(token)
		shown.ID, shown.Owner, shown.ExpiresIn = x.id, x.terms.unpack().owner, x.end-s.now
	case HolderGrace:
		shown.ExpiresIn = h.freeAt - s.now
	}
	return shown
}

// Lease returns a lease that is held.
func (s *State) Lease(token uint64) (Lease, bool) {
	x := s.leases.get(token)
	if x == nil {
		return Lease{}, false
	}
	t := x.terms.unpack()
	return s.showLease(x, &t), true
}

func (s *State) showLease(x *lease, t *terms) Lease {
	return Lease{
		ID: x.id, Token: x.token, Owner: t.owner, TTL: t.ttl, ExpiresIn: x.end - s.now, Held: s.now - t.granted,
		GrantedWall: t.wall, Limits: s.showGrants(x, t.grants),
	}
}

func (s *State) matches(f *LeaseFilter, t *terms) bool {
	return (f.Owner == "" || t.owner.Name == f.Owner) && s.now-t.granted >= f.OlderThan
}

// Leases returns at most n leases that match f and have tokens above after, by
// token. Where there may be more, next is the token to go on after; else 0.
func (s *State) Leases(f LeaseFilter, after uint64, n int) (list []Lease, next uint64) {
	seen, ended := 0, true
	visit := func(token uint64, x *lease) bool {
		if seen++; len(list) == n || seen > scanned {
			ended = false
			return false
		}
		next = token
		if x != nil {
			if t := x.terms.unpack(); s.matches(&f, &t) {
				list = append(list, s.showLease(x, &t))
			}
		}
		return true
	}
	if f.Limit != "" {
		s.leasesOf(f.Limit, after, visit)
	} else {
		s.leases.ascend(after+1, visit)
	}
	if ended {
		next = 0
	}
	return list, next
}

// leasesOf visits the holdings of one limit, with the leases that have them, or
// nil.
func (s *State) leasesOf(name string, after uint64, visit func(token uint64, x *lease) bool) {
	l := s.find(name)
	if l == nil {
		return
	}
	s.holdings.ascend(pair{l.seq, after + 1}, func(k pair, h *holding) bool {
		if k.a != l.seq {
			return false
		}
		if h.kind != HolderLease {
			return visit(k.b, nil)
		}
		return visit(k.b, s.leases.get(k.b))
	})
}

// Acquire returns what became of an acquire's id: *command.Granted, *Waiting,
// *Denied or *Problem; false where the id is not known.
func (s *State) Acquire(id string) (command.Result, bool) {
	r := s.requests.get(id)
	switch {
	case r == nil:
		return nil, false
	case r.state == requestWaiting:
		return s.showWaiting(s.waiters.get(r.ref)), true
	case r.state == requestHeld:
		return s.showHeld(s.leases.get(r.ref)), true
	case r.state == requestTombstone:
		return &command.Problem{Code: command.CodeCancelled}, true
	case r.state.leaseEnded():
		return &command.Problem{Code: command.CodeLeaseEnded}, true
	}
	return r.ending().result, true
}

// LimitsOfGrant names the limits of a lease that is held; none where it has ended.
// given tells whether a grant of that token was made so far: one that was not may
// be made by the next record.
func (s *State) LimitsOfGrant(token uint64) (names []string, given bool) {
	if x := s.leases.get(token); x != nil {
		for _, g := range x.terms.grants() {
			names = s.appendName(names, g.limit)
		}
	}
	return names, token <= s.lastToken
}

// LimitsOfRequest names the limits of the acquire of this id, as long as it waits
// or holds a lease. known tells whether the id is remembered.
func (s *State) LimitsOfRequest(id string) (names []string, known bool) {
	r := s.requests.get(id)
	switch {
	case r == nil:
		return nil, false
	case r.state == requestHeld:
		names, _ = s.LimitsOfGrant(r.ref)
	case r.state == requestWaiting:
		for _, n := range s.waiters.get(r.ref).demand.wants {
			names = s.appendName(names, n.limit)
		}
	}
	return names, true
}

func (s *State) appendName(names []string, limit uint64) []string {
	if l := s.limits.get(limit); l != nil {
		names = append(names, l.name)
	}
	return names
}

// Joins returns the place of an acquire that already waits under this id with
// this content; false where it does not, where its place is parted, or where
// interest in it lapses in less than stays: then it takes a record.
func (s *State) Joins(id string, op *command.Acquire, stays int64) (*command.Waiting, bool) {
	r := s.requests.get(id)
	if r == nil || r.state != requestWaiting || !s.same(r, op, fingerprint(op)) {
		return nil, false
	}
	w := s.waiters.get(r.ref)
	if w.parted || max(w.lapse, s.termStart+graceOfTerm)-s.now < stays {
		return nil, false
	}
	return s.showWaiting(w), true
}

// showHeld describes a lease to a reader, who has no record.
func (s *State) showHeld(x *lease) *command.Granted {
	t := x.terms.unpack()
	g := s.showGrant(x, &t)
	g.ExpiresIn = x.end - s.now
	return g
}
