package limit

// The queue rule (A2, A3). A limit is marked when something may have given it
// room. While limits are marked, the first in line that lacks nothing where it
// is parked is examined: it is granted, or moves to a limit that it lacks.

// lacks tells whether l cannot give w its slots beside the reservations that
// come first, or an older waiter is parked there. Age and protection are the
// waiter's; a newcomer is younger than all.
func (s *State) lacks(l *limitRow, age, protection uint64, slots int64) bool {
	if !l.enforcing() || slots == 0 {
		return false
	}
	s.settle(l)
	q := s.lines[l.seq]
	room := s.room(l)
	if q == nil {
		return room < slots
	}
	if protection != 0 {
		return !fits(room, q.reservedBefore(protection), slots)
	}
	if !fits(room, q.reserved, slots) {
		return true
	}
	head := s.heads.first(l.seq)
	return head != 0 && head < age
}

// fits tells whether slots fit into what is free beside what is kept. The first
// half makes E1 stand by itself, whatever the reservations amount to.
func fits(free, kept, slots int64) bool { return free >= slots && free-kept >= slots }

// lacking returns the limit to park w on: the first that it lacks, those
// without decay before the others, then by id; nil where it lacks none.
func (s *State) lacking(w *waiter) *limitRow {
	return s.firstLacking(w.demand.wants, w.age, w.protection)
}

func (s *State) firstLacking(wants []want, age, protection uint64) (found *limitRow) {
	for _, n := range wants {
		l := s.limit(n.limit)
		if s.lacks(l, age, protection, n.slots) && (found == nil || before(l, found)) {
			found = l
		}
	}
	return found
}

func before(l, o *limitRow) bool {
	if l.decays() != o.decays() {
		return o.decays()
	}
	return l.seq < o.seq
}

// unprotectedRank puts the parked after the protected in the order of
// examination.
const unprotectedRank = 1 << 63

// candidate returns the first waiter parked on a limit that does not lack
// there, with its rank in the order of examination; 0 where there is none. It
// changes nothing: a restored state, which looks for its candidates, must stay
// what it was.
func (s *State) candidate(limit uint64) (rank, age uint64) {
	q, l := s.lines[limit], s.limits.get(limit)
	free, blocks := s.roomAt(l), l.enforcing()
	kept, parked := int64(0), q.parked
	for at := 0; parked > 0; at++ {
		r := q.reserves[at]
		if r.parked && (!blocks || r.slots == 0 || fits(free, kept, r.slots)) {
			return r.place, r.age
		}
		if r.parked {
			parked--
		}
		if r.keeps {
			kept += r.slots
		}
	}
	head := s.heads.first(limit)
	if head == 0 {
		return 0, 0
	}
	if n := s.waiter(head).of(limit); !blocks || n == 0 || fits(free, q.reserved, n) {
		return unprotectedRank | head, head
	}
	return 0, 0
}

// drain examines waiters until no limit is marked. It returns false where the
// record's budget ended first; the marks then stay for the next record.
func (s *State) drain() bool {
	defer s.afterSettling()
	for {
		s.refreshReady()
		next, ok := s.ready.min()
		if !ok {
			clear(s.marked)
			return true
		}
		if !s.spend() {
			return false
		}
		_, age := s.candidate(next.b)
		s.examine(s.waiter(age))
	}
}

// refreshReady finds the candidates of marked limits again where they may have
// changed.
func (s *State) refreshReady() {
	for i := 0; i < len(s.stale); i++ { // settling a limit may append it again
		limit := s.stale[i]
		q := s.lines[limit]
		if q == nil {
			continue
		}
		q.isStale = false
		old, isMarked := s.marked[limit]
		if !isMarked {
			continue
		}
		if old != 0 {
			s.ready.remove(old, limit)
		}
		rank, _ := s.candidate(limit)
		s.marked[limit] = rank
		if rank != 0 {
			s.ready.add(rank, limit)
		}
	}
	s.stale = s.stale[:0]
}

// lookAgain notes that the candidates of all limits that are marked still, by a
// record that was cut short, are to be found again: they were looked for at that
// record's instant, or not at all, but by a restored state at the instant of its
// snapshot. Where the queue is settled next decay may have let others through.
func (s *State) lookAgain() {
	for limit := range s.marked { // in any order: looking changes nothing
		if q := s.lines[limit]; !q.isStale {
			q.isStale = true
			s.stale = append(s.stale, limit)
		}
	}
}

// maxMoves is how often a waiter is moved before it is protected (A2).
const maxMoves = 8

func (s *State) examine(w *waiter) {
	s.touches(len(w.demand.wants))
	if w.protection != 0 {
		s.stage(w)
	}
	l := s.lacking(w)
	if l == nil {
		s.grantWaiter(w)
		return
	}
	s.movePark(w, l.seq)
	for _, n := range w.demand.wants {
		s.touch(n.limit)
	}
	if w.protection != 0 {
		return
	}
	w.moves++
	if w.moves == maxMoves {
		s.protect(w)
	}
}

// afterSettling looks again at whose patience runs, and at when decay may let
// somebody through, on the limits where something changed.
func (s *State) afterSettling() {
	s.refreshPatience()
	for i := 0; i < len(s.touched); i++ { // settling a limit may append it again
		limit := s.touched[i]
		if q := s.lines[limit]; q != nil {
			q.isTouch = false
			s.refreshDecay(limit, q)
		}
	}
	s.touched = s.touched[:0]
}

// refreshPatience starts and stops the patience of those that are first on
// their limit: nobody older parked, nobody older protected, on it (A2). One
// that moved and is first where it went goes on.
func (s *State) refreshPatience() {
	for _, limit := range s.touched {
		q := s.lines[limit]
		if q == nil || q.first == 0 {
			continue
		}
		w := s.waiter(q.first)
		if q.first != s.firstOn(limit, q) {
			q.first = 0
			if w != nil && !s.isFirst(w) {
				s.stopPatience(w)
			}
		}
	}
	for _, limit := range s.touched {
		q := s.lines[limit]
		if q == nil {
			continue
		}
		q.first = s.firstOn(limit, q)
		if w := s.waiter(q.first); w != nil && w.first == none {
			w.first = s.now
			s.firsts.add(uint64(s.now), w.age)
		}
	}
}

// firstOn returns the waiter that is first on a limit, or 0. One protected that
// is younger takes nobody's place: so the oldest of all waiters is first
// wherever it stands, which is why nobody starves. Version 1 of the rules let
// patience begin anew after every protection.
func (s *State) firstOn(limit uint64, q *line) uint64 {
	head := s.heads.first(limit)
	if len(q.reserves) > 0 && (s.rules < rules2 || s.guarded.first(limit) < head) {
		return 0
	}
	return head
}

func (s *State) isFirst(w *waiter) bool {
	if w.parted || w.protection != 0 {
		return false
	}
	park := s.parkOf(w)
	q := s.lines[park]
	return q != nil && s.firstOn(park, q) == w.age
}

func (s *State) stopPatience(w *waiter) {
	if w.first != none {
		s.firsts.remove(uint64(w.first), w.age)
		w.first = none
	}
}

// refreshDecay finds when decay, alone, lets a candidate of a limit stop
// lacking there.
func (s *State) refreshDecay(limit uint64, q *line) {
	due := s.decayDue(limit, q)
	if due == q.due {
		return
	}
	if q.due != never {
		s.decays.remove(uint64(q.due), limit)
	}
	q.due = due
	if due != never {
		s.decays.add(uint64(due), limit)
	}
}

func (s *State) decayDue(limit uint64, q *line) int64 {
	l := s.limits.get(limit)
	if !l.decays() || !l.enforcing() {
		return never
	}
	gone := l.decayed(s.now).whole // not settled: a restored state must stay what it was
	needed := s.neededOf(limit, q, l.free()+gone)
	switch {
	case needed <= 0:
		return s.now // decay gave it this very instant, at which another event came first
	case needed > l.held-gone:
		return never
	}
	return l.gone(gone + needed)
}

// neededOf returns how many more slots of a limit, of which so many are free, let
// somebody parked there stop lacking; never: there is nobody. Those who do not
// lack are left out where the limit is marked: they will be looked at anyway.
func (s *State) neededOf(limit uint64, q *line, free int64) int64 {
	_, isMarked := s.marked[limit]
	needed, kept := never, int64(0)
	consider := func(n int64) {
		if n > 0 || !isMarked {
			needed = min(needed, n)
		}
	}
	for at, parked := 0, q.parked; parked > 0; at++ {
		r := q.reserves[at]
		if r.parked {
			parked--
			consider(r.slots - (free - kept))
		}
		if r.keeps {
			kept += r.slots
		}
	}
	if head := s.heads.first(limit); head != 0 {
		consider(s.waiters.get(head).of(limit) - (free - q.reserved))
	}
	return needed
}
