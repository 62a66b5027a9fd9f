package limit

import (
	"slices"

	"github.com/limitd/limitd/fsm/command"
)

// acquire asks for slots: granted at once, denied (a try), or queued (A1, A2).
func (s *State) acquire(h command.Header, op *command.Acquire) command.Result {
	mark := fingerprint(op)
	if r := s.request(h.ID); r != nil {
		return s.again(r, op, mark)
	}
	if h.Accepted < s.forgotten {
		return &command.Problem{Code: command.CodeTooOld}
	}
	if w := s.parted(op); w != nil {
		return s.takeUp(w, h.ID, mark, op.Wait)
	}
	if p := s.refuseNew(h); p != nil {
		return p
	}
	if p := checkAcquire(h.ID, op); p != nil {
		return p
	}
	d, p := s.demand(op)
	if p == nil {
		p = s.judgeNew(d)
	}
	if p != nil {
		return p
	}
	return s.answer(h.ID, mark, op, d)
}

// answer grants, denies or queues a demand that can be granted some time.
func (s *State) answer(id string, mark [16]byte, op *command.Acquire, d *demand) command.Result {
	lacking := s.firstLacking(d.wants, s.record.index, 0)
	switch {
	case lacking == nil:
		s.createMissing(op, d)
		s.use(d)
		s.open(id, mark, requestAnswered, 0)
		return s.grant(id, d, s.now)
	case d.wait == 0:
		s.use(d)
		denied := s.deny(id, d.wants, s.record.index, 0)
		s.remember(id, mark, denied)
		return denied
	case int64(s.waiters.len()) >= s.settings.MaxWaiters:
		return &command.Problem{
			Code: command.CodeOverloaded, Have: s.settings.MaxWaiters,
			Detail: "the queue is as long as max_waiters allows",
		}
	}
	s.createMissing(op, d)
	s.use(d)
	s.open(id, mark, requestWaiting, s.record.index)
	return s.showWaiting(s.park(id, d, lacking.seq))
}

// checkAcquire refuses what no caller may ask.
func checkAcquire(id string, op *command.Acquire) *command.Problem {
	invalid := func(text string) *command.Problem {
		return &command.Problem{Code: command.CodeInvalid, Detail: text}
	}
	switch {
	case id == "":
		return invalid("an acquire needs an id")
	case len(op.Entries) > command.MaxEntries:
		return invalid("an acquire names at most 64 limits")
	case op.Wait < 0 || op.Wait > MaxWait:
		return invalid("wait can be 0 to 24h")
	case op.TTL != 0 && (op.TTL < MinTTL || op.TTL > MaxTTL):
		return invalid("ttl can be 1s to 24h")
	case op.Linger < 0 || op.Linger > MaxLinger:
		return invalid("linger can be 0 to 60s")
	}
	for i, e := range op.Entries {
		if e.Slots < 0 || e.Slots > command.MaxSlots {
			return &command.Problem{Code: command.CodeInvalid, Limit: e.Name, Want: e.Slots, Detail: "slots can be 0 to 9007199254740991"}
		}
		for _, other := range op.Entries[:i] {
			if other.Name == e.Name {
				return &command.Problem{Code: command.CodeInvalid, Limit: e.Name, Detail: "the limit is named twice"}
			}
		}
	}
	return nil
}

// demand finds the limits of an acquire. Those to be created have number 0
// until createMissing makes them; they are inactive, so they refuse nobody.
func (s *State) demand(op *command.Acquire) (*demand, *command.Problem) {
	d := &demand{
		owner: op.Owner, ttl: op.TTL, linger: op.Linger, wait: op.Wait,
		family: op.Family, anonymous: op.Anonymous, leased: len(op.Entries) == 0,
	}
	if d.ttl == 0 {
		d.ttl = s.settings.DefaultTTL
	}
	if d.linger == 0 {
		d.linger = DefaultLinger
	}
	created := int64(0)
	for _, e := range op.Entries {
		d.leased = d.leased || e.Mode == command.Concurrency
		if seq, ok := s.names.Get(e.Name); ok {
			d.wants = append(d.wants, want{limit: seq, slots: e.Slots, mode: e.Mode})
			continue
		}
		switch {
		case op.Missing == command.MissingError:
			return nil, &command.Problem{Code: command.CodeLimitNotFound, Limit: e.Name}
		case op.Missing == command.MissingCreate && s.mayCreate(e.Name, created):
			created++
			d.wants = append(d.wants, want{slots: e.Slots, mode: e.Mode})
		default:
			d.skipped = append(d.skipped, e.Name)
		}
	}
	d.leased = d.leased && !d.anonymous
	return d, nil
}

// mayCreate tells whether one more implicit limit fits the bounds (L3).
func (s *State) mayCreate(name string, more int64) bool {
	return CheckName(name) == nil && s.implicit+more < s.settings.MaxImplicit &&
		int64(s.limits.len())+more < s.settings.MaxLimits
}

// createMissing makes the limits that the acquire named and nobody has made.
func (s *State) createMissing(op *command.Acquire, d *demand) {
	next := 0
	for _, e := range op.Entries {
		if slices.Contains(d.skipped, e.Name) {
			continue
		}
		if d.wants[next].limit == 0 {
			d.wants[next].limit = s.createImplicit(e.Name).seq
		}
		next++
	}
}

// judgeNew returns why a new demand cannot be taken, or nil.
func (s *State) judgeNew(d *demand) *command.Problem {
	if p := s.judge(d); p != nil {
		return p
	}
	if d.leased && int64(s.leases.len()+s.waiters.len()) >= s.settings.MaxLeases {
		return &command.Problem{
			Code: command.CodeTooMany, Have: s.settings.MaxLeases,
			Detail: "there are as many leases as max_leases allows",
		}
	}
	return nil
}

// use notes that an acquire named implicit limits (L3).
func (s *State) use(d *demand) {
	for _, n := range d.wants {
		if l := s.limit(n.limit); l != nil && l.implicit {
			s.rearm(l)
		}
	}
}

// deny answers a try that did not fit, or a wait that ran out.
func (s *State) deny(id string, wants []want, age, protection uint64) *command.Denied {
	wait := none
	position, blockers := s.obstacles(wants, age, protection, func(l *limitRow, slots, ahead int64) {
		wait = max(wait, s.estimate(l, slots, ahead))
	})
	for _, n := range wants {
		if l := s.limit(n.limit); s.lacks(l, age, protection, n.slots) {
			l.denied++
		}
	}
	return &command.Denied{ID: id, RetryAfter: wait, Position: max(1, position), BlockedBy: blockers}
}
