package check

import (
	"math"
	"slices"
	"time"

	"github.com/limitd/limitd/jepsen/history"
)

// longAgo is before every instant of a run, by more than any wait or TTL.
const longAgo = time.Duration(math.MinInt64 / 2)

// grant is what all calls together tell of one token.
type grant struct {
	token  uint64
	id     string
	ops    []*act // acquires that were answered with it
	takes  []history.Granted
	called time.Duration // its id was first sent
	told   time.Duration // it was first answered
	lo, hi uint64        // bounds of the index of the record that granted
	ownLo  uint64        // the same by its own answers, without what the order of tokens adds
	ownHi  uint64
	wait   time.Duration // waited, of cluster time
	ttl    time.Duration // 0: not known
	leased bool

	signs  []sign // by index
	enders []*act // that may have ended it
	renews []*act // whose effect is not known exactly
	alive  uint64 // it was held after the record at this index, for certain
	ends   int64  // it lasts at least until this cluster time, if nobody ends it
	gone   uint64 // it is over, for certain, after the record at this index
	endMax int64  // it has ended by itself at this cluster time, for certain
	losing bool   // its id was made by the node, which takes it back where the answer cannot be written

	guessed bool // takes is what was asked for: the answer was not noted
}

// sign is an answer that tells how a lease stood after the record at an index.
type sign struct {
	index uint64
	held  bool
	exact bool  // end is the lease's end
	end   int64 // where held: it lasts at least until this cluster time
	op    *act
}

// findGrants collects grants by token, and tightens the bounds of each by its
// neighbours: tokens rise with the index.
func (f *facts) findGrants() {
	for _, a := range f.acts {
		if a.IsGrant() {
			f.addGrant(a)
		}
	}
	slices.SortFunc(f.grants, func(x, y *grant) int { return compare(x.token, y.token) })
	for _, g := range f.grants {
		g.place(f)
	}
	lo, hi := uint64(0), never
	for _, g := range f.grants {
		lo = max(lo, g.lo)
		g.lo = lo
	}
	for _, g := range slices.Backward(f.grants) {
		hi = min(hi, g.hi)
		g.hi = hi
	}
	for _, g := range f.grants {
		for _, t := range g.takes {
			l := f.limit(t.Name)
			l.grants = append(l.grants, g)
		}
	}
}

func (f *facts) addGrant(a *act) {
	g := f.byToken[a.Token]
	if g == nil {
		g = &grant{token: a.Token, id: a.ID, takes: a.Granted, called: a.Call, told: a.Return, hi: never, losing: a.ID == ""}
		f.byToken[a.Token] = g
		f.grants = append(f.grants, g)
		if r := f.asked[a.ID]; r != nil {
			r.grants = append(r.grants, g)
			g.called = r.acquires[0].Call
		}
		if f.older[a.ID] {
			g.called = longAgo
		}
	}
	if len(g.takes) == 0 || g.guessed && len(a.Granted) > 0 {
		g.takes, g.guessed = a.Granted, false
	}
	if len(g.takes) == 0 {
		g.guess(a)
	}
	g.ops = append(g.ops, a)
	g.told = min(g.told, a.Return)
	if !g.guessed && len(a.Granted) > len(g.takes) {
		g.takes = a.Granted // a later answer leaves out limits that were deleted
	}
	g.wait = max(g.wait, a.Waited)
	g.leased = g.leased || a.ExpiresIn > 0
	g.ttl = max(g.ttl, a.TTL)
}

// guess takes what was asked for as what was granted.
func (g *grant) guess(a *act) {
	g.guessed = true
	for _, w := range a.Limits {
		g.takes = append(g.takes, history.Granted{Name: w.Name, Slots: w.Slots, Rate: w.Rate, Counted: true})
	}
}

// place bounds the index of the record that granted.
func (g *grant) place(f *facts) {
	g.lo = f.known.before(g.called) + 1
	if at := f.later.after(g.told); at != never {
		g.hi = at - 1
	}
	for _, a := range g.ops {
		if a.placed {
			g.hi = min(g.hi, a.Index)
		}
		if a.exact {
			g.lo = max(g.lo, a.Index)
		}
	}
	if from, _ := g.instant(f); f.steady && from != math.MinInt64 { // its record is not before that time
		g.lo = max(g.lo, f.mayReach(from))
	}
	g.ownLo, g.ownHi = g.lo, g.hi
}

// takesOf returns what the grant took of a limit.
func (g *grant) takesOf(name string) history.Granted {
	for _, t := range g.takes {
		if t.Name == name {
			return t
		}
	}
	return history.Granted{}
}

// mayHaveHeld is the index before which a grant may have held slots of a limit
// that was asked for and that no answer names: one that was only told again
// leaves out limits that were deleted meanwhile. It is 0 where there is none.
func (g *grant) mayHaveHeld(name string) (until uint64) {
	if g.guessed || slices.ContainsFunc(g.takes, func(t history.Granted) bool { return t.Name == name }) {
		return 0
	}
	until = never
	for _, a := range g.ops {
		if !a.Replayed {
			return 0
		}
		if a.placed {
			until = min(until, a.Index)
		}
	}
	return until
}

// op returns the call that first told the grant.
func (g *grant) op() *history.Op { return g.ops[0].Op }

// instant bounds the cluster time at which the grant was made: a wait tells how
// long it was, from the id's first record on.
func (g *grant) instant(f *facts) (lo, hi int64) {
	_, hi = f.timeAfter(g.hi)
	for _, a := range g.ops {
		if a.exact {
			return a.Time, a.Time
		}
	}
	arrived, _ := f.timeAfter(f.known.before(g.called))
	if arrived == math.MinInt64 {
		return arrived, hi
	}
	return arrived + int64(g.wait), hi
}
