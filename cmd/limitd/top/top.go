// Package top is what `limitd top` shows: which limits are full, who waits for
// them and for how long, and how fast slots are granted and denied.
//
// It does no I/O. A Sample is what was asked of the cluster at one instant;
// Compare makes a Look of two of them; a View says how it is sorted, filtered and
// scrolled, and takes keys; Render makes it text:
//
//	look := top.Compare(before, now)
//	text := top.Render(look, view, 80, 24)
//	quit := view.Press("w") // sort by waiting
package top

import (
	"math"
	"time"

	"github.com/limitd/limitd/transport/wire"
)

// Sample is what the cluster said at one instant.
type Sample struct {
	At      time.Time
	Cluster wire.Cluster
	Limits  []Limit
	// Counters are those of the nodes that tell them, by the node's id.
	Counters map[string]Counters
}

// Limit is a limit, with what its own answer does not tell.
type Limit struct {
	wire.Limit
	State  string         // for people
	Oldest *wire.Duration // how long the first of its queue waits; nil: nobody waits, or not asked
}

// Counters are what a node counts from its start on.
type Counters struct {
	Granted, Denied float64 // acquires
	Leases, Waiters float64 // right now
}

// Look is what two samples tell. The zero one tells that there was none.
type Look struct {
	Totals Totals `json:"totals"`
	Limits []Row  `json:"limits"` // nil in the zero look alone
}

// Totals are the figures of the whole cluster. Rates are those between the two
// samples; nil where they cannot be told.
type Totals struct {
	Leader  string   `json:"leader"` // "": none
	Term    uint64   `json:"term"`
	Nodes   int      `json:"nodes"`
	Alive   int      `json:"alive"`
	Counted int      `json:"counted"` // nodes whose counters the rates are made of
	Limits  int      `json:"limits"`
	Waiting int64    `json:"waiting"` // acquires; one that names two limits stands in both of their rows
	Leases  int64    `json:"leases"`
	Granted *float64 `json:"granted_per_second,omitempty"`
	Denied  *float64 `json:"denied_per_second,omitempty"` // at once, or after a wait
}

// Row is what is shown of a limit.
type Row struct {
	Name     string         `json:"name"`
	Slots    int64          `json:"slots"`
	Occupied int64          `json:"occupied"`
	Waiting  int64          `json:"waiting"`
	Oldest   *wire.Duration `json:"oldest_waiting,omitempty"`
	Denied   *float64       `json:"denied_per_second,omitempty"`
	Held     wire.Duration  `json:"avg_slot_occupancy"`
	Rate     string         `json:"rate"`
	State    string         `json:"state"`
}

// use returns the share of the slots that is occupied; 1 where there are none.
func (r Row) use() float64 {
	if r.Slots == 0 {
		return 1
	}
	return float64(r.Occupied) / float64(r.Slots)
}

// Compare makes a Look of what was and what is. A zero before means that this is
// the first look: it has no rates.
func Compare(before, now Sample) Look {
	span := now.At.Sub(before.At).Seconds()
	if before.At.IsZero() {
		span = 0
	}
	look := Look{Totals: totals(before, now, span), Limits: make([]Row, 0, len(now.Limits))}
	denied := map[string]int64{}
	for _, l := range before.Limits {
		denied[l.ID] = l.Status.Denied
	}
	for _, l := range now.Limits {
		row := Row{
			Name: l.Name, Slots: l.Slots, Occupied: l.Status.Occupied, Waiting: l.Status.Waiting,
			Oldest: l.Oldest, Held: l.Status.AvgSlotOccupancy, Rate: l.Rate, State: l.State,
		}
		if was, known := denied[l.ID]; known {
			row.Denied = perSecond(float64(l.Status.Denied-was), span)
		}
		look.Limits = append(look.Limits, row)
	}
	return look
}

func totals(before, now Sample, span float64) Totals {
	t := Totals{Leader: now.Cluster.Leader, Term: now.Cluster.Term, Nodes: len(now.Cluster.Nodes), Limits: len(now.Limits)}
	for _, n := range now.Cluster.Nodes {
		if n.Alive {
			t.Alive++
		}
	}
	granted, denied := 0.0, 0.0
	for id, c := range now.Counters {
		// Every node has all leases and waiters; one that lags has fewer.
		t.Leases, t.Waiting = max(t.Leases, int64(c.Leases)), max(t.Waiting, int64(c.Waiters))
		was, known := before.Counters[id]
		if !known {
			continue
		}
		t.Counted++
		granted += since(was.Granted, c.Granted)
		denied += since(was.Denied, c.Denied)
	}
	if t.Counted > 0 {
		t.Granted, t.Denied = perSecond(granted, span), perSecond(denied, span)
	}
	return t
}

// since returns how much a counter has risen; one that fell has begun anew.
func since(was, is float64) float64 {
	if is < was {
		return is
	}
	return is - was
}

// perSecond returns a rate, to a tenth; nil where no time has passed.
func perSecond(n, seconds float64) *float64 {
	if seconds <= 0 {
		return nil
	}
	return new(math.Round(10*n/seconds) / 10)
}
