package limit

import (
	"math"
	"math/bits"

	"github.com/limitd/limitd/fsm/command"
)

// Queue returns at most n waiters of a limit with ages above after, by age;
// false where there is no such limit (A5).
func (s *State) Queue(name string, after uint64, n int) (list []Waiter, ok bool) {
	l := s.find(name)
	if l == nil {
		return nil, false
	}
	position := int64(s.naming.rank(l.seq, after+1) - s.naming.rank(l.seq, 0))
	s.naming.ascend(l.seq, after+1, func(age uint64) bool {
		if len(list) == n {
			return false
		}
		position++
		list = append(list, s.showWaiter(l, s.waiters.get(age), position))
		return true
	})
	return list, true
}

func (s *State) showWaiter(l *limitRow, w *waiter, position int64) Waiter {
	park := s.limits.get(s.parkOf(w))
	ahead := position - 1
	if park != l {
		ahead = s.ahead(park.seq, w.age)
	}
	return Waiter{
		ID: w.id, Age: w.age, Position: position, Slots: w.of(l.seq), Owner: w.demand.owner,
		WaitingFor: s.now - w.arrived, DeadlineIn: w.deadline - s.now, ParkedOn: park.name,
		Protected: w.protected(), Parted: w.parted, EstimatedWait: s.outlook(park, w.of(park.seq), ahead, w.protection),
	}
}

// blocks is lacks for readers: it changes nothing.
func (s *State) blocks(l *limitRow, age, protection uint64, slots int64) bool {
	if l == nil || !l.enforcing() || slots == 0 {
		return false
	}
	free := s.roomAt(l)
	q := s.lines[l.seq]
	switch {
	case q == nil:
		return free < slots
	case protection != 0:
		return !fits(free, q.reservedBefore(protection), slots)
	}
	head := s.heads.first(l.seq)
	return !fits(free, q.reserved, slots) || head != 0 && head < age
}

// obstacles describes what a demand lacks: its position on the first limit
// that it lacks, and those limits in the order of the demand. see is shown each,
// with the slots wanted of it, and how many waiters come first.
func (s *State) obstacles(wants []want, age, protection uint64, see func(l *limitRow, slots, ahead int64)) (position int64, blockers []command.Blocker) {
	var first *limitRow
	for _, n := range wants {
		l := s.limits.get(n.limit)
		if !s.blocks(l, age, protection, n.slots) {
			continue
		}
		ahead := s.ahead(l.seq, age)
		blockers = append(blockers, command.Blocker{Name: l.name, Slots: l.set.Slots, Occupied: l.occupiedAt(s.now), Ahead: ahead})
		see(l, n.slots, ahead)
		if first == nil || before(l, first) {
			first, position = l, ahead+1
		}
	}
	return position, blockers
}

// ahead is how many waiters that name a limit are older.
func (s *State) ahead(limit, age uint64) int64 {
	q := s.lines[limit]
	if q == nil {
		return 0
	}
	if last := s.newestNaming(limit); last < age {
		return q.waiting
	}
	return int64(s.naming.rank(limit, age) - s.naming.rank(limit, 0))
}

func (s *State) newestNaming(limit uint64) (age uint64) {
	s.naming.tree.Descend(pair{limit + 1, 0}, func(p pair) bool {
		if p.a == limit {
			age = p.b
		}
		return p.a > limit
	})
	return age
}

// outlook is estimate for who asks how things stand: it says nothing rather than
// that a limit which blocks is free at once, and heeds how things stand now. What
// estimate says of a denial is remembered, and so a rule that stays as it is.
//
// Where nothing was granted for a while, nothing came back: then that is how long it
// may take yet, whatever the slots took before. (The leases of the past may have
// been a few short ones.) Nothing comes back of use before a quarantine ends. A
// protected waiter comes before all but those that were protected earlier.
func (s *State) outlook(l *limitRow, slots, ahead int64, protection uint64) int64 {
	if protection != 0 {
		ahead = 0
	}
	wait := s.estimate(l, slots, ahead)
	if q := s.lines[l.seq]; q != nil && l.decays() && protection != 0 {
		wait = s.untilDecay(l, slots, 0, q.reservedBefore(protection))
	}
	if !l.decays() {
		if wait != none {
			wait = max(wait, s.quiet(l))
		}
		wait = max(wait, s.Quarantine())
	}
	if wait == 0 {
		return none
	}
	return wait
}

// quiet is for how many ns nothing was granted of l.
func (s *State) quiet(l *limitRow) int64 {
	at, newest := s.holdings.last(pair{l.seq + 1, 0})
	if newest == nil || at.a != l.seq {
		return 0
	}
	return s.now - newest.granted
}

// estimate says after how many ns of cluster time l can have slots for one
// more behind those ahead, taken to be like it; none where nothing can be said.
// For a decaying limit on which nobody waits it is exact (A1): no earlier try
// can succeed, and one made then does, if nobody comes first.
func (s *State) estimate(l *limitRow, slots, ahead int64) int64 {
	if !l.decays() {
		return s.estimateReturn(l, slots, ahead)
	}
	reserved := int64(0)
	if q := s.lines[l.seq]; q != nil && ahead == 0 {
		reserved = q.reserved
	}
	return s.untilDecay(l, slots, ahead, reserved)
}

// untilDecay says after how many ns decay has freed slots of l for one more behind
// those ahead, beside what is reserved.
func (s *State) untilDecay(l *limitRow, slots, ahead, reserved int64) int64 {
	needed := min(scale(slots, ahead+1, 1), 1<<61) - l.free() + reserved
	switch {
	case needed <= 0:
		return 0
	case l.gone(needed) == never:
		return none
	}
	return max(0, l.gone(needed)-s.now)
}

// DecayAfter returns after how many ns of cluster time decay alone can have made room
// for slots more on a limit, behind all who wait there; false where it does not decay.
func (s *State) DecayAfter(name string, slots int64) (wait int64, decays bool) {
	l := s.find(name)
	if l == nil || !l.decays() {
		return 0, false
	}
	return s.estimate(l, slots, s.ahead(l.seq, math.MaxUint64)), true
}

// estimateReturn is estimate for a limit without decay.
func (s *State) estimateReturn(l *limitRow, slots, ahead int64) int64 {
	left := s.Quarantine()
	switch {
	case left > 0 && l.free() >= scale(slots, ahead+1, 1):
		return left
	case l.average == 0:
		return none
	}
	return max(left, scale(l.average, ahead+1, l.set.Slots/max(1, slots)))
}

// scale returns a*b/c, at most never.
func scale(a, b, c int64) int64 {
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	by := uint64(max(1, c))
	if hi >= by {
		return never
	}
	quotient, _ := bits.Div64(hi, lo, by)
	return int64(min(quotient, uint64(never)))
}

func (s *State) showWaiting(w *waiter) *command.Waiting {
	wait := int64(0)
	position, blockers := s.obstacles(w.demand.wants, w.age, w.protection, func(l *limitRow, slots, ahead int64) {
		wait = worse(wait, s.outlook(l, slots, ahead, w.protection))
	})
	if len(blockers) == 0 {
		wait = none
	}
	return &command.Waiting{ID: w.id, Age: w.age, Position: max(1, position), EstimatedWait: wait, BlockedBy: blockers}
}

// Fits tells whether an acquire of these entries would be granted at once, as far
// as slots decide.
func (s *State) Fits(entries []command.Entry) bool {
	for _, n := range entries {
		if l := s.find(n.Name); l != nil && s.blocks(l, never64, 0, n.Slots) {
			return false
		}
	}
	return true
}

// Explain says what an acquire of these entries would meet now.
func (s *State) Explain(entries []command.Entry) Explanation {
	e := Explanation{WouldGrant: true, Quarantine: s.Quarantine()}
	for _, n := range entries {
		l := s.find(n.Name)
		if l == nil {
			if e.Problem == nil {
				e.Problem = &command.Problem{Code: command.CodeLimitNotFound, Limit: n.Name}
			}
			continue
		}
		shown, problem := s.explainLimit(l, n.Slots), unfit(l, n.Slots, n.Mode)
		if problem != nil {
			shown.FreeIn = none // never
		}
		if e.Problem == nil {
			e.Problem = problem
		}
		if shown.FreeIn != 0 {
			e.WouldGrant = false
			e.EstimatedWait = worse(e.EstimatedWait, shown.FreeIn)
		}
		e.Limits = append(e.Limits, shown)
	}
	if e.Problem != nil {
		e.WouldGrant, e.EstimatedWait = false, none
	}
	return e
}

// never64 is an age younger than any waiter's.
const never64 = ^uint64(0)

func worse(x, y int64) int64 {
	if x == none || y == none {
		return none
	}
	return max(x, y)
}

func (s *State) explainLimit(l *limitRow, slots int64) ExplainedLimit {
	shown := ExplainedLimit{
		Name: l.name, Slots: l.set.Slots, Occupied: l.occupiedAt(s.now), Needed: slots, Ahead: s.ahead(l.seq, never64),
		Quarantined: l.enforcing() && s.closed(l),
	}
	if s.blocks(l, never64, 0, slots) {
		shown.FreeIn = s.outlook(l, slots, shown.Ahead, 0)
	}
	shown.Holders, _ = s.Holders(l.name, 0, 10)
	return shown
}

// unfit returns why slots of l can never be granted as it is set, or nil.
func unfit(l *limitRow, slots int64, mode command.Mode) *command.Problem {
	switch {
	case !l.enforcing():
		return nil
	case slots > l.set.Slots:
		return &command.Problem{Code: command.CodeNeverFits, Limit: l.name, Have: l.set.Slots, Want: slots}
	case mode == command.RateLimit && !l.decays():
		return &command.Problem{Code: command.CodeNoDecay, Limit: l.name}
	}
	return nil
}
