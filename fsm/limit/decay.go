package limit

import (
	"math"
	"math/bits"
)

const never = int64(math.MaxInt64)

// decay is what the passing of time takes from a limit's holdings (E2, E5). It
// is exact: occupied is held - frac/den slots, whatever the moments at which
// it was looked at.
type decay struct {
	whole int64  // slots that are gone from the oldest holdings
	frac  uint64 // what then is gone of the oldest left, in 1/den of a slot
	empty bool   // nothing is left
	at    int64  // where empty: when the last of it went
}

// decayed computes what has decayed of l by the instant t.
func (l *limitRow) decayed(t int64) decay {
	if !l.decays() || l.held == 0 || t <= l.since {
		return decay{frac: l.frac, empty: l.held == 0, at: l.since}
	}
	hi, lo := bits.Mul64(uint64(t-l.since), l.set.Rate.Num)
	lo, carry := bits.Add64(lo, l.frac, 0)
	hi += carry
	if hi < l.set.Rate.Den {
		whole, frac := bits.Div64(hi, lo, l.set.Rate.Den)
		if whole < uint64(l.held) {
			return decay{whole: int64(whole), frac: frac}
		}
	}
	d := decay{whole: l.held, empty: true, at: l.gone(l.held)}
	if d.at == t {
		// Less than one nanosecond's decay is left over, so one word holds it.
		_, heldLo := bits.Mul64(uint64(l.held), l.set.Rate.Den)
		d.frac, _ = bits.Sub64(lo, heldLo, 0)
	}
	return d
}

// gone returns the instant at which k more whole slots have decayed, or never.
func (l *limitRow) gone(k int64) int64 {
	rate := l.set.Rate
	hi, lo := bits.Mul64(uint64(k), rate.Den)
	lo, borrow := bits.Sub64(lo, l.frac, 0)
	lo, carry := bits.Add64(lo, rate.Num-1, 0)
	hi += carry - borrow
	if hi >= rate.Num {
		return never
	}
	ns, _ := bits.Div64(hi, lo, rate.Num)
	if ns > uint64(never-l.since) {
		return never
	}
	return l.since + int64(ns)
}

// occupiedAt returns how many slots are occupied at t, rounded up.
func (l *limitRow) occupiedAt(t int64) int64 { return l.held - l.decayed(t).whole }

// settle makes l's holdings what decay has left of them by now.
func (s *State) settle(l *limitRow) { s.settleAt(l, s.now) }

// settleAt makes l's holdings what decay has left of them by the instant t, which
// is now or past.
func (s *State) settleAt(l *limitRow, t int64) {
	if !l.decays() || l.held == 0 || t <= l.since {
		return
	}
	d := l.decayed(t)
	if d.whole == 0 {
		return
	}
	s.consume(l, d.whole)
	l.since, l.frac = t, d.frac
	s.watchOldest(l)
	if q := s.lines[l.seq]; q != nil && q.due <= s.now && s.rules < rules2 {
		s.mark(l.seq) // version 1 does here what is an event of its own, and is to come, since version 2
	}
	if d.empty {
		s.ranEmpty(l, d)
	}
}

// ranEmpty drops the phase of a limit that decay has emptied, unless that was
// in this record and at this instant: then it is kept until the clock moves on
// or the record ends (L8).
func (s *State) ranEmpty(l *limitRow, d decay) {
	if d.at < s.now || d.at <= s.record.start {
		l.frac = 0
		return
	}
	s.emptied = append(s.emptied, l.seq)
}

// endInstant drops the phases that were kept for this instant.
func (s *State) endInstant() {
	for _, seq := range s.emptied {
		if l := s.limit(seq); l != nil && l.held == 0 {
			l.frac = 0
		}
	}
	s.emptied = s.emptied[:0]
}

// consume takes slots from l's oldest holdings.
func (s *State) consume(l *limitRow, slots int64) {
	l.held -= slots
	for slots > 0 {
		token, h := s.oldest(l.seq)
		n := min(slots, h.slots)
		slots -= n
		if h.kind == HolderAnonymous {
			l.anonymous -= n
		}
		if n == h.slots {
			s.dropHolding(l, token, h)
			continue
		}
		s.holdings.own(pair{l.seq, token}, s.epoch).slots -= n
	}
}

// watchOldest keeps the instant at which decay will have taken l's oldest
// holding, where others are behind it. That is an event, so that what decays
// unseen is taken holding by holding within the budgets of records (T5). The
// last holding needs none: whoever looks finds what is left of it. So a limit
// with rate grants alone, which share a holding, has no such events. Only in grace
// it has one, or the end of its grace would still be to come.
//
// The instant does not depend on when the limit was settled: a restored state
// finds the same.
func (s *State) watchOldest(l *limitRow) {
	end := int64(0)
	if (l.holdings > 1 || l.inGrace > 0) && l.decays() && !l.deleted {
		_, h := s.oldest(l.seq)
		end = l.gone(h.slots)
	}
	if end == l.oldestEnd {
		return
	}
	if l.oldestEnd != 0 {
		s.oldests.remove(uint64(l.oldestEnd), l.seq)
	}
	l.oldestEnd = end
	if end != 0 {
		s.oldests.add(uint64(end), l.seq)
	}
}

// rescale settles l to the present in full, and expresses what is decayed of
// the oldest holding in parts of the new rate, rounded towards occupied (L8).
func (s *State) rescale(l *limitRow, newDen uint64) {
	s.settle(l)
	frac := uint64(0)
	if l.decays() && l.held > 0 {
		frac = l.decayed(s.now).frac
		hi, lo := bits.Mul64(frac, newDen)
		frac, _ = bits.Div64(hi, lo, l.set.Rate.Den)
	}
	l.frac, l.since = frac, s.now
}
