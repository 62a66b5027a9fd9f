package check

import (
	"math"
	"slices"
	"time"

	"github.com/limitd/limitd/jepsen/history"
)

// findEnds collects what the calls tell about how each lease went on.
func (f *facts) findEnds() {
	for _, a := range f.acts {
		switch a.Kind {
		case history.Acquire:
			f.noteAcquire(a)
		case history.Release, history.Cancel, history.Force:
			f.noteEnd(a)
		case history.Renew:
			f.noteRenew(a)
		case history.ReadID:
			f.noteRead(a)
		}
	}
	for _, g := range f.grants {
		g.settle(f)
	}
}

// about returns the grants that an op names.
func (f *facts) about(a *act) []*grant {
	var list []*grant
	for _, token := range a.Tokens {
		if g := f.byToken[token]; g != nil {
			list = append(list, g)
		}
	}
	if len(a.Tokens) == 0 {
		if r := f.asked[a.ID]; r != nil {
			list = append(list, r.grants...)
		}
	}
	return list
}

func (f *facts) noteAcquire(a *act) {
	if a.IsGrant() {
		g := f.byToken[a.Token]
		if !a.placed {
			g.endMax = math.MaxInt64 // a client that renews by itself
			return
		}
		if a.ExpiresIn > 0 {
			// A wait may have been granted in the same record that then ended it.
			g.signs = append(g.signs, sign{index: a.Index, held: a.exact || a.Replayed, exact: a.exact || a.Replayed, end: a.Time + int64(a.ExpiresIn), op: a})
		}
		return
	}
	if r := f.asked[a.ID]; a.placed && (a.Code == "lease_ended" || a.Code == "cancelled") && r.single() != nil {
		g := r.single()
		g.signs = append(g.signs, sign{index: a.Index, op: a})
	}
}

// noteEnd takes in a release, cancel or force.
func (f *facts) noteEnd(a *act) {
	did := a.Outcome == history.Unknown || a.Outcome == history.OK && (a.gaveBack() || a.Tries > 1 || !a.placed) // a client library does not tell
	for _, g := range f.about(a) {
		if did {
			g.enders = append(g.enders, a)
		}
		byID := len(a.Tokens) == 0
		if byID && f.asked[a.ID].single() == nil {
			continue
		}
		if a.Outcome == history.OK && a.placed {
			g.signs = append(g.signs, sign{index: a.Index, op: a})
		}
		if a.Outcome == history.OK && did {
			g.gone = minIndex(g.gone, a.hi)
		}
	}
}

// minIndex is the smaller of two indexes, of which 0 is none.
func minIndex(x, y uint64) uint64 {
	if x == 0 {
		return y
	}
	return min(x, y)
}

func (f *facts) noteRenew(a *act) {
	for _, token := range a.Tokens {
		g := f.byToken[token]
		if g == nil || a.Outcome == history.Refused && a.Astray == 0 {
			continue
		}
		if a.Outcome != history.OK || !a.placed || a.Astray > 0 || a.Tries > 1 {
			g.renews = append(g.renews, a)
		}
		if a.Outcome != history.OK || !a.placed {
			continue
		}
		for _, l := range a.Leases {
			switch {
			case l.Token != token:
			case l.State == "held":
				g.signs = append(g.signs, sign{index: a.Index, held: true, exact: true, end: a.Time + int64(l.ExpiresIn), op: a})
			case l.State == "gone":
				g.signs = append(g.signs, sign{index: a.Index, op: a})
			}
		}
	}
}

func (f *facts) noteRead(a *act) {
	g := f.asked[a.ID].single()
	if g == nil || !a.placed || !g.leased {
		return
	}
	switch {
	case a.State == "granted" && a.ExpiresIn > 0:
		g.signs = append(g.signs, sign{index: a.Index, held: true, exact: true, end: a.Time + int64(a.ExpiresIn), op: a})
	case a.State == "granted":
		g.signs = append(g.signs, sign{index: a.Index, held: true, op: a})
	case a.State == "ended":
		g.signs = append(g.signs, sign{index: a.Index, op: a})
	}
}

// settle draws the conclusions from the signs.
func (g *grant) settle(f *facts) {
	slices.SortStableFunc(g.signs, func(x, y sign) int { return compare(x.index, y.index) })
	if g.gone == 0 {
		g.gone = never
	}
	g.ends = math.MinInt64
	if !g.leased {
		g.endMax = math.MaxInt64
		return
	}
	for _, s := range g.signs {
		if s.held {
			g.alive = max(g.alive, s.index)
		}
		if s.end > 0 {
			g.ends = max(g.ends, s.end)
		}
		if !s.held && s.end == 0 && s.index >= g.hi {
			g.gone = min(g.gone, s.index)
		}
	}
	for _, a := range g.enders {
		if a.exact && (a.Released || a.Cancelled) && a.Index > 0 {
			g.alive = max(g.alive, a.Index-1)
		}
	}
	g.endMax = g.latestEnd(f)
}

// latestEnd is when the lease has ended by itself at the latest, in cluster time.
func (g *grant) latestEnd(f *facts) int64 {
	if g.endMax == math.MaxInt64 || len(g.renews) > 0 {
		return math.MaxInt64
	}
	latest := g.ends
	for _, s := range g.signs {
		if s.exact {
			return addTime(latest, f.slack())
		}
	}
	// Granted in a record that was cut short, a lease runs from that record's
	// stamp, which its time may not have reached.
	if g.ttl == 0 {
		return math.MaxInt64
	}
	stamp := f.timeOf.after(g.told)
	if stamp == never {
		return math.MaxInt64
	}
	return max(latest, int64(stamp)+int64(g.ttl)+int64(time.Second))
}
