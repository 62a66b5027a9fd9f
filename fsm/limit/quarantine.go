package limit

import "io"

// A restored backup knows nothing of the grants that were made after it was
// taken, and their holders may be at work still. The quarantine (S8) lasts until
// the last of their leases must have ended: limits without decay grant nothing.
// All else goes on: releases, renews, decay, changes; who waits keeps his place.

// Restoration says how a backup is put in the place of a cluster's state.
type Restoration struct {
	// Token is the newest that the cluster has given.
	Token uint64
	// LongestTTL is how long, in ns, leases can run that were granted after the
	// backup was taken: at most MaxTTL. 0 is an operator's word that none of their
	// holders is at work: there is no quarantine.
	LongestTTL int64
}

// Rewrite copies a backup from r to w as it may be restored into a cluster:
//
// Tokens continue 2^40 beyond the backup's newest and beyond that of the cluster,
// so that none is ever given twice (S2), also where a backup is restored a second
// time. The quarantine begins (S8); one that the backup was taken in is over.
//
// It returns the index of the last record that the backup holds: ages of waiters
// and revisions of limits are such indexes, so the log must go on behind it.
func Rewrite(r io.Reader, w io.Writer, how Restoration) (index uint64, err error) {
	s, err := Restore(r)
	if err != nil {
		return 0, err
	}
	s.lastToken = max(s.lastToken, how.Token) + 1<<40
	s.term, s.termStart = 0, 0
	s.beginQuarantine(how.LongestTTL)
	return s.index, s.Snapshot().Write(w)
}

// beginQuarantine begins one that outlasts leases of so many ns, and the longest
// grace in which the slots of an expired one stay occupied (S6).
func (s *State) beginQuarantine(longest int64) {
	s.quarantine = 0
	if longest <= 0 {
		return
	}
	grace := int64(0)
	s.limits.ascend(0, func(_ uint64, l *limitRow) bool {
		grace = max(grace, l.set.Grace)
		return true
	})
	s.quarantine = s.now + longest + grace
}

// endQuarantine ends it, by its time or by an operator's word, and has the queues
// looked at that it kept back.
func (s *State) endQuarantine() {
	if s.quarantine == 0 {
		return
	}
	s.quarantine = 0
	s.addJob(jobReopen, 0)
}

// Quarantine returns how much longer, in ns of cluster time, limits without decay
// grant nothing; 0: there is no quarantine.
func (s *State) Quarantine() int64 {
	if s.quarantine == 0 {
		return 0
	}
	return max(1, s.quarantine-s.now)
}

// QuarantineEnd returns the cluster time, in ns, at which the quarantine ends; 0:
// there is none.
func (s *State) QuarantineEnd() int64 { return s.quarantine }

// closed tells whether the quarantine keeps l from granting.
func (s *State) closed(l *limitRow) bool { return s.quarantine != 0 && !l.decays() }

// Quarantined tells whether the quarantine keeps the limit of that name from
// granting.
func (s *State) Quarantined(name string) bool {
	l := s.find(name)
	return l != nil && l.enforcing() && s.closed(l)
}

// room is how many slots of l, which is settled, can be granted, reservations
// aside.
func (s *State) room(l *limitRow) int64 {
	if s.closed(l) {
		return min(0, l.free())
	}
	return l.free()
}

// roomAt is room for readers: nothing is settled.
func (s *State) roomAt(l *limitRow) int64 {
	free := l.set.Slots - l.occupiedAt(s.now)
	if s.closed(l) {
		return min(0, free)
	}
	return free
}
