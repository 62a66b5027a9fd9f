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
	return Waiter{
		ID: w.id, Age: w.age, Position: position, Slots: w.of(l.seq), Owner: w.demand.owner,
		WaitingFor: s.now - w.arrived, DeadlineIn: w.deadline - s.now, ParkedOn: park.name,
		Protected: w.protected(), Parted: w.parted, EstimatedWait: s.estimate(l, w.of(l.seq), position-1),
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
// that it lacks, an estimate of the wait (-1: nothing can be said), and those
// limits in the order of the demand.
func (s *State) obstacles(wants []want, age, protection uint64) (position, wait int64, blockers []command.Blocker) {
	var first *limitRow
	wait = none
	for _, n := range wants {
		l := s.limits.get(n.limit)
		if !s.blocks(l, age, protection, n.slots) {
			continue
		}
		ahead := s.ahead(l.seq, age)
		blockers = append(blockers, command.Blocker{Name: l.name, Slots: l.set.Slots, Occupied: l.occupiedAt(s.now), Ahead: ahead})
		wait = max(wait, s.estimate(l, n.slots, ahead))
		if first == nil || before(l, first) {
			first, position = l, ahead+1
		}
	}
	return position, wait, blockers
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

// estimate says after how many ns of cluster time l can have slots for one
// more behind those ahead, taken to be like it; none where nothing can be said.
// For a decaying limit on which nobody waits it is exact (A1): no earlier try
// can succeed, and one made then does, if nobody comes first.
func (s *State) estimate(l *limitRow, slots, ahead int64) int64 {
	if !l.decays() {
		return s.estimateReturn(l, slots, ahead)
	}
	needed := min(scale(slots, ahead+1, 1), 1<<61) - l.free()
	if q := s.lines[l.seq]; q != nil && ahead == 0 {
		needed += q.reserved
	}
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
	position, wait, blockers := s.obstacles(w.demand.wants, w.age, w.protection)
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
		misfit := unfit(l, n.Slots, n.Mode)
		if e.Problem == nil {
			e.Problem = misfit
		}
		shown := s.explainLimit(l, n.Slots)
		if misfit != nil {
			shown.FreeIn = none
		}
		if shown.FreeIn != 0 || s.blocks(l, never64, 0, n.Slots) {
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
		shown.FreeIn = s.estimate(l, slots, shown.Ahead)
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
