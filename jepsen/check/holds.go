package check

import (
	"math"

	"github.com/limitd/limitd/jepsen/history"
)

// holds returns the span of the log in which the grant holds slots of a limit
// for certain: from its own record on, up to the index that is returned.
func (g *grant) holds(f *facts, l *limit) (until uint64) {
	if g.guessed || !g.leased {
		return 0
	}
	until = f.mayReach(g.ends)
	for _, a := range g.enders {
		until = min(until, a.lo)
	}
	if g.losing {
		until = 0
	}
	until = max(until, g.alive+1)
	if l.bounds(g.lo, g.hi).decays {
		return 0
	}
	for _, a := range l.puts { // from then on decay may take them
		if a.Config != nil && a.Config.RateNum > 0 && a.hi >= g.lo {
			until = min(until, a.lo)
		}
	}
	for _, a := range l.clears { // these take the slots and leave the lease
		if a.hi >= g.lo {
			until = min(until, a.lo)
		}
	}
	return until
}

// frees returns the index from which the grant holds nothing of a limit for
// certain.
func (g *grant) frees(f *facts, l *limit) uint64 {
	at := g.gone
	if g.takesOf(l.name).Rate {
		return l.clearedAfter(g.hi, true)
	}
	if grace := l.grace(); grace > 0 && at != never && !g.released() {
		_, ended := f.timeAfter(at)
		at = f.mustPass(addTime(ended, grace))
	}
	if g.endMax != math.MaxInt64 {
		at = min(at, f.mustPass(addTime(g.endMax, l.grace())))
	}
	return min(at, l.clearedAfter(g.hi, false))
}

// clearedAfter returns the index at which all that was held of a limit at an
// earlier one is free for certain; of rate slots also because decay was turned
// off.
func (l *limit) clearedAfter(index uint64, rate bool) uint64 {
	at := never
	for _, a := range l.clears {
		if a.lo > index {
			at = min(at, a.hi)
		}
	}
	for _, a := range l.puts {
		if rate && a.Config != nil && a.Config.RateNum == 0 && a.lo > index {
			at = min(at, a.hi)
		}
	}
	return at
}

// released tells that the lease was ended by a call, so that no grace follows.
func (g *grant) released() bool {
	for _, a := range g.enders {
		if a.Outcome == history.OK && a.exact && (a.Released || a.Cancelled) {
			return true
		}
	}
	return false
}

func addTime(t, d int64) int64 {
	if t > math.MaxInt64-d {
		return math.MaxInt64
	}
	return t + d
}
