package check

import (
	"maps"
	"math/big"
	"slices"
	"time"

	"github.com/limitd/limitd/jepsen/history"
)

// judgeRetry looks at what a denied try was told of when to come again. Where a
// single decaying limit denied it and nobody waited for that, the time is exact,
// in cluster time (A1): no earlier try can succeed unless something gives slots
// back, and one made then does unless somebody comes first. So
//
//   - it is said, is not at once, and is no longer than n slots take to decay;
//   - two such tries that follow one another were told instants that are as far
//     apart as what was granted and given back in between, and what they ask for,
//     takes to decay, to the nanosecond; where that is not known exactly, within
//     what it may have been;
//   - no try is granted before its instant by the same account.
func judgeRetry(f *facts, r *report) {
	if !f.fromStart || !slices.ContainsFunc(f.acts, func(a *act) bool { return a.RetryAfter != 0 }) {
		return // or the history does not note it
	}
	for _, name := range slices.Sorted(maps.Keys(f.limits)) {
		if l := f.limits[name]; l.decays {
			f.judgeRetries(l, r)
		}
	}
}

// hint is a try at one decaying limit: denied, with the instant from which one
// like it can succeed, or granted.
type hint struct {
	*act
	slots int64
	due   int64 // of a denied one, in cluster time
}

func (f *facts) judgeRetries(l *limit, r *report) {
	var last *hint
	flows := f.flows(l)
	for _, a := range slices.SortedStableFunc(slices.Values(l.asks), func(x, y *act) int { return compare(x.Index, y.Index) }) {
		if !a.exact || len(a.Limits) != 1 || a.Limits[0].Slots <= 0 {
			continue
		}
		h := &hint{act: a, slots: a.Limits[0].Slots}
		switch {
		case a.IsGrant():
			if last != nil && len(a.Granted) == 1 && a.Granted[0].Counted {
				flows.judgeGrant(l, last, h, r)
			}
		case a.Code == "denied" && a.Ahead == 0:
			if !l.judgeHint(h, r) {
				continue
			}
			h.due = addTime(a.Time, int64(a.RetryAfter))
			if last != nil {
				flows.judgeHints(l, last, h, r)
			}
			last = h
		}
	}
}

// judgeHint looks at one denial by itself. It returns whether it tells an instant.
func (l *limit) judgeHint(h *hint, r *report) bool {
	set := l.steady(h.Index, h.Index)
	if set == nil {
		return false
	}
	r.saw(1)
	if h.RetryAfter <= 0 {
		said := "at once"
		if h.RetryAfter < 0 {
			said = "at no time"
		}
		r.convict("A1", show(h.Op), "a try for %d slots of %q was denied at index %d and told to come again %s, although decay alone lets it through", h.slots, l.name, h.Index, said)
		return false
	}
	most := new(big.Int).Mul(big.NewInt(h.slots), big.NewInt(int64(set.RatePer)))
	if over := scaled(int64(h.RetryAfter)-1, set); over.Cmp(most) >= 0 && !l.mayBeOver(set) {
		r.convict("A1", show(h.Op), "a try for %d slots of %q was told to come again in %s, and so many decay sooner", h.slots, l.name, h.RetryAfter)
	}
	return true
}

// mayBeOver tells whether more of a limit may be occupied than it has slots:
// where it ever had other settings.
func (l *limit) mayBeOver(now *history.Settings) bool {
	return slices.ContainsFunc(l.puts, func(p *act) bool { return p.Config == nil || *p.Config != *now })
}

// steady returns the settings of a limit between two indexes, where they are
// known for certain, did not change, and make it a limit that counts and decays.
func (l *limit) steady(lo, hi uint64) *history.Settings {
	list, known := l.at(lo, hi)
	if !known || len(list) == 0 {
		return nil
	}
	for _, set := range list {
		if set == nil || *set != *list[0] || set.Inactive || set.Shadow || set.RateNum == 0 || set.RatePer <= 0 {
			return nil
		}
	}
	for _, a := range l.clears {
		if a.lo <= hi && a.hi >= lo {
			return nil
		}
	}
	return list[0]
}

// scaled is what decays in ns, in 1/RatePer of a slot.
func scaled(ns int64, set *history.Settings) *big.Int {
	return new(big.Int).Mul(big.NewInt(ns), new(big.Int).SetUint64(set.RateNum))
}

// flow is what one acquire may take of a limit, and give back by another way
// than decay.
type flow struct {
	lo, hi  uint64 // it takes them at an index between
	slots   int64
	certain bool
	backTo  uint64 // it may give them back until then; 0: it does not
}

type flows []flow

// flows lists what goes into a limit.
func (f *facts) flows(l *limit) (list flows) {
	for _, g := range l.grants {
		t := g.takesOf(l.name)
		if !t.Counted {
			continue
		}
		x := flow{lo: g.lo, hi: g.hi, slots: t.Slots, certain: !g.guessed}
		if !t.Rate {
			x.backTo = g.frees(f, l)
		}
		list = append(list, x)
	}
	for _, a := range l.asks {
		r := f.asked[a.ID]
		isLost := r == nil && (a.Outcome != history.OK || a.Tries > 1) || r != nil && r.acquires[0] == a && len(r.grants) == 0
		until := f.mayHoldUntil(a)
		if !isLost || until == 0 {
			continue
		}
		x := flow{lo: a.earliest, hi: f.over(a), slots: wants(a.Op, l.name)}
		if !slices.Contains(a.Limits, history.Want{Name: l.name, Slots: x.slots, Rate: true}) {
			x.backTo = until
		}
		list = append(list, x)
	}
	return list
}

// between returns how many slots were taken between two records at least and at
// most, and given back at most.
func (list flows) between(from, to uint64) (least, most, back int64) {
	for _, x := range list {
		if x.hi < from && x.backTo < from || x.lo > to {
			continue
		}
		if x.certain && x.lo > from && x.hi < to {
			least += x.slots
		}
		if x.hi >= from {
			most += x.slots
		}
		if x.backTo >= from {
			back += x.slots
		}
	}
	return least, most, back
}

// judgeHints compares what two denied tries, one after the other, were told.
func (list flows) judgeHints(l *limit, x, y *hint, r *report) {
	set := l.steady(x.Index, y.Index)
	if set == nil {
		return
	}
	least, most, back := list.between(x.Index, y.Index)
	between := scaled(y.due-x.due, set)
	per := big.NewInt(int64(set.RatePer))
	num := new(big.Int).SetUint64(set.RateNum) // each instant is rounded up to a nanosecond
	r.saw(1)
	low := new(big.Int).Mul(big.NewInt(least-back+y.slots-x.slots), per)
	if new(big.Int).Add(between, num).Cmp(low) <= 0 {
		r.convict("A1", show(x.Op, y.Op), "a try for %d slots of %q was told to come again at cluster time %d; one for %d, behind it and at least %d slots granted in between, at %d already",
			x.slots, l.name, x.due, y.slots, least-back, y.due)
	}
	if !l.staysFilled(x, y.Time, back, set) {
		return
	}
	high := new(big.Int).Mul(big.NewInt(most+y.slots-x.slots), per)
	if new(big.Int).Sub(between, num).Cmp(high) >= 0 {
		r.convict("A1", show(x.Op, y.Op), "a try for %d slots of %q was told to come again at cluster time %d; one for %d, behind it and at most %d slots granted in between, at %d only",
			x.slots, l.name, x.due, y.slots, most, y.due)
	}
	// It was denied, so that its own instant had not come.
	if early := new(big.Int).Sub(scaled(y.Time-x.due, set), high); early.Sign() >= 0 {
		r.convict("A1", show(x.Op, y.Op), "a try for %d slots of %q was told to come again at cluster time %d; at %d one for %d was denied, with at most %d slots granted in between",
			x.slots, l.name, x.due, y.Time, y.slots, most)
	}
}

// staysFilled tells whether a limit cannot have been empty between a denied try
// and an instant, if so many slots were given back: else time passes in which
// nothing decays.
func (l *limit) staysFilled(x *hint, until, back int64, set *history.Settings) bool {
	left := new(big.Int).Mul(big.NewInt(set.Slots-x.slots-back), big.NewInt(int64(set.RatePer)))
	return scaled(until-x.Time, set).Cmp(left) <= 0
}

// judgeGrant looks at a try that was granted behind a denied one.
func (list flows) judgeGrant(l *limit, x, y *hint, r *report) {
	set := l.steady(x.Index, y.Index)
	if set == nil {
		return
	}
	r.saw(1)
	least, _, back := list.between(x.Index, y.Index)
	low := new(big.Int).Mul(big.NewInt(least-back+y.slots-x.slots), big.NewInt(int64(set.RatePer)))
	past := scaled(y.Time-x.due+1, set) // the instant told is rounded up to a nanosecond
	if past.Cmp(low) <= 0 {
		r.convict("A1", show(x.Op, y.Op), "a try for %d slots of %q was told to come again at cluster time %d, in %s; one for %d was granted at %d, with at least %d slots granted in between",
			x.slots, l.name, x.due, time.Duration(x.due-x.Time), y.slots, y.Time, least-back)
	}
}
