package check

import (
	"math"
	"slices"
	"sort"

	"github.com/limitd/limitd/jepsen/history"
)

// limit is what a history tells of one limit.
type limit struct {
	name   string
	puts   []*act // that may have changed its settings, deletes among them; by lo
	starts []*act // the definite ones, by hi
	best   []*act // of starts up to here, the one with the largest lo
	reach  []uint64
	clears []*act // resets and deletes: they end claims
	decays bool   // some settings have a rate
	old    bool   // it may be older than what is known, with any of the settings in puts
	asks   []*act // acquires that name it
	grants []*grant
}

// limit returns the facts of a limit by name.
func (f *facts) limit(name string) *limit {
	l := f.limits[name]
	if l == nil {
		l = &limit{name: name, old: !f.fromStart}
		f.limits[name] = l
	}
	return l
}

// findLimits collects what changes limits.
func (f *facts) findLimits() {
	for _, a := range f.acts {
		if len(a.Limits) == 0 || a.Outcome == history.Refused {
			continue
		}
		name := a.Limits[0].Name
		done := a.Outcome == history.Unknown || a.Code == ""
		switch {
		case a.Kind == history.Acquire:
			for _, w := range a.Limits {
				l := f.limit(w.Name)
				l.asks = append(l.asks, a)
			}
		case a.Kind == history.Put && done && a.Config != nil:
			l := f.limit(name)
			l.puts = append(l.puts, a)
			l.decays = l.decays || a.Config.RateNum > 0
		case a.Kind == history.Delete && done:
			l := f.limit(name)
			l.puts, l.clears = append(l.puts, a), append(l.clears, a)
		case a.Kind == history.Reset && done:
			l := f.limit(name)
			l.clears = append(l.clears, a)
		}
	}
	for _, l := range f.limits {
		l.order()
	}
}

func (l *limit) order() {
	slices.SortStableFunc(l.puts, func(x, y *act) int { return compare(x.lo, y.lo) })
	most := uint64(0)
	for _, p := range l.puts {
		most = max(most, p.hi)
		l.reach = append(l.reach, most)
		if p.hi != never {
			l.starts = append(l.starts, p)
		}
	}
	slices.SortStableFunc(l.starts, func(x, y *act) int { return compare(x.hi, y.hi) })
	for i, p := range l.starts {
		if i > 0 && l.best[i-1].lo > p.lo {
			p = l.best[i-1]
		}
		l.best = append(l.best, p)
	}
}

// at returns all settings that may be in force at some index from lo to hi; nil
// among them stands for none. Before the first is known, nothing is, unless the
// limit comes from a backup.
func (l *limit) at(lo, hi uint64) (list []*history.Settings, known bool) {
	base := &act{}
	i := sort.Search(len(l.starts), func(i int) bool { return l.starts[i].hi >= lo })
	switch {
	case i > 0:
		base = l.best[i-1]
	case !l.old || len(l.puts) == 0:
		return nil, false
	}
	last := sort.Search(len(l.puts), func(i int) bool { return l.puts[i].lo > hi })
	for i := last - 1; i >= 0 && l.reach[i] >= base.lo; i-- {
		p := l.puts[i]
		switch {
		case p.hi < base.lo:
		case p.Kind == history.Delete:
			list = append(list, nil)
		default:
			list = append(list, p.Config)
		}
	}
	return list, true
}

// bounds tells what the limit's settings may have been between two indexes.
func (l *limit) bounds(lo, hi uint64) (b bounds) {
	list, known := l.at(lo, hi)
	if !known {
		return bounds{}
	}
	b.known, b.least, b.numbered = true, math.MaxInt64, true
	for _, set := range list {
		if set == nil {
			b.gone = true
			continue
		}
		b.least, b.most = min(b.least, set.Slots), max(b.most, set.Slots)
		b.active, b.inactive = b.active || !set.Inactive, b.inactive || set.Inactive
		b.decays = b.decays || set.RateNum > 0
		b.shadow, b.numbered = b.shadow || set.Shadow, b.numbered && set.Numbered
	}
	return b
}

// bounds are what a limit's settings may have been over a span of the log.
type bounds struct {
	known       bool
	least, most int64 // slots
	gone        bool  // it may not have been there
	active      bool  // it may have been active
	inactive    bool  // it may have been inactive
	decays      bool  // its slots may have decayed
	shadow      bool  // it may have been in shadow
	numbered    bool  // it was numbered for certain
}

// strict tells that the limit was there, active and enforcing all the time.
func (b bounds) strict() bool { return b.known && !b.gone && !b.inactive && !b.shadow }

// grace is the longest time, in ns, that the limit ever kept slots after an expiry.
func (l *limit) grace() (ns int64) {
	for _, p := range l.puts {
		if p.Config != nil {
			ns = max(ns, int64(p.Config.Grace))
		}
	}
	return ns
}
