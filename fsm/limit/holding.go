package limit

import (
	"math/bits"

	"github.com/limitd/limitd/fsm/command"
)

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
		s.decayEnd = max(s.decayEnd, l.gone(l.held))
	}
	if s.join(l.seq, kind, slots) {
		return nil
	}
	h := &holding{kind: kind, slots: slots, granted: s.now, wall: s.record.wall, ordinals: l.takeOrdinals(slots)}
	s.holdings.put(pair{l.seq, token}, h, s.epoch)
	if l.holdings++; l.holdings == 2 {
		s.watchOldest(l)
	}
	return h.ordinals
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
	if h.kind == HolderGrace {
		s.graces.Delete(graceEnd{h.freeAt, token, l.seq})
	}
	if len(h.ordinals) > 0 {
		l.freeOrdinals(h.ordinals)
	}
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

// Decrement gives back anonymous slots, oldest first (S7).
func (s *State) decrement(op *command.Decrement) command.Result {
	found := &command.Limits{}
	for _, e := range op.Entries {
		l := s.named(e.Name)
		if l == nil {
			continue
		}
		s.returnAnonymous(l, e.Slots)
		if op.Occupied > 0 {
			l.sample(op.Occupied)
		}
		found.Limits = append(found.Limits, s.show(l))
	}
	return found
}

// returnAnonymous frees at most that many anonymous slots, oldest first.
func (s *State) returnAnonymous(l *limitRow, slots int64) {
	s.settle(l)
	slots = min(slots, l.anonymous)
	for from := uint64(0); slots > 0; {
		token, h := s.nextAnonymous(l.seq, from)
		n := min(slots, h.slots)
		s.withdraw(l, token, h, n)
		slots -= n
		from = token
	}
	s.mark(l.seq)
	s.touch(l.seq)
}

func (s *State) nextAnonymous(limit, from uint64) (token uint64, found *holding) {
	s.holdings.ascend(pair{limit, from}, func(k pair, h *holding) bool {
		if h.kind == HolderAnonymous {
			token, found = k.b, h
		}
		return found == nil
	})
	return token, found
}

// setActive leaves max(0, slots - leased) anonymous slots on a limit (S7).
func (s *State) setActive(op *command.SetActive) command.Result {
	l := s.named(op.Name)
	if l == nil {
		return &command.Problem{Code: command.CodeLimitNotFound, Limit: op.Name}
	}
	if op.Slots < 0 || op.Slots > command.MaxSlots {
		return &command.Problem{Code: command.CodeInvalid, Limit: l.name, Want: op.Slots, Detail: "slots can be 0 to 9007199254740991"}
	}
	s.settle(l)
	keep := max(0, op.Slots-(l.held-l.anonymous))
	if l.set.Numbered && keep > 0 {
		return &command.Problem{Code: command.CodeInvalid, Limit: l.name, Detail: "a numbered limit has no anonymous slots"}
	}
	switch {
	case keep < l.anonymous:
		s.returnAnonymous(l, l.anonymous-keep)
	case keep > l.anonymous:
		s.lastToken++
		s.take(l, s.lastToken, HolderAnonymous, keep-l.anonymous)
	}
	shown := s.show(l)
	return &shown
}
