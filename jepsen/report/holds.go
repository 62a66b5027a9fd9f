package report

import (
	"cmp"
	"slices"
	"time"

	"github.com/limitd/limitd/jepsen/history"
)

// hold is a span in which a caller held slots of a limit beyond doubt: from the
// answer that granted them to the earliest instant at which they may have been
// given back.
type hold struct {
	stretch
	slots int64
}

// defaultTTL is a lease's length where its acquire named none (semantics S1).
const defaultTTL = time.Minute

// holder is what is known of one grant's lease.
type holder struct {
	op    *history.Op
	until time.Duration // by its time to live
	ended time.Duration // by a call; the far future: none
}

const never = time.Duration(1<<63 - 1)

// holders follows all leases of a run by their tokens.
func holders(h *history.History) map[uint64]*holder {
	all := make(map[uint64]*holder)
	byID := make(map[string]*holder)
	for i := range h.Ops {
		o := &h.Ops[i]
		if !o.IsGrant() || all[o.Token] != nil {
			continue
		}
		x := &holder{op: o, until: o.Call + sure(lease(o), h.Run.ClockError), ended: never}
		all[o.Token] = x
		if o.ID != "" {
			byID[o.ID] = x
		}
	}
	for i := range h.Ops {
		follow(&h.Ops[i], all, byID, h.Run.ClockError)
	}
	return all
}

// lease is how long a lease lasts from its acquire's call, at least.
func lease(o *history.Op) time.Duration {
	d := o.ExpiresIn
	if d <= 0 {
		d = o.TTL
	}
	if d <= 0 {
		d = defaultTTL
	}
	if !o.Replayed {
		d += max(0, o.Waited)
	}
	return d
}

// sure is what is left of d on a clock that may run fast, less the holder's margin.
func sure(d time.Duration, clockError float64) time.Duration {
	return d - time.Duration(float64(d)*(0.01+clockError)) - 10*time.Millisecond
}

// follow notes what a call does to leases.
func follow(o *history.Op, all map[uint64]*holder, byID map[string]*holder, clockError float64) {
	if o.Outcome == history.Refused {
		return
	}
	switch o.Kind {
	case history.Release, history.Force, history.Cancel:
		for _, token := range o.Tokens {
			if x := all[token]; x != nil {
				x.ended = min(x.ended, o.Call)
			}
		}
		if x := byID[o.ID]; x != nil && len(o.Tokens) == 0 {
			x.ended = min(x.ended, o.Call)
		}
	case history.Renew:
		for _, r := range o.Leases {
			if x := all[r.Token]; x != nil && r.State == "held" {
				x.until = max(x.until, o.Call+sure(r.ExpiresIn, clockError))
			}
		}
	}
}

// holdsOf returns the holds of one limit, and how many grants they are of.
func holdsOf(name string, h *history.History, all map[uint64]*holder) []hold {
	var cuts []time.Duration // calls that may have taken the limit's slots from all
	for i := range h.Ops {
		o := &h.Ops[i]
		toggled := o.Kind == history.Put && o.Config != nil && o.Config.Inactive
		named := len(o.Limits) > 0 && o.Limits[0].Name == name && (o.Kind == history.Reset || o.Kind == history.Delete || toggled)
		if o.Outcome != history.Refused && (named || o.Kind == history.Restore) {
			cuts = append(cuts, o.Call)
		}
	}
	slices.Sort(cuts)
	var list []hold
	for _, x := range all {
		for _, g := range x.op.Granted {
			if g.Name != name || g.Rate || !g.Counted || g.Slots <= 0 {
				continue
			}
			from, to := x.op.Return, min(x.until, x.ended)
			if i, _ := slices.BinarySearch(cuts, x.op.Call); i < len(cuts) {
				to = min(to, cuts[i])
			}
			if to > from {
				list = append(list, hold{stretch{from, to}, g.Slots})
			}
		}
	}
	return list
}

// curve is a value that changes in steps: value[i] from at[i] to at[i+1].
type curve struct {
	at    []time.Duration
	value []int64
}

// sum adds holds up. At one instant what ends ends before what begins.
func sum(list []hold) curve {
	type change struct {
		at    time.Duration
		slots int64
	}
	var changes []change
	for _, x := range list {
		changes = append(changes, change{x.from, x.slots}, change{x.to, -x.slots})
	}
	slices.SortFunc(changes, func(x, y change) int {
		if d := cmp.Compare(x.at, y.at); d != 0 {
			return d
		}
		return cmp.Compare(x.slots, y.slots)
	})
	var c curve
	var level int64
	for _, x := range changes {
		level += x.slots
		c.at, c.value = append(c.at, x.at), append(c.value, level)
	}
	return c
}

// tops returns the largest value in each of n columns of the axis.
func (c curve) tops(a axis, n int) []int64 {
	tops := make([]int64, n)
	column := func(t time.Duration) int { return min(a.x(t)*n/units, n-1) }
	for i, v := range c.value {
		end := a.to
		if i+1 < len(c.at) {
			end = c.at[i+1]
		}
		for k := column(c.at[i]); k <= column(end); k++ {
			tops[k] = max(tops[k], v)
		}
	}
	return tops
}

// peak is the largest value.
func (c curve) peak() int64 {
	var most int64
	for _, v := range c.value {
		most = max(most, v)
	}
	return most
}
