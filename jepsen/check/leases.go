package check

import (
	"math"
	"time"

	"github.com/limitd/limitd/jepsen/history"
)

// judgeLeases follows each lease through all answers that tell how it stood, in
// the order of the log.
func judgeLeases(f *facts, r *report) {
	for _, g := range f.grants {
		if !g.leased || f.asked[g.id] != nil && f.asked[g.id].single() == nil {
			continue
		}
		r.saw(len(g.signs))
		judgeAfterlife(f, g, r)
		judgeShortened(g, r)
		judgeLateRenew(f, g, r)
		judgeEarlyEnd(f, g, r)
	}
}

// judgeAfterlife convicts a lease that is held after it had ended.
func judgeAfterlife(f *facts, g *grant, r *report) {
	var over *sign
	for i := range g.signs {
		s := &g.signs[i]
		switch released := s.op.Released && s.op.exact; {
		case over != nil && s.index > over.index && (s.held || released) && f.near(over, s):
			r.convict("E4", show(g.op(), over.op.Op, s.op.Op), "the lease of token %d had ended at index %d, and was held still, or again, at index %d", g.token, over.index, s.index)
			return
		case over == nil && !s.held && s.end == 0:
			over = s
		}
	}
}

// near tells whether two signs lie so close that no id was forgotten between
// them.
func (f *facts) near(x, y *sign) bool {
	return f.h.Run.Remember == 0 || f.remembered(x.op, y.op)
}

// judgeShortened convicts a renew after which the lease ends sooner than was
// asked for, or than it would have without.
func judgeShortened(g *grant, r *report) {
	latest := sign{end: math.MinInt64}
	for _, s := range g.signs {
		if s.held && s.exact {
			if s.end < latest.end && s.index > latest.index {
				r.convict("S3", show(latest.op.Op, s.op.Op), "the lease of token %d ended at %d at index %d, and at %d at index %d: sooner", g.token, latest.end, latest.index, s.end, s.index)
				return
			}
			if ttl := s.renewedFor(g); s.end < s.op.Time+int64(ttl) {
				r.convict("S3", show(s.op.Op), "the lease of token %d was renewed at index %d for %s, and ends in %s", g.token, s.index, ttl, time.Duration(s.end-s.op.Time))
				return
			}
		}
		if s.end > latest.end {
			latest = s
		}
	}
}

// renewedFor is what a renew asked for; 0 for another call, or where it is not known.
func (s *sign) renewedFor(g *grant) time.Duration {
	switch {
	case s.op.Kind != history.Renew:
		return 0
	case s.op.TTL > 0:
		return s.op.TTL
	}
	return g.ttl
}

// judgeLateRenew convicts a lease that was held, or renewed, when its end had
// passed. What counts is the time before the call began: the node may have sent
// a renew more than once.
func judgeLateRenew(f *facts, g *grant, r *report) {
	known, index, from := int64(math.MinInt64), uint64(0), (*act)(nil)
	for _, s := range g.signs {
		alive := s.held || s.op.Released && s.op.exact
		if alive && from != nil && known < f.timeBefore(s.op) && !g.mayRenew(index, s.index) {
			r.convict("S3", show(from.Op, s.op.Op), "the lease of token %d ended at %d, as index %d tells, and was held still at index %d, when it was at least %d",
				g.token, known, index, s.index, f.timeBefore(s.op))
			return
		}
		if s.held && s.exact {
			known, index, from = addTime(s.end, f.slack()), s.index, s.op
		}
	}
}

// timeBefore is the least that cluster time was when a call began.
func (f *facts) timeBefore(a *act) int64 {
	lo, _ := f.timeAfter(f.known.before(a.Call))
	return lo
}

// mayRenew tells whether a renew whose effect is not known may have come
// between two indexes.
func (g *grant) mayRenew(from, to uint64) bool {
	for _, a := range g.renews {
		last := a.hi
		if a.Astray > 0 || a.Outcome != history.OK {
			last = never
		}
		if last > from && a.earliest <= to {
			return true
		}
	}
	return false
}

// judgeEarlyEnd convicts a lease that is gone before its end, although nobody
// can have ended it.
func judgeEarlyEnd(f *facts, g *grant, r *report) {
	if g.losing {
		return
	}
	lasts, told := int64(math.MinInt64), (*act)(nil)
	for _, s := range g.signs {
		gone := !s.held && s.end == 0
		if gone && told != nil && s.op.Time < lasts && !g.mayEndBefore(s) {
			r.convict("E4", show(told.Op, s.op.Op), "the lease of token %d lasts until %d, and is gone at index %d, cluster time %d, although nobody ended it",
				g.token, lasts, s.index, s.op.Time)
			return
		}
		if s.end > lasts {
			lasts, told = s.end, s.op
		}
	}
}

// mayEndBefore tells whether some call may have ended the lease when a sign of
// its end was seen.
func (g *grant) mayEndBefore(s sign) bool {
	for _, a := range g.enders {
		if a == s.op || a.earliest <= s.index {
			return true
		}
	}
	return false
}
