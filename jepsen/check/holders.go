package check

import (
	"maps"
	"slices"
	"time"

	"github.com/limitd/limitd/jepsen/history"
)

// judgeHolders looks at holds in real time, as callers know them: from the
// answer that granted to the call that may have ended it, or to the instant
// before which no cluster that keeps its clock can have ended it. It needs no
// index, so it judges holders behind a client library, too.
func judgeHolders(f *facts, r *report) {
	for _, name := range slices.Sorted(maps.Keys(f.limits)) {
		l := f.limits[name]
		most, ok := l.most()
		if !ok {
			continue
		}
		var spans []span[int64]
		for _, g := range l.grants {
			t := g.takesOf(name)
			if !t.Counted || t.Rate || g.guessed {
				continue
			}
			r.saw(1)
			spans = append(spans, span[int64]{int64(g.told), int64(g.heldUntil(f, l)), t.Slots, g})
		}
		overlaps(spans, func(at, slots int64, begun *grant) {
			if slots > most && !r.full() {
				r.convict("E1", opsOf(holding(spans, at)), "%d slots of %q, which has %d, were held at %s, when token %d had been granted",
					slots, name, most, time.Duration(at), begun.token)
			}
		})
	}
}

// most is the largest number of slots that a limit without decay ever had.
func (l *limit) most() (slots int64, ok bool) {
	for _, p := range l.puts {
		if p.Config != nil {
			slots, ok = max(slots, p.Config.Slots), true
		}
	}
	return slots, ok && !l.decays
}

// heldUntil is the first instant at which a grant may not hold its slots of a
// limit any more.
func (g *grant) heldUntil(f *facts, l *limit) time.Duration {
	if !g.leased || g.losing {
		return 0
	}
	until := g.called + f.slower(g.wait+g.shortestTTL())
	for _, s := range g.signs {
		if s.held && s.op.Kind == history.Renew {
			until = max(until, s.op.Call+f.slower(time.Duration(s.end-s.op.Time)))
		}
	}
	return min(until, g.touched(l))
}

// shortestTTL is the least time for which the grant can have been made.
func (g *grant) shortestTTL() time.Duration {
	if g.ttl > 0 {
		return g.ttl
	}
	least := time.Duration(0)
	for _, a := range g.ops {
		if !a.Replayed {
			least = max(least, a.ExpiresIn)
		}
	}
	return least
}

// touched is when the first call was made that may end the grant, or its claim
// on a limit.
func (g *grant) touched(l *limit) time.Duration {
	first := forever
	for _, a := range g.enders {
		first = min(first, a.Call)
	}
	for _, a := range l.clears {
		if end(a.Op) > g.called {
			first = min(first, a.Call)
		}
	}
	return first
}

// opsOf lists the calls that told the grants.
func opsOf(grants []*grant) (list []*history.Op) {
	for _, g := range grants {
		list = append(list, g.op())
	}
	return list
}
