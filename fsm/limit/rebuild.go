package limit

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/limitd/limitd/fsm/acl"
	"github.com/limitd/limitd/fsm/command"
)

// decodeRow puts one row of a snapshot into its table.
func (s *State) decodeRow(kind section, d *command.Decoder, format byte) {
	switch kind {
	case sectionCluster:
		decodeCluster(d, s, format)
	case sectionLimits:
		l := decodeLimit(d)
		s.limits.load(l.seq, l, s.epoch)
	case sectionHoldings:
		k, h := decodeHolding(d)
		s.holdings.load(k, h, s.epoch)
	case sectionLeases:
		x := decodeLease(d)
		s.leases.load(x.token, x, s.epoch)
	case sectionWaiters:
		w := decodeWaiter(d)
		s.waiters.load(w.age, w, s.epoch)
	case sectionRequests:
		id, r := decodeRequest(d)
		s.requests.load(id, r, s.epoch)
	case sectionJobs:
		s.jobs = append(s.jobs, decodeJob(d))
	case sectionMarks:
		s.marked[d.Uint()] = 0
	case sectionEnd:
	default:
		s.acl.ReadRow(acl.RowKind(kind-sectionACL), d)
	}
}

// rebuild makes the indexes from the tables. Its order matters: limits before
// what names them, all waiters in their table before any enters its lines.
func (s *State) rebuild() error {
	steps := [...]func() error{s.rebuildLimits, s.rebuildHoldings, s.rebuildLeases, s.rebuildRequests, s.rebuildWaiters, s.rebuildMarks, s.checkACL}
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

func (s *State) checkACL() error {
	if err := s.acl.Check(); err != nil {
		return torn("%v", err)
	}
	return nil
}

func (s *State) rebuildLimits() error {
	s.limits.ascend(0, func(_ uint64, l *limitRow) bool {
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
		l := s.limits.get(k.a)
		if l == nil || h.slots <= 0 {
			err = torn("a holding of limit %d, which is not there", k.a)
			return false
		}
		l.holdings++
		if h.kind == HolderLease && s.leases.get(k.b) == nil {
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
	s.limits.ascend(0, func(_ uint64, l *limitRow) bool {
		s.watchOldest(l)
		return true
	})
	return err
}

func (s *State) rebuildLeases() error {
	ends := make([]pair, 0, s.leases.len())
	s.leases.ascend(0, func(_ uint64, x *lease) bool {
		ends = append(ends, pair{uint64(x.end), x.token})
		for _, g := range x.terms.grants() {
			if l := s.limits.get(g.limit); l != nil {
				l.refs++
			}
		}
		return true
	})
	s.ends.load(ends)
	return nil
}

func (s *State) rebuildRequests() (err error) {
	type ended struct {
		id string
		*request
	}
	var all []ended
	held := 0
	s.requests.ascend("", func(id string, r *request) bool {
		switch r.state {
		case requestWaiting:
		case requestHeld:
			held++
		default:
			all = append(all, ended{id, r})
		}
		err = s.checkRequest(id, r)
		return err == nil
	})
	if err == nil && held < s.leases.len() { // no two requests hold one lease: it has one id
		err = torn("%d leases have no request", s.leases.len()-held)
	}
	slices.SortFunc(all, func(x, y ended) int { return cmp.Compare(x.ending().order, y.ending().order) })
	for _, r := range all {
		s.ended.push(ending{at: r.ending().at, id: r.id})
		if r.state.leaseEnded() {
			s.endedBy.Set(r.ref, r.id)
		}
	}
	return err
}

func (s *State) checkRequest(id string, r *request) error {
	switch r.state {
	case requestWaiting:
		if s.waiters.get(r.ref) == nil {
			return torn("request %q waits, and no waiter is there", id)
		}
	case requestHeld:
		if x := s.leases.get(r.ref); x == nil || x.id != id {
			return torn("request %q holds lease %d, which is not there", id, r.ref)
		}
	case requestAnswered:
		if r.ending().result == nil {
			return torn("request %q has no answer", id)
		}
	}
	return nil
}

func (s *State) rebuildWaiters() (err error) {
	s.waiters.ascend(0, func(_ uint64, w *waiter) bool {
		err = s.checkWaiter(w)
		return err == nil
	})
	if err != nil {
		return err
	}
	s.waiters.ascend(0, func(_ uint64, w *waiter) bool {
		s.enterRestored(w)
		return true
	})
	return nil
}

func (s *State) checkWaiter(w *waiter) error {
	parked := false
	for _, n := range w.demand.wants {
		if s.limits.get(n.limit) == nil {
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
	if s.quarantine != 0 && s.quarantine < s.now {
		return torn("a quarantine that has ended")
	}
	for _, limit := range sortedMarks(s.marked) {
		if s.lines[limit] == nil {
			delete(s.marked, limit)
		}
	}
	for _, j := range s.jobs {
		if j.kind != jobReopen && s.limits.get(j.limit) == nil {
			return torn("a job on limit %d, which is not there", j.limit)
		}
	}
	s.refreshReady()
	s.afterSettling()
	return nil
}
