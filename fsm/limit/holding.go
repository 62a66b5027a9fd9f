package limit

import "math/bits"

// graceEnd is when a holding in grace is freed (S6).
type graceEnd struct {
	at           int64
	token, limit uint64
}

func (g graceEnd) less(o graceEnd) bool {
	if g.at != o.at {
		return g.at < o.at
	}
	return g.token < o.token || g.token == o.token && g.limit < o.limit
}

// oldest returns the holding of a limit that decay takes from first.
func (s *State) oldest(limit uint64) (token uint64, h *holding) {
	s.holdings.ascend(pair{limit, 0}, func(k pair, row *holding) bool {
		if k.a == limit {
			token, h = k.b, row
		}
		return false
	})
	return token, h
}

// take occupies slots of l under token, and returns the ordinals it took.
func (s *State) take(l *limitRow, token uint64, kind HolderKind, slots int64) []uint32 {
	s.settle(l)
	if l.held == 0 {
		l.since = s.now
	}
	l.held += slots
	if kind == HolderAnonymous {
		l.anonymous += slots
	}
	s.touch(l.seq)
	if l.decays() {
		s.drains(l)
	}
	if s.join(l.seq, kind, slots) {
		return nil
	}
	taken := l.takeOrdinals(slots)
	h := &holding{kind: kind, slots: slots, granted: s.now, wall: s.record.wall, ordinals: newOrdinals(taken)}
	s.holdings.put(pair{l.seq, token}, h, s.epoch)
	if kind == HolderAnonymous {
		s.nameless.add(l.seq, token)
	}
	if l.holdings++; l.holdings == 2 {
		s.watchOldest(l)
	}
	return taken
}

// join adds slots that nobody can name to the newest holding, if it is of
// their kind.
func (s *State) join(limit uint64, kind HolderKind, slots int64) bool {
	if kind != HolderRate && kind != HolderAnonymous {
		return false
	}
	at, last := s.holdings.last(pair{limit + 1, 0})
	if last == nil || at.a != limit || last.kind != kind {
		return false
	}
	s.holdings.own(at, s.epoch).slots += slots
	return true
}

// giveBack frees what is left of a holding (E5), and counts how long it was
// held where that says something of the limit's use.
func (s *State) giveBack(l *limitRow, token uint64) {
	s.settle(l)
	h := s.holdings.get(pair{l.seq, token})
	if h == nil {
		return
	}
	if h.kind == HolderLease {
		l.sample(s.now - h.granted)
	}
	s.withdraw(l, token, h, h.slots)
	s.mark(l.seq)
}

// withdraw takes slots out of a holding of l, which is settled. What has
// decayed of the oldest holding goes with it.
func (s *State) withdraw(l *limitRow, token uint64, h *holding, slots int64) {
	defer s.watchOldest(l)
	s.drainsLess(l)
	l.held -= slots
	if h.kind == HolderAnonymous {
		l.anonymous -= slots
	}
	if slots < h.slots {
		s.holdings.own(pair{l.seq, token}, s.epoch).slots -= slots
		return
	}
	if first, _ := s.oldest(l.seq); first == token {
		l.frac, l.since = 0, s.now
	}
	s.dropHolding(l, token, h)
}

// dropHolding removes a holding whose slots are counted off already.
func (s *State) dropHolding(l *limitRow, token uint64, h *holding) {
	switch h.kind {
	case HolderGrace:
		s.graces.Delete(graceEnd{h.freeAt, token, l.seq})
		l.inGrace--
	case HolderAnonymous:
		s.nameless.remove(l.seq, token)
	}
	l.freeOrdinals(h.ordinals.list())
	s.holdings.delete(pair{l.seq, token})
	l.holdings--
	s.touch(l.seq)
}

// sample takes how long slots were held into the average (Limit.AvgOccupancy).
func (l *limitRow) sample(ns int64) {
	if l.average == 0 {
		l.average = ns
		return
	}
	l.average += (ns - l.average) / max(2, 2*l.set.Slots)
}

// takeOrdinals takes the lowest free slots of a numbered limit (L11).
func (l *limitRow) takeOrdinals(slots int64) []uint32 {
	if !l.set.Numbered {
		return nil
	}
	taken := make([]uint32, 0, slots)
	for w := 0; int64(len(taken)) < slots; w++ {
		if w == len(l.ordinals) {
			l.ordinals = append(l.ordinals, 0)
		}
		for free := ^l.ordinals[w]; free != 0 && int64(len(taken)) < slots; free &= free - 1 {
			bit := bits.TrailingZeros64(free)
			l.ordinals[w] |= 1 << bit
			taken = append(taken, uint32(w*64+bit))
		}
	}
	return taken
}

func (l *limitRow) freeOrdinals(list []uint32) {
	for _, n := range list {
		l.ordinals[n/64] &^= 1 << (n % 64)
	}
}
