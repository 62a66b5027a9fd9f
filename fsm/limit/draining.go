package limit

// draining knows until when decaying limits hold something: as long as one
// does, the leader ticks (T4). It costs a grant nothing but a comparison, since
// decay alone never empties a limit before end; only where the limit that holds
// longest loses slots otherwise does somebody have to look.
type draining struct {
	limits  pairs  // (limit, 0): those that may hold something
	end     int64  // no decaying limit holds anything after this, unless more is granted
	longest uint64 // the limit that holds something until then; 0: not known
}

// drains notes that a decaying limit got slots, or another rate.
func (s *State) drains(l *limitRow) {
	if !l.drains {
		l.drains = true
		s.draining.limits.add(l.seq, 0)
	}
	if end := l.gone(l.held); end >= s.draining.end {
		s.draining.end, s.draining.longest = end, l.seq
	}
}

// drainsLess notes that l lost slots by other means than decay.
func (s *State) drainsLess(l *limitRow) {
	if s.draining.longest == l.seq {
		s.draining.longest = 0
	}
}

// lookForDraining finds, at the end of a record, a decaying limit that holds
// something, where that alone keeps the leader ticking and is not known. Those
// that it finds empty are not looked at again before they get slots. It looks at
// no more than one record may play; what is left keeps the leader ticking on.
func (s *State) lookForDraining() {
	d := &s.draining
	if d.longest != 0 || d.end <= s.now || s.leases.len() > 0 || s.waiters.len() > 0 {
		return
	}
	for range budget {
		p, ok := d.limits.min()
		if !ok {
			d.end = s.now
			return
		}
		if l := s.limits.get(p.a); l.decays() && l.occupiedAt(s.now) > 0 {
			return
		}
		if l := s.limit(p.a); l != nil {
			l.drains = false
		}
		d.limits.remove(p.a, 0)
	}
}
