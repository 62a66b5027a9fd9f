package report

import (
	"cmp"
	"slices"
	"time"

	"github.com/limitd/limitd/jepsen/history"
)

// inForce is a span in which a limit may have had some settings.
type inForce struct {
	stretch
	history.Settings
}

// settings are what a limit may have been set to, and when.
type settings []inForce

// newSettings reads them off the puts of a limit; where it was never put, off
// the slots that reads of it showed. end is the end of the run.
func newSettings(name string, ops []history.Op, end time.Duration) settings {
	var puts []*history.Op // and deletes, which end what was put before
	var seen settings
	for i := range ops {
		o := &ops[i]
		if len(o.Limits) == 0 || o.Limits[0].Name != name || o.Outcome == history.Refused || o.Code != "" {
			continue
		}
		switch {
		case o.Kind == history.Put && o.Config != nil, o.Kind == history.Delete:
			puts = append(puts, o)
		case o.Kind == history.ReadLimit && o.Found && o.Slots > 0:
			seen = append(seen, inForce{stretch{0, end}, history.Settings{Slots: o.Slots}})
		}
	}
	if len(puts) == 0 {
		return slices.CompactFunc(seen, func(x, y inForce) bool { return x.Slots == y.Slots })
	}
	return overlapping(puts, end)
}

// overlapping gives each put the span from its call to the first answer of a
// later one, called after its own answer.
func overlapping(puts []*history.Op, end time.Duration) settings {
	slices.SortStableFunc(puts, func(x, y *history.Op) int { return cmp.Compare(x.Call, y.Call) })
	replaced := make([]time.Duration, len(puts)) // the first answer among puts[i:]
	first := max(end, 0)
	for i := len(puts) - 1; i >= 0; i-- {
		if puts[i].Outcome == history.OK {
			first = min(first, puts[i].Return)
		}
		replaced[i] = first
	}
	var list settings
	for _, o := range puts {
		if o.Config == nil {
			continue
		}
		to := end
		next, _ := slices.BinarySearchFunc(puts, o.Return+1, func(p *history.Op, t time.Duration) int { return cmp.Compare(p.Call, t) })
		if next < len(puts) {
			to = replaced[next]
		}
		list = append(list, inForce{stretch{o.Call, to}, *o.Config})
	}
	return list
}

// decays tells whether the limit ever was a rate limit.
func (s settings) decays() bool {
	return slices.ContainsFunc(s, func(f inForce) bool { return f.RateNum > 0 && f.RatePer > 0 })
}

// most returns the largest of something over the settings that may have been in
// force in a span; -1 where it bounds nothing, since the limit may have been
// inactive, in shadow, or never set.
func (s settings) most(w stretch, of func(history.Settings) float64) float64 {
	most := -1.0
	for _, f := range s {
		if f.from > w.to || f.to < w.from {
			continue
		}
		if f.Inactive || f.Shadow {
			return -1
		}
		most = max(most, of(f.Settings))
	}
	return most
}

func slotsOf(s history.Settings) float64 { return float64(s.Slots) }

// perSecond is how many slots a limit decays in a second.
func perSecond(s history.Settings) float64 {
	if s.RatePer <= 0 {
		return 0
	}
	return float64(s.RateNum) / s.RatePer.Seconds()
}
