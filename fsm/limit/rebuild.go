package limit

import (
	"fmt"
	"slices"

	"github.com/limitd/limitd/fsm/command"
)

// decodeRow puts one row of a snapshot into its table.
func (s *State) decodeRow(kind section, d *command.Decoder) {
	switch kind {
	case sectionCluster:
		decodeCluster(d, s)
	case sectionLimits:
		l := decodeLimit(d)
		s.limits.put(pair{l.seq, 0}, l, s.epoch)
	case sectionHoldings:
		k, h := decodeHolding(d)
		s.holdings.put(k, h, s.epoch)
	case sectionLeases:
		x := decodeLease(d)
		s.leases.put(pair{x.token, 0}, x, s.epoch)
	case sectionWaiters:
		w := decodeWaiter(d)
		s.waiters.put(pair{w.age, 0}, w, s.epoch)
	case sectionRequests:
		r := decodeRequest(d)
		s.requests.put(r.id, r, s.epoch)
	case sectionJobs:
		s.jobs = append(s.jobs, decodeJob(d))
	case sectionMarks:
		s.marked[d.Uint()] = 0
	}
}

// rebuild makes the indexes from the tables. Its order matters: limits before
// what names them, all waiters in their table before any enters its lines.
func (s *State) rebuild() error {
	steps := [...]func() error{s.rebuildLimits, s.rebuildHoldings, s.rebuildLeases, s.rebuildRequests, s.rebuildWaiters, s.rebuildMarks}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func torn(text string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(text, args...))
}

func (s *State) rebuildLimits() error {
	s.limits.ascend(pair{}, func(_ pair, l *limitRow) bool {
		if !l.deleted {
			s.names.Set(l.name, l.seq)
		}
		if l.implicit {
			s.implicit++
			s.unused.add(uint64(l.used), l.seq)
		}
		if l.decays() && l.held > 0 {
			s.drains(l)
		}
		return true
	})
	return nil
}

func (s *State) rebuildHoldings() (err error) {
	s.holdings.ascend(pair{}, func(k pair, h *holding) bool {
		l := s.limits.get(pair{k.a, 0})
		if l == nil || h.slots <= 0 {
			err = torn("a holding of limit %d, which is not there", k.a)
			return false
		}
		l.holdings++
		if h.kind == HolderLease && s.leases.get(pair{k.b, 0}) == nil {
			err = torn("a holding of lease %d, which is not there", k.b)
			return false
		}
		switch h.kind {
		case HolderGrace:
			s.graces.Set(graceEnd{h.freeAt, k.b, k.a})
			l.inGrace++
		case HolderAnonymous:
			s.nameless.add(k.a, k.b)
		}
		return true
	})
	s.limits.ascend(pair{}, func(_ pair, l *limitRow) bool {
		s.watchOldest(l)
		return true
	})
	return err
}

func (s *State) rebuildLeases() (err error) {
	s.leases.ascend(pair{}, func(_ pair, x *lease) bool {
		r := s.requests.get(x.id)
		if r == nil || r.state != requestHeld || r.ref != x.token {
			err = torn("lease %d has no request", x.token)
			return false
		}
		s.ends.add(uint64(x.end), x.token)
		for _, g := range x.grants {
			if l := s.limits.get(pair{g.limit, 0}); l != nil {
				l.refs++
			}
		}
		return true
	})
	return err
}

func (s *State) rebuildRequests() (err error) {
	var ended []*request
	s.requests.ascend("", func(_ string, r *request) bool {
		switch {
		case r.state == requestWaiting && s.waiters.get(pair{r.ref, 0}) == nil:
			err = torn("request %q waits, and no waiter is there", r.id)
		case r.state == requestHeld && s.leases.get(pair{r.ref, 0}) == nil:
			err = torn("request %q holds lease %d, which is not there", r.id, r.ref)
		case r.state == requestAnswered && r.result == nil:
			err = torn("request %q has no answer", r.id)
		case r.state != requestWaiting && r.state != requestHeld:
			ended = append(ended, r)
		}
		return err == nil
	})
	slices.SortFunc(ended, func(x, y *request) int { return int(int64(x.order) - int64(y.order)) })
	for _, r := range ended {
		s.ended.push(ending{at: r.ended, id: r.id})
		if r.state.leaseEnded() {
			s.endedBy.Set(r.ref, r.id)
		}
	}
	return err
}

func (s *State) rebuildWaiters() (err error) {
	s.waiters.ascend(pair{}, func(_ pair, w *waiter) bool {
		err = s.checkWaiter(w)
		return err == nil
	})
	if err != nil {
		return err
	}
	s.waiters.ascend(pair{}, func(_ pair, w *waiter) bool {
		s.enterRestored(w)
		return true
	})
	return nil
}

func (s *State) checkWaiter(w *waiter) error {
	parked := false
	for _, n := range w.demand.wants {
		if s.limits.get(pair{n.limit, 0}) == nil {
			return torn("waiter %d names limit %d, which is not there", w.age, n.limit)
		}
		parked = parked || n.limit == w.park
	}
	if r := s.requests.get(w.id); !parked || r == nil || r.state != requestWaiting || r.ref != w.age {
		return torn("waiter %d has no request, or is parked beside its limits", w.age)
	}
	return nil
}

func (s *State) enterRestored(w *waiter) {
	s.refer(w.demand.wants, 1)
	s.deadlines.add(uint64(w.deadline), w.age)
	s.lapses.add(uint64(w.lapse), w.age)
	for _, n := range w.demand.wants {
		s.enterLine(n.limit, w.age)
	}
	if w.first != none {
		s.firsts.add(uint64(w.first), w.age)
	}
	if w.parted {
		s.families.Set(kin{w.demand.family, w.age})
		return
	}
	s.attach(w)
}

// rebuildMarks finds what follows from all the rest: whose patience runs, when
// decay is due, and the candidates of marked limits.
func (s *State) rebuildMarks() error {
	for _, limit := range sortedMarks(s.marked) {
		if s.lines[limit] == nil {
			delete(s.marked, limit)
		}
	}
	for _, j := range s.jobs {
		if s.limits.get(pair{j.limit, 0}) == nil {
			return torn("a job on limit %d, which is not there", j.limit)
		}
	}
	s.refreshReady()
	s.afterSettling()
	return nil
}
