package check

import (
	"maps"
	"slices"

	"github.com/limitd/limitd/jepsen/history"
)

// judgeOnce looks at each id, and at each token: one id has one effect.
func judgeOnce(f *facts, r *report) {
	for _, id := range slices.Sorted(maps.Keys(f.asked)) {
		q := f.asked[id]
		r.saw(len(q.acquires))
		judgeGrants(f, q, r)
		judgeBarred(f, q, r)
		judgeRefused(q, r)
	}
	for _, g := range f.grants {
		judgeContent(f, g, r)
		judgeReturned(f, g, r)
	}
}

// judgeGrants convicts an id with two tokens while it was remembered.
func judgeGrants(f *facts, q *request, r *report) {
	var first *act
	for _, a := range q.acquires {
		switch {
		case !a.IsGrant():
		case first == nil:
			first = a
		case a.Token != first.Token && f.remembered(first, a) && !f.restoredBetween(first, a):
			r.convict("E4", show(first.Op, a.Op), "the id %q was granted twice: tokens %d and %d", q.id, first.Token, a.Token)
		}
	}
}

// judgeBarred convicts a grant to an id that had ended.
func judgeBarred(f *facts, q *request, r *report) {
	var over *act
	for _, a := range append(slices.Clone(q.acquires), q.ends...) {
		if ended(a) && a.placed && (over == nil || a.Index < over.Index) {
			over = a
		}
	}
	if over == nil {
		return
	}
	for _, g := range q.grants {
		if a := g.ops[0]; g.ownLo > over.Index && f.remembered(over, a) && !f.restoredBetween(over, a) {
			r.convict("section 6", show(over.Op, a.Op), "the id %q had ended at index %d (%s %s), and was granted token %d later", q.id, over.Index, over.Kind, over.Code, g.token)
		}
	}
}

// ended tells that an answer says of an id that it is over.
func ended(a *act) bool {
	switch {
	case a.Outcome != history.OK:
		return false
	case a.Kind == history.Acquire:
		return isDenied(a.Code) || a.Code == "lease_ended" || a.Code == "cancelled"
	}
	return a.Released || a.Cancelled || a.Reason == "unknown"
}

// judgeRefused convicts slots that are held for an id of which all that was
// ever told is that nothing happened.
func judgeRefused(q *request, r *report) {
	for _, a := range q.acquires {
		if a.Outcome != history.Refused || a.Astray > 0 {
			return
		}
	}
	if len(q.acquires) == 0 {
		return
	}
	for _, a := range append(slices.Clone(q.reads), q.ends...) {
		if a.Outcome == history.OK && (a.State == "granted" || a.State == "waiting" || a.Released && !a.Replayed) {
			r.convict("E4", show(q.acquires[0].Op, a.Op), "the id %q was refused without effect, and still holds slots or a place", q.id)
		}
	}
}

// judgeContent convicts a grant of something else than was asked for.
func judgeContent(f *facts, g *grant, r *report) {
	for _, a := range g.ops {
		for _, t := range a.Granted {
			want := slices.IndexFunc(a.Limits, func(w history.Want) bool { return w.Name == t.Name })
			if want < 0 || a.Limits[want].Slots != t.Slots || a.Limits[want].Rate != t.Rate {
				r.convict("E3", show(a.Op), "token %d has %d slots of %q, which is not what was asked for: %v", g.token, t.Slots, t.Name, a.Limits)
			}
		}
		if a.exact && len(a.Granted) > 0 && len(a.Granted) < len(a.Limits) && f.allThere(a) {
			r.convict("E3", show(a.Op), "token %d has slots of %d limits; %d were asked for", g.token, len(a.Granted), len(a.Limits))
		}
	}
}

// allThere tells whether all limits that an acquire names were there.
func (f *facts) allThere(a *act) bool {
	return !slices.ContainsFunc(a.Limits, func(w history.Want) bool {
		b := f.limit(w.Name).bounds(a.Index, a.Index)
		return !b.known || b.gone
	})
}

// judgeReturned convicts slots of one grant that were given back twice.
func judgeReturned(f *facts, g *grant, r *report) {
	if r := f.asked[g.id]; r != nil && r.single() == nil {
		return // whose end it was is not certain
	}
	var first *act
	for _, a := range g.enders {
		if a.Outcome != history.OK || a.Replayed || !a.gaveBack() {
			continue
		}
		if first != nil && f.remembered(first, a) && !f.restoredBetween(first, a) {
			r.convict("E5", show(first.Op, a.Op), "token %d was given back twice: by a %s at index %d and by a %s at index %d",
				g.token, first.Kind, first.Index, a.Kind, a.Index)
		}
		first = a
	}
}

// restoredBetween tells whether a backup may have been restored between two
// calls: what had ended may then not have.
func (f *facts) restoredBetween(x, y *act) bool {
	from, to := min(x.Call, y.Call), max(x.Return, y.Return)
	return slices.ContainsFunc(f.acts, func(a *act) bool {
		return a.Kind == history.Restore && a.Outcome != history.Refused && a.Call <= to && end(a.Op) >= from
	})
}

// gaveBack tells that an answer says that its call ended something.
func (a *act) gaveBack() bool {
	return a.Released || a.Cancelled || a.Kind == history.Force && a.Code == ""
}
