package limit

import "github.com/limitd/limitd/fsm/command"

// park puts a new waiter in the queue (A2).
func (s *State) park(id string, d *demand, on uint64) *waiter {
	w := &waiter{age: s.record.index, id: id, demand: *d, arrived: s.now}
	w.place = place{deadline: s.now + d.wait, lapse: s.now + d.linger, park: on, first: none}
	s.waiters.put(w.age, w, s.epoch)
	s.refer(d.wants, 1)
	s.deadlines.add(uint64(w.deadline), w.age)
	s.lapses.add(uint64(w.lapse), w.age)
	s.enter(w)
	return w
}

// unpark takes a waiter out of the queue and all its indexes.
func (s *State) unpark(w *waiter) {
	if w.parted {
		s.families.Delete(kin{w.demand.family, w.age})
	} else {
		s.detach(w)
	}
	s.leaveLines(w)
	s.deadlines.remove(uint64(w.deadline), w.age)
	s.lapses.remove(uint64(w.lapse), w.age)
	s.refer(w.demand.wants, -1)
	s.waiters.delete(w.age)
}

// grantWaiter grants what a waiter waited for.
func (s *State) grantWaiter(w *waiter) {
	s.unpark(w)
	s.settleWait(w, s.grant(w.id, &w.demand, w.arrived))
}

// endWait ends a wait without a grant. Others may now find room.
func (s *State) endWait(w *waiter, result command.Result) {
	s.markAround(w)
	s.unpark(w)
	s.endRequest(w.id, requestAnswered, result)
	s.settleWait(w, result)
}

func (s *State) settleWait(w *waiter, result command.Result) {
	s.record.outcomes = append(s.record.outcomes, Outcome{ID: w.id, Age: w.age, Result: result})
}

// markAround marks the limits on which w blocks others or reserves: to be
// called before it goes.
func (s *State) markAround(w *waiter) {
	if w.parted {
		return
	}
	s.mark(s.parkOf(w))
	if w.protection != 0 {
		for _, n := range w.demand.wants {
			s.mark(n.limit)
		}
	}
}

// expireWait answers a waiter whose deadline has come.
func (s *State) expireWait(w *waiter) {
	s.touches(len(w.demand.wants))
	denied := s.deny(w.id, w.demand.wants, w.age, w.protection)
	denied.Expired = true
	s.endWait(w, denied)
}

// cancelWait ends a wait that nobody is interested in any more.
func (s *State) cancelWait(w *waiter) {
	s.touches(len(w.demand.wants))
	s.endWait(w, &command.Problem{Code: command.CodeCancelled})
}

// interest renews a node's interest in the waiters whose calls it holds (A4).
func (s *State) interest(op *command.Interest) command.Result {
	for _, age := range op.Ages {
		if w := s.waiter(age); w != nil && !w.parted {
			s.setLapse(w, s.now+w.demand.linger)
		}
	}
	return &command.Done{}
}

func (s *State) setLapse(w *waiter, at int64) {
	s.lapses.remove(uint64(w.lapse), w.age)
	w.lapse = at
	s.lapses.add(uint64(at), w.age)
}

// joinWait answers a call that asks again for an id that waits.
func (s *State) joinWait(w *waiter) command.Result {
	if w.parted {
		s.comeBack(w)
	}
	s.setLapse(w, s.now+w.demand.linger)
	return s.showWaiting(w)
}

// kin orders parted waiters by family, then by age.
type kin struct {
	family [16]byte
	age    uint64
}

func (k kin) less(o kin) bool {
	if k.family != o.family {
		return string(k.family[:]) < string(o.family[:])
	}
	return k.age < o.age
}

// part parts a place: it keeps its age, blocks and reserves nothing, and
// lapses unless it is taken up again (A4).
func (s *State) part(op *command.Part) command.Result {
	r := s.request(op.ID)
	if r == nil || r.state != requestWaiting {
		return &command.Done{}
	}
	w := s.waiter(r.ref)
	if !w.parted {
		s.markAround(w)
		s.detach(w)
		w.parted = true
		s.families.Set(kin{w.demand.family, w.age})
	}
	s.setLapse(w, s.now+max(0, op.Lapse))
	return &command.Done{}
}

// parted returns the oldest parted place of the acquire's family, or nil.
func (s *State) parted(op *command.Acquire) (found *waiter) {
	if op.Family == [16]byte{} || op.Wait <= 0 {
		return nil
	}
	s.families.Ascend(kin{family: op.Family}, func(k kin) bool {
		if k.family == op.Family {
			found = s.waiter(k.age)
		}
		return false
	})
	return found
}

// takeUp gives a parted place to a new request of its family. The id that it
// had before has ended.
func (s *State) takeUp(w *waiter, id string, mark [16]byte, wait int64) command.Result {
	s.endRequest(w.id, requestAnswered, &command.Problem{Code: command.CodeCancelled})
	s.open(id, mark, requestWaiting, w.age)
	s.deadlines.remove(uint64(w.deadline), w.age)
	w.id, w.arrived, w.deadline = id, s.now, s.now+min(wait, MaxWait)
	s.deadlines.add(uint64(w.deadline), w.age)
	return s.joinWait(w)
}

// comeBack lets a parted waiter block again, behind those that were protected
// meanwhile.
func (s *State) comeBack(w *waiter) {
	w.parted = false
	s.families.Delete(kin{w.demand.family, w.age})
	if w.protection != 0 {
		s.lastPlace++
		w.protection, w.staged = s.lastPlace, false
	}
	s.attach(w)
	if w.protection != 0 {
		s.stage(w)
	}
	s.mark(s.parkOf(w))
}
