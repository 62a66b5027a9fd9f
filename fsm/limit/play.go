package limit

// What falls due is played on the way to a record's stamp, each event at its
// own instant (T5). Before the floor, the stamp less the largest backdating,
// events are played but nobody is granted; what fell due there is granted at
// the floor.

// graceOfTerm is how long after the start of a raft term no interest lapses,
// in ns of cluster time (A4).
const graceOfTerm = 15e9

// event is the next thing that falls due.
type event struct {
	due  int64
	play func(*State)
}

// play moves time on to target. It returns false where the record's budget
// ended first: time then stands at the last event.
func (s *State) play(target int64) bool {
	floor := target - s.settings.MaxBackdate
	if !s.runJobs() {
		return false
	}
	s.afterSettling()
	if s.now >= floor && !s.settleQueue() {
		return false
	}
	if s.now < floor && !s.playBefore(floor) {
		return false
	}
	for {
		e := s.nextEvent()
		if e.due > target {
			s.moveTo(target)
			return true
		}
		if !s.spend() {
			return false
		}
		s.moveTo(e.due)
		e.play(s)
		if !s.runJobs() || !s.settleQueue() {
			return false
		}
	}
}

// settleQueue grants what can be granted at this instant, after what of it has
// decayed is taken, so that nobody who looks at a limit finds more than a part of
// its oldest holding gone.
func (s *State) settleQueue() bool {
	for s.nextOldest() <= s.now {
		if !s.spend() {
			return false
		}
		s.takeOldest()
	}
	return s.drain()
}

// playBefore plays what is due before the floor, without grants, and then
// grants at the floor.
func (s *State) playBefore(floor int64) bool {
	for e := s.nextEvent(); e.due < floor; e = s.nextEvent() {
		if !s.spend() {
			return false
		}
		s.moveTo(e.due)
		e.play(s)
		if !s.runJobs() {
			return false
		}
		s.afterSettling()
	}
	s.moveTo(floor)
	return s.settleQueue()
}

// moveTo sets cluster time, never backwards.
func (s *State) moveTo(t int64) {
	if t > s.now {
		s.endInstant()
		s.now = t
	}
}

// spend takes one unit of the record's budget.
func (s *State) spend() bool {
	if s.record.budget == 0 {
		return false
	}
	s.record.budget--
	return true
}

// touches takes what it costs that an event or examination concerns so many
// limits: a unit for each, of which spend took the first.
func (s *State) touches(limits int) {
	if s.rules >= rules2 {
		s.record.budget -= min(s.record.budget, max(0, limits-1))
	}
}

// nextEvent returns what falls due first; of events at one instant, frees (of
// these what has decayed) come before protection, that before deadlines, lapses
// and forgetting.
func (s *State) nextEvent() event {
	e := s.nextDuty()
	if due := s.nextOldest(); due <= e.due {
		e = event{due: due, play: (*State).takeOldest}
	}
	if h := s.nextHousekeeping(); h.due < e.due {
		return h
	}
	return e
}

// nextDuty returns what falls due first of all that somebody may wait for.
func (s *State) nextDuty() event {
	first := event{due: never}
	consider := func(e event) {
		if e.due < first.due {
			first = e
		}
	}
	if p, ok := s.ends.min(); ok {
		consider(event{due: int64(p.a), play: (*State).expireFirst})
	}
	if g, ok := s.graces.Min(); ok {
		consider(event{due: g.at, play: (*State).endFirstGrace})
	}
	if s.quarantine != 0 {
		consider(event{due: s.quarantine, play: (*State).endQuarantine})
	}
	if p, ok := s.nextDecay(); ok {
		consider(event{due: int64(p.a), play: (*State).playDecay})
	}
	if p, ok := s.firsts.min(); ok {
		consider(event{due: int64(p.a) + s.settings.Patience, play: (*State).protectFirst})
	}
	if p, ok := s.deadlines.min(); ok {
		consider(event{due: int64(p.a), play: (*State).passDeadline})
	}
	if p, ok := s.lapses.min(); ok {
		consider(event{due: max(int64(p.a), s.termStart+graceOfTerm), play: (*State).lapseFirst})
	}
	return first
}

// nextDecay returns the limit where decay lets somebody through next, behind when.
// Since rules version 2 that is no event where the limit is marked, at this very
// instant, already: it will be looked at anyway.
func (s *State) nextDecay() (p pair, ok bool) {
	for {
		p, ok = s.decays.min()
		if _, isMarked := s.marked[p.b]; !ok || !isMarked || int64(p.a) > s.now || s.rules < rules2 {
			return p, ok
		}
		s.dropDecay(p)
	}
}

func (s *State) dropDecay(p pair) {
	s.decays.remove(p.a, p.b)
	s.lines[p.b].due = never
}

// nextHousekeeping returns what is to be forgotten first: it can wait for a
// tick that something else needs.
func (s *State) nextHousekeeping() event {
	first := event{due: never}
	if e, ok := s.ended.front(); ok {
		first = event{due: e.at + s.settings.Remember, play: (*State).forgetFirst}
	}
	if p, ok := s.unused.min(); ok && int64(p.a)+s.settings.ImplicitTTL < first.due {
		first = event{due: int64(p.a) + s.settings.ImplicitTTL, play: (*State).collectFirst}
	}
	return first
}

// NextDue returns the cluster time at which the leader is to propose a tick;
// false where nothing falls due. It may be past: then a tick is due at once.
// Forgetting waits up to a tick interval for company, and decay by which nobody
// profits for the next record.
func (s *State) NextDue() (at int64, ok bool) {
	if len(s.marked) > 0 || len(s.jobs) > 0 || s.record.cut {
		return s.now, true
	}
	at = s.nextDuty().due
	if h := s.nextHousekeeping().due; h != never {
		at = min(at, h+s.settings.TickInterval)
	}
	return at, at != never
}

// Busy tells whether there is a lease, a waiter, a decaying limit that holds
// something, or a quarantine: the leader then ticks in every tick interval (T4).
func (s *State) Busy() bool {
	return s.quarantine != 0 || s.leases.len() > 0 || s.waiters.len() > 0 || s.draining.end > s.now
}

func (s *State) expireFirst() {
	p, _ := s.ends.min()
	s.endLease(p.b, requestExpired)
	s.record.expired++
}

func (s *State) endFirstGrace() {
	g, _ := s.graces.Min()
	s.giveBack(s.limit(g.limit), g.token)
}

// nextOldest returns when decay has used up the oldest of several holdings of a
// limit; never where there are none.
func (s *State) nextOldest() int64 {
	if p, ok := s.oldests.min(); ok && s.rules >= rules2 {
		return int64(p.a)
	}
	return never
}

// takeOldest takes the first of several holdings that decay has used up. It
// takes no others with it, of which there may be many where version 1 of the
// rules, to which that was no event, was in force when they went.
func (s *State) takeOldest() {
	p, _ := s.oldests.min()
	l := s.limit(p.b)
	s.settleAt(l, int64(p.a))
	s.mark(l.seq)
}

// playDecay marks the limit where decay may have let somebody through.
func (s *State) playDecay() {
	p, _ := s.decays.min()
	s.dropDecay(p)
	s.mark(p.b)
}

func (s *State) protectFirst() {
	p, _ := s.firsts.min()
	s.protect(s.waiter(p.b))
}

func (s *State) passDeadline() {
	p, _ := s.deadlines.min()
	s.expireWait(s.waiter(p.b))
}

func (s *State) lapseFirst() {
	p, _ := s.lapses.min()
	s.cancelWait(s.waiter(p.b))
}
