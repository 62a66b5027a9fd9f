package check

import (
	"slices"
	"strings"
	"time"

	"github.com/limitd/limitd/jepsen/history"
)

// reign is a term whose leader was seen: it led at from, and no leader of a later
// term had answered anything before until.
type reign struct {
	node        string
	term        uint64
	from, until time.Duration
	torn        bool // two nodes were taken for its leader
}

// reigns puts together what was seen of each term that had a leader.
func reigns(h *history.History) (list []reign) {
	for _, l := range h.Leaders {
		switch n := len(list); {
		case n > 0 && list[n-1].term == l.Term:
			last := &list[n-1]
			last.torn = last.torn || l.Node != "" && last.node != l.Node
			last.until = max(last.until, l.Until)
		case l.Node == "":
		default:
			list = append(list, reign{node: l.Node, term: l.Term, from: l.At, until: l.Until})
		}
	}
	return list
}

// judgeLag is the other side of judgeClock: cluster time runs no slower than
// real time, either. While one node leads it loses nothing (T1). A new leader
// goes on from what it has applied, by its own clock (T2): what it had answered
// a read with lay in its state by then, so that it is behind that by nothing, and
// neither the election nor the time without a leader is lost.
//
// What is lost where the new leader answered no read shortly before, where it
// may have been started anew or got a snapshot meanwhile, or over a term whose
// leader nobody saw, is not known, and speaks for the accused.
func judgeLag(f *facts, r *report) {
	list := reigns(f.h)
	for i, n := range list {
		if n.torn {
			continue
		}
		before := reign{}
		if i > 0 && list[i-1].term+1 == n.term && !list[i-1].torn {
			before = list[i-1]
		}
		f.judgeReign(n, before, r)
	}
}

// judgeReign looks at all that was stamped in a reign.
func (f *facts) judgeReign(n, before reign, r *report) {
	var own []*act
	for _, a := range f.acts {
		if a.fresh && a.Call >= n.from && a.Return <= n.until {
			own = append(own, a)
		}
	}
	if len(own) == 0 {
		return
	}
	sources := slices.Concat(own, f.heirlooms(n, before, own))
	slices.SortStableFunc(own, func(x, y *act) int { return compare(x.Call, y.Call) })
	slices.SortStableFunc(sources, func(x, y *act) int { return compare(x.Return, y.Return) })
	rate, fixed := f.tolerance()
	offset := func(a *act, at time.Duration) float64 { return float64(a.Time) - float64(at)*(1-rate) }
	var best *act
	next := 0
	for _, a := range own {
		for ; next < len(sources) && sources[next].Return <= a.Call; next++ {
			if s := sources[next]; best == nil || offset(s, s.Return) > offset(best, best.Return) {
				best = s
			}
		}
		if best == nil {
			continue
		}
		r.saw(1)
		if offset(best, best.Return)-offset(a, a.Call) > float64(fixed) {
			r.convict("T2", show(best.Op, a.Op), "cluster time moved on by %s only between indexes %d and %d, in at least %s of real time, and %s, which led in term %d, knew better",
				time.Duration(a.Time-best.Time), best.Index, a.Index, a.Call-best.Return, n.node, n.term)
		}
	}
}

// heirlooms lists the reads by which the leader of a reign shows what it had
// applied of the term before, not longer ago than offsets count.
func (f *facts) heirlooms(n, before reign, own []*act) (list []*act) {
	if before.node == "" {
		return nil
	}
	begun := forever // its clock was set by then
	for _, a := range own {
		begun = min(begun, a.Return)
	}
	const young = clockWindow - clockWindow/100
	for _, a := range f.acts {
		isRead := a.Kind == history.ReadLimit || a.Kind == history.ReadID
		if !isRead || !a.placed || a.Node != n.node || a.Call < before.from || a.Call < begun-young {
			continue
		}
		if !f.mayForget(n.node, a.Call, begun) {
			list = append(list, a)
		}
	}
	return list
}

// mayForget tells whether a node may have lost what it knew of cluster time in
// a span of real time: because it was started anew, or had fallen so far behind
// that it was sent a snapshot.
func (f *facts) mayForget(node string, from, to time.Duration) bool {
	return slices.ContainsFunc(f.h.Faults, func(x history.Fault) bool {
		ends := x.To
		if ends == 0 {
			ends = x.From
		}
		return x.From <= to && ends+recovery >= from && mayStrike(x.On, node)
	})
}

// recovery is how long after a fault's end a node may still be catching up.
const recovery = 5 * time.Second

// mayStrike tells whether a fault on some nodes may be on this one: unless they
// are named, and it is not among them.
func mayStrike(on, node string) bool {
	names := strings.FieldsFunc(on, func(c rune) bool { return !isWord(c) })
	if len(names) == 0 {
		return true
	}
	return slices.ContainsFunc(names, func(name string) bool { return name == node || !isNode(name) })
}

func isWord(c rune) bool { return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// isNode tells whether a word is a node's name, as n1.
func isNode(word string) bool {
	number, found := strings.CutPrefix(word, "n")
	return found && number != "" && strings.Trim(number, "0123456789") == ""
}
