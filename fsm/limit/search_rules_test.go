package limit_test

import (
	"fmt"

	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
)

// step is one record: the scene before it, what it did, and the scene after.
type step struct {
	*world
	move          move
	before, after *limit.Scene
	applied       limit.Applied
	age           uint64 // of a newcomer
}

// check holds a step against a direct reading of A1 to A4. Nothing of it looks
// at what the state machine keeps beside where everybody stands, since when
// somebody is first, and how often it was moved.
func (p *step) check() error {
	for _, rule := range [...]func(*step) error{
		(*step).overGranted, (*step).idle, (*step).stranded, (*step).apart, (*step).patient, (*step).overtaken, (*step).moved, (*step).pushedBack, (*step).stuck,
	} {
		if err := rule(p); err != nil {
			return err
		}
	}
	return nil
}

// overGranted: what is held never grows above the slots (E1).
func (p *step) overGranted() error {
	for i := range p.after.Limits {
		b, a := &p.before.Limits[i], &p.after.Limits[i]
		if !a.Inactive && a.Held > a.Slots && a.Held > b.Held {
			return fmt.Errorf("over-granted: limit %c holds %d of %d", 'a'+i, a.Held, a.Slots)
		}
	}
	return nil
}

func (p *step) inLine(x *limit.SceneWaiter) bool    { return !x.Parted && x.Place == 0 }
func (p *step) protected(x *limit.SceneWaiter) bool { return !x.Parted && x.Place != 0 }

// lacks is A2's word for a limit that stands in x's way.
func (p *step) lacks(x *limit.SceneWaiter, i int) bool {
	l, n := &p.after.Limits[i], p.wants(x.Demand, i)
	if l.Inactive || n == 0 {
		return false
	}
	room := l.Slots - l.Held
	if room < n {
		return true
	}
	for j := range p.after.Waiters {
		y := &p.after.Waiters[j]
		switch {
		case y == x:
		case p.protected(y) && (x.Place == 0 || y.Place < x.Place) && p.reserves(y, i):
			room -= p.wants(y.Demand, i)
		case x.Place == 0 && p.inLine(y) && y.Park == i && y.Age < x.Age:
			return true
		}
	}
	return room < n
}

// reserves tells whether slots of limit i are kept for y, which is protected: on
// a decaying limit only if no other limit stands in its way.
func (p *step) reserves(y *limit.SceneWaiter, i int) bool {
	if !p.names(y.Demand, i) {
		return false
	}
	if !p.decays[i] {
		return true
	}
	for j := range p.after.Limits {
		if !p.decays[j] && p.lacks(y, j) {
			return false
		}
	}
	return true
}

// idle: nobody waits whom nothing stands in the way of (A3).
func (p *step) idle() error {
	for k := range p.after.Waiters {
		x := &p.after.Waiters[k]
		lacking := x.Parted
		for i := range p.after.Limits {
			lacking = lacking || p.lacks(x, i)
		}
		if !lacking {
			return fmt.Errorf("idle: waiter %d waits, and nothing stands in its way", k)
		}
	}
	return nil
}

// stranded: nobody waits for more than a limit will ever have (L5).
func (p *step) stranded() error {
	for k := range p.after.Waiters {
		for i := range p.after.Limits {
			if l := &p.after.Limits[i]; !l.Inactive && p.wants(p.after.Waiters[k].Demand, i) > l.Slots {
				return fmt.Errorf("stranded: waiter %d wants more than all slots of %c", k, 'a'+i)
			}
		}
	}
	return nil
}

// apart: those of equal demands stand together.
func (p *step) apart() error {
	for k := range p.after.Waiters {
		for j := range k {
			x, y := &p.after.Waiters[k], &p.after.Waiters[j]
			if x.Demand == y.Demand && p.inLine(x) && p.inLine(y) && x.Park != y.Park {
				return fmt.Errorf("apart: waiters %d and %d ask for the same, and stand in different lines", j, k)
			}
		}
	}
	return nil
}

// patient: patience runs for those, and only those, that are first in their line.
func (p *step) patient() error {
	for k := range p.after.Waiters {
		x := &p.after.Waiters[k]
		first := p.inLine(x)
		for j := range p.after.Waiters {
			y := &p.after.Waiters[j]
			if y.Age < x.Age && (p.inLine(y) && y.Park == x.Park || p.protected(y) && p.names(y.Demand, x.Park)) {
				first = false
			}
		}
		if first != (x.First >= 0) {
			return fmt.Errorf("patience: waiter %d is first: %v; its patience runs: %v", k, first, x.First >= 0)
		}
	}
	return nil
}

// overtaken: nobody who stood in line, or came only now, got slots of a limit
// on which an older one stood in line, and still stands.
func (p *step) overtaken() error {
	if g, ok := p.applied.Result.(*command.Granted); ok && !g.Replayed && p.age > 0 {
		if err := p.overtakes(p.age, g); err != nil {
			return err
		}
	}
	for _, o := range p.applied.Outcomes {
		g, ok := o.Result.(*command.Granted)
		if !ok || !p.stood(o.Age) {
			continue
		}
		if err := p.overtakes(o.Age, g); err != nil {
			return err
		}
	}
	return nil
}

// stood tells whether the waiter of that age stood in line up to its grant: it
// had no occasion to be protected first.
func (p *step) stood(age uint64) bool {
	for i := range p.before.Waiters {
		if x := &p.before.Waiters[i]; x.Age == age {
			return p.inLine(x) && p.move.late>>i&1 == 0 && (p.move.kind != moveTick || p.after.Places == p.before.Places)
		}
	}
	return false
}

func (p *step) overtakes(age uint64, g *command.Granted) error {
	for _, l := range g.Limits {
		if l.Slots == 0 || !l.Counted {
			continue
		}
		for i := range p.before.Waiters {
			x := &p.before.Waiters[i]
			y := waiterOf(p.after, x.Age)
			if x.Age < age && y != nil && p.inLine(y) && int(l.Name[0]-'a') == x.Park && p.stayed(x) {
				return fmt.Errorf("overtaken: one of age %d was granted before waiter %d, which is older and stands in line on %s", age, i, l.Name)
			}
		}
	}
	return nil
}

// stayed tells whether a waiter stood in line where it stands now all the time:
// neither it nor anybody who asks for the same has moved.
func (p *step) stayed(x *limit.SceneWaiter) bool {
	for i := range p.before.Waiters {
		z := &p.before.Waiters[i]
		if z.Demand != x.Demand || z != x && !p.inLine(z) {
			continue
		}
		if now := waiterOf(p.after, z.Age); !p.inLine(z) || now == nil || now.Moves != z.Moves {
			return false
		}
	}
	return true
}

func waiterOf(sc *limit.Scene, age uint64) *limit.SceneWaiter {
	for i := range sc.Waiters {
		if sc.Waiters[i].Age == age {
			return &sc.Waiters[i]
		}
	}
	return nil
}

// moved: nobody is moved more than once by one thing that happens, nor more than
// eight times in all.
func (p *step) moved() error {
	for i := range p.after.Waiters {
		x := &p.after.Waiters[i]
		y := waiterOf(p.before, x.Age)
		if x.Moves > 8 || x.Moves == 8 && x.Place == 0 {
			return fmt.Errorf("moves: waiter %d was moved %d times, and is protected: %v", i, x.Moves, x.Place != 0)
		}
		if y != nil && p.timed == 0 && x.Moves > y.Moves+1 {
			return fmt.Errorf("moves: waiter %d was moved %d times at once", i, x.Moves-y.Moves)
		}
	}
	return nil
}

// pushedBack: of those protected nobody new comes before another.
func (p *step) pushedBack() error {
	for i := range p.before.Waiters {
		x := &p.before.Waiters[i]
		y := waiterOf(p.after, x.Age)
		if !p.protected(x) || y == nil || y.Parted {
			continue
		}
		if y.Place == 0 {
			return fmt.Errorf("pushed back: waiter %d is protected no more", i)
		}
		if p.ahead(p.after, y) > p.ahead(p.before, x) {
			return fmt.Errorf("pushed back: one more came before waiter %d", i)
		}
	}
	return nil
}

func (p *step) ahead(sc *limit.Scene, x *limit.SceneWaiter) (n int) {
	for i := range sc.Waiters {
		if y := &sc.Waiters[i]; p.protected(y) && y.Place < x.Place {
			n++
		}
	}
	return n
}

// stuck: while nothing is held, nobody waits. So whatever the order in which
// all that is held is released, everybody has been served: each release leaves
// one fewer of leases and waiters.
func (p *step) stuck() error {
	if len(p.after.Leases) > 0 {
		return nil
	}
	for i := range p.after.Limits {
		if p.after.Limits[i].Held > 0 {
			return nil // grace, or decay
		}
	}
	for i := range p.after.Waiters {
		if !p.after.Waiters[i].Parted {
			return fmt.Errorf("stuck: nothing is held, and waiter %d waits", i)
		}
	}
	return nil
}
