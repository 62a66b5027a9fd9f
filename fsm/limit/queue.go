package limit

import (
	"cmp"
	"encoding/binary"
	"slices"
)

// queue is who waits for what. A limit has a line while a waiter names it.
type queue struct {
	lines   map[uint64]*line // by limit
	naming  pairs            // (limit, age) of every waiter that names it
	heads   pairs            // (limit, age of a group's oldest) of every group parked there
	guarded pairs            // (limit, age) of every protected, attached waiter that names it
	members pairs            // (group, age)
	alike   map[string]uint64

	marked  map[uint64]uint64 // limits that may have room, with the rank of their candidate in ready, or 0
	ready   pairs             // (rank, limit) of candidates
	stale   []uint64          // limits whose candidate is to be found again
	touched []uint64          // limits whose firsts and decay are to be looked at after settling
}

// line is what the waiters that name one limit amount to.
type line struct {
	waiting  int64 // waiters that name it
	reserved int64 // slots kept for protected waiters
	reserves []reservation
	parked   int    // of these, how many are of waiters parked here
	first    uint64 // the waiter whose patience runs here
	due      int64  // when decay may let somebody through; never
	isStale  bool
	isTouch  bool
}

// reservation is a protected, attached waiter that names a limit, in the order
// of protection. One that is not staged keeps nothing on decaying limits. What is
// asked of many of them at once is kept here: it takes no look-up.
type reservation struct {
	age    uint64
	place  uint64 // the waiter's protection
	slots  int64
	keeps  bool
	parked bool // the waiter is parked on this limit
}

// find returns where the reservation of that place is, or would be.
func (q *line) find(place uint64) (at int, ok bool) {
	return slices.BinarySearchFunc(q.reserves, place, func(r reservation, place uint64) int {
		return cmp.Compare(r.place, place)
	})
}

// reservedBefore is what is kept for those protected before the given place.
func (q *line) reservedBefore(place uint64) (slots int64) {
	at, _ := q.find(place)
	if at > len(q.reserves)/2 {
		return q.reserved - keptFor(q.reserves[at:])
	}
	return keptFor(q.reserves[:at])
}

func keptFor(list []reservation) (slots int64) {
	for _, r := range list {
		if r.keeps {
			slots += r.slots
		}
	}
	return slots
}

func newQueue() queue {
	return queue{
		lines: map[uint64]*line{}, alike: map[string]uint64{}, marked: map[uint64]uint64{},
		naming: newPairs(), heads: newPairs(), guarded: newPairs(), members: newPairs(), ready: newPairs(),
	}
}

// mark notes that a limit may have room for a waiter (A2).
func (s *State) mark(limit uint64) {
	if s.lines[limit] == nil {
		return
	}
	if _, ok := s.marked[limit]; !ok {
		s.marked[limit] = 0
	}
	s.touch(limit)
}

// touch notes that what decides about a limit's waiters has changed.
func (s *State) touch(limit uint64) {
	q := s.lines[limit]
	if q == nil {
		return
	}
	if !q.isStale {
		q.isStale = true
		s.stale = append(s.stale, limit)
	}
	if !q.isTouch {
		q.isTouch = true
		s.touched = append(s.touched, limit)
	}
}

// enter adds a waiter's numbers to the lines of all limits that it names.
func (s *State) enter(w *waiter) {
	for _, n := range w.demand.wants {
		s.enterLine(n.limit, w.age)
	}
	s.attach(w)
}

func (s *State) enterLine(limit, age uint64) {
	q := s.lines[limit]
	if q == nil {
		q = &line{due: never}
		s.lines[limit] = q
	}
	q.waiting++
	s.naming.add(limit, age)
	s.touch(limit)
}

// leaveLines takes a waiter's numbers out again.
func (s *State) leaveLines(w *waiter) {
	for _, n := range w.demand.wants {
		q := s.lines[n.limit]
		q.waiting--
		s.naming.remove(n.limit, w.age)
		s.touch(n.limit)
		if q.waiting == 0 {
			s.closeLine(n.limit, q)
		}
	}
}

func (s *State) closeLine(limit uint64, q *line) {
	if q.due != never {
		s.decays.remove(uint64(q.due), limit)
	}
	if rank := s.marked[limit]; rank != 0 {
		s.ready.remove(rank, limit)
	}
	delete(s.marked, limit)
	delete(s.lines, limit)
}

// attach puts a waiter among those that block and reserve: into its group, or
// among the protected.
func (s *State) attach(w *waiter) {
	if w.protection != 0 {
		s.addReservations(w)
		return
	}
	s.joinGroup(w)
}

// detach takes a waiter out of them. Where it was parked is kept in its row.
func (s *State) detach(w *waiter) {
	for _, n := range w.demand.wants {
		s.touch(n.limit)
	}
	s.stopPatience(w)
	if w.protection != 0 {
		s.dropReservations(w)
		return
	}
	s.leaveGroup(w)
}

// parkOf returns the limit that w is parked on.
func (s *State) parkOf(w *waiter) uint64 {
	if w.group != 0 {
		return s.groups.get(w.group).park
	}
	return w.park
}

// joinGroup parks w with those of the same demand; where there are none, on
// the limit that its row names.
func (s *State) joinGroup(w *waiter) {
	key := demandKey(w.demand.wants)
	number, ok := s.alike[key]
	if !ok {
		s.lastGroup++
		number = s.lastGroup
		s.alike[key] = number
		s.groups.put(number, &group{park: w.park}, s.epoch)
	}
	w.group = number
	s.changeMembers(number, func() { s.members.add(number, w.age) })
}

func (s *State) leaveGroup(w *waiter) {
	number := w.group
	w.park = s.parkOf(w)
	s.changeMembers(number, func() { s.members.remove(number, w.age) })
	w.group = 0
	if s.members.first(number) == 0 {
		s.groups.delete(number)
		delete(s.alike, demandKey(w.demand.wants))
	}
}

// changeMembers keeps the head of a group's limit right over a change.
func (s *State) changeMembers(number uint64, change func()) {
	park := s.groups.get(number).park
	before := s.members.first(number)
	change()
	after := s.members.first(number)
	if before == after {
		return
	}
	if before != 0 {
		s.heads.remove(park, before)
	}
	if after != 0 {
		s.heads.add(park, after)
	}
	s.touch(park)
}

// movePark parks w, with its group where it has one, on another limit.
func (s *State) movePark(w *waiter, to uint64) {
	from := s.parkOf(w)
	s.touch(from)
	s.touch(to)
	if w.group == 0 {
		s.parkProtected(w, to)
		return
	}
	oldest := s.members.first(w.group)
	s.heads.remove(from, oldest)
	s.heads.add(to, oldest)
	s.groups.own(w.group, s.epoch).park = to
}

// parkProtected parks w, which is protected and attached, on another limit.
func (s *State) parkProtected(w *waiter, to uint64) {
	for _, limit := range [...]uint64{w.park, to} {
		q := s.lines[limit]
		if at, ok := q.find(w.protection); ok {
			q.setParked(at, limit == to)
		}
	}
	w.park = to
}

// setParked notes whether a reservation's waiter is parked on this limit.
func (q *line) setParked(at int, parked bool) {
	r := &q.reserves[at]
	switch {
	case parked && !r.parked:
		q.parked++
	case !parked && r.parked:
		q.parked--
	}
	r.parked = parked
}

// demandKey is equal for equal demands: the same slots of the same limits.
func demandKey(wants []want) string {
	sorted := slices.Clone(wants)
	slices.SortFunc(sorted, func(x, y want) int { return int(int64(x.limit) - int64(y.limit)) })
	key := make([]byte, 0, 4*len(sorted))
	for _, n := range sorted {
		key = binary.AppendUvarint(key, n.limit)
		key = binary.AppendUvarint(key, uint64(n.slots))
	}
	return string(key)
}

// protect reserves for w: it leaves the parked order, and others use what it
// leaves (A2).
func (s *State) protect(w *waiter) {
	s.touches(len(w.demand.wants))
	s.stopPatience(w)
	s.leaveGroup(w)
	s.lastPlace++
	w.protection = s.lastPlace
	s.addReservations(w)
	s.stage(w)
	if l := s.lacking(w); l != nil {
		s.parkProtected(w, l.seq)
	}
	s.mark(w.park)
}

// stage lets w reserve on decaying limits too once it lacks nothing else.
func (s *State) stage(w *waiter) {
	l := s.lacking(w)
	staged := l == nil || l.decays()
	if staged == w.staged {
		return
	}
	w.staged = staged
	for _, n := range w.demand.wants {
		if s.limit(n.limit).decays() {
			s.lines[n.limit].keep(w.protection, staged)
			s.mark(n.limit)
		}
	}
}

func (s *State) addReservations(w *waiter) {
	for _, n := range w.demand.wants {
		q := s.lines[n.limit]
		r := reservation{age: w.age, place: w.protection, slots: n.slots}
		at, _ := q.find(w.protection)
		q.reserves = slices.Insert(q.reserves, at, r)
		q.setParked(at, n.limit == w.park)
		if w.staged || !s.limit(n.limit).decays() {
			q.keep(w.protection, true)
		}
		s.guarded.add(n.limit, w.age)
		s.touch(n.limit)
	}
}

func (s *State) dropReservations(w *waiter) {
	for _, n := range w.demand.wants {
		q := s.lines[n.limit]
		q.keep(w.protection, false)
		at, _ := q.find(w.protection)
		q.setParked(at, false)
		if at == 0 { // mostly: those that were protected first leave first
			q.reserves = q.reserves[1:]
		} else {
			q.reserves = slices.Delete(q.reserves, at, at+1)
		}
		s.guarded.remove(n.limit, w.age)
		s.touch(n.limit)
	}
}

// keep turns the effect of the reservation of that place on or off.
func (q *line) keep(place uint64, keeps bool) {
	at, _ := q.find(place)
	r := &q.reserves[at]
	if r.keeps == keeps {
		return
	}
	r.keeps = keeps
	if keeps {
		q.reserved += r.slots
	} else {
		q.reserved -= r.slots
	}
}

// rekeep does so for all reservations on a limit whose decay was turned on or
// off: who lacks that limit may now be one that lacks nothing else.
func (s *State) rekeep(l *limitRow) {
	q := s.lines[l.seq]
	if q == nil {
		return
	}
	protected := slices.Clone(q.reserves)
	for _, r := range protected {
		q.keep(r.place, !l.decays() || s.waiter(r.age).staged)
	}
	for _, r := range protected {
		s.stage(s.waiter(r.age))
	}
	s.mark(l.seq)
}
