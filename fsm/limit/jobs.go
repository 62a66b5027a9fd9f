package limit

import "github.com/limitd/limitd/fsm/command"

// A bulk effect (delete, shrink, reset, ...) may touch a million holdings or a
// hundred thousand waiters. It is a job, worked off item by item within the
// budget of this record and the next ones (T5). While a job is open nothing
// else is played: no event, no grant, no command.

type jobKind uint8

const (
	jobJudge  jobKind = iota // waiters that can never be granted any more are told (L5, L6, L9)
	jobRates                 // what rate grants hold is freed: the limit decays no longer (L8)
	jobEmpty                 // all holdings are freed (L9, L10)
	jobRemove                // the deleted limit itself goes
	jobReturn                // anonymous slots are given back (S7)
	jobReopen                // limits that somebody waits for are looked at: the quarantine has ended (S8)
	jobLast   = jobReopen
)

// job is a bulk effect on one limit, or, a jobReopen, on all. Items before from
// are done; of a jobReturn that many slots are left to do.
type job struct {
	kind  jobKind
	limit uint64
	from  uint64
}

func (s *State) addJob(kind jobKind, limit uint64) {
	s.jobs = append(s.jobs, job{kind: kind, limit: limit})
}

// runJobs works on the open jobs. It returns false where the budget ended first.
func (s *State) runJobs() bool {
	for len(s.jobs) > 0 {
		j := &s.jobs[0]
		for s.jobItem(j) {
			if !s.spend() {
				return false
			}
			s.doItem(j)
		}
		s.jobs = s.jobs[1:]
	}
	s.jobs = nil
	return true
}

// jobItem finds the next item at or after j.from, which it moves there.
func (s *State) jobItem(j *job) (found bool) {
	switch j.kind {
	case jobJudge:
		p, ok := s.naming.from(j.limit, j.from)
		j.from = p.b
		return ok && p.a == j.limit
	case jobRemove:
		return s.limit(j.limit) != nil
	case jobReturn:
		return j.from > 0 && s.nameless.first(j.limit) != 0
	case jobReopen:
		p, ok := s.naming.from(j.from, 0)
		j.from = p.a
		return ok
	}
	s.holdings.ascend(pair{j.limit, j.from}, func(k pair, h *holding) bool {
		if k.a != j.limit {
			return false
		}
		j.from = k.b
		found = j.kind == jobEmpty || h.kind == HolderRate
		return !found
	})
	return found
}

func (s *State) doItem(j *job) {
	switch j.kind {
	case jobJudge:
		w := s.waiter(j.from)
		s.touches(len(w.demand.wants))
		if p := s.judge(&w.demand); p != nil {
			s.endWait(w, p)
		}
		j.from++
	case jobRates, jobEmpty:
		s.freeHolding(s.limit(j.limit), j.from)
	case jobRemove:
		s.limits.delete(j.limit)
	case jobReturn:
		j.from -= uint64(s.returnOldest(s.limit(j.limit), int64(j.from)))
	case jobReopen:
		s.mark(j.from)
		j.from++
	}
}

// freeHolding frees a holding for good: its lease, too, loses its claim.
func (s *State) freeHolding(l *limitRow, token uint64) {
	s.settle(l)
	h := s.holdings.get(pair{l.seq, token})
	if h == nil {
		return
	}
	s.withdraw(l, token, h, h.slots)
	s.mark(l.seq)
}

// judge returns why a demand can never be granted under the present settings,
// or nil (L5, L6, L9, L11).
func (s *State) judge(d *demand) *command.Problem {
	for _, n := range d.wants {
		l := s.limit(n.limit)
		if l == nil {
			continue // to be created, inactive
		}
		if l.deleted {
			return &command.Problem{Code: command.CodeLimitDeleted, Limit: l.name}
		}
		if l.enforcing() && n.slots > l.set.Slots {
			return &command.Problem{Code: command.CodeNeverFits, Limit: l.name, Have: l.set.Slots, Want: n.slots}
		}
	}
	for _, n := range d.wants {
		if l := s.limit(n.limit); l.enforcing() && n.mode == command.RateLimit && !l.decays() {
			return &command.Problem{Code: command.CodeNoDecay, Limit: l.name}
		}
	}
	for _, n := range d.wants {
		if l := s.limit(n.limit); d.anonymous && s.refusesAnonymous(l) {
			return &command.Problem{Code: command.CodeInvalid, Limit: l.name, Detail: "a numbered limit has no anonymous slots"}
		}
	}
	return nil
}

// refusesAnonymous tells whether l takes no anonymous slots (L11): it is numbered,
// and, since rules version 2, active, so that it takes slots at all (L2).
func (s *State) refusesAnonymous(l *limitRow) bool {
	return l != nil && l.set.Numbered && (l.set.Active || s.rules < rules2)
}
