package check

import (
	"math"
	"slices"
	"sort"
	"time"

	"github.com/limitd/limitd/jepsen/history"
)

// never is beyond every index of a log.
const never = uint64(math.MaxUint64)

// facts are what a history tells, put in order once for all checkers.
//
// The log index is the axis on which everything is compared. Some answers tell
// the index of their own record. For the others it is bounded: a record that
// was proposed after a call began lies beyond every index that had been
// answered before, and one whose effect was answered lies before the record of
// every call that began later.
type facts struct {
	h         *history.History
	steady    bool            // cluster time only moves on: there is no restore
	fromStart bool            // nothing had happened before
	older     map[string]bool // ids of acquires that were sent before

	known   steps[time.Duration] // instant -> largest index answered before it
	later   steps[time.Duration] // instant -> smallest index of a record proposed after it
	timeOf  steps[time.Duration] // instant -> smallest cluster time of a record proposed after it
	seen    []seen               // by index
	acts    []*act
	grants  []*grant // by token
	byToken map[uint64]*grant
	asked   map[string]*request
	limits  map[string]*limit
}

// act is an op with the bounds of the index at which it had its effect, or at
// which its answer is true.
type act struct {
	*history.Op
	lo, hi uint64

	earliest uint64 // the first index at which any try of it can have had an effect

	placed bool // Index tells where the answer is true
	fresh  bool // its record was proposed after Call
	exact  bool // lo == hi == Index: the record that had the effect
}

// seen is a place in the log with its cluster time.
type seen struct {
	index  uint64
	time   int64
	lo, hi int64 // bounds of the time at this index, from all that was seen before and behind
	op     *act
}

// clockWindow is for how long a node takes what it heard of cluster time for
// true, by its own clock (T2).
const clockWindow = 10 * time.Second

// tolerance is how much faster than real time cluster time may seem to run. A
// new leader whose clock is fast goes on from what it heard up to a window ago
// of one whose clock was slow.
func (f *facts) tolerance() (rate float64, fixed time.Duration) {
	jump := time.Duration(2 * f.h.Run.ClockError * float64(clockWindow))
	if f.h.Run.Instrument == "sim" {
		return f.h.Run.ClockError, jump + time.Microsecond
	}
	// The kernel slews the clock of the callers by up to 500 ppm against the raw
	// one that nodes count with.
	return f.h.Run.ClockError + 0.001, jump + 5*time.Millisecond
}

// slack is how much later than its last known end a lease may end: a renew that
// a node sent to the leader twice over a broken link may be run once more.
func (f *facts) slack() int64 {
	if len(f.h.Faults) == 0 {
		return 0
	}
	return int64(500 * time.Millisecond)
}

// slower returns the least real time in which d of cluster time can pass.
func (f *facts) slower(d time.Duration) time.Duration {
	rate, fixed := f.tolerance()
	return time.Duration(float64(d)/(1+rate)) - fixed
}

// gather puts the facts of h in order. fromStart tells that nothing had happened
// before; if anything had, older has the ids of acquires that had been sent.
func gather(h *history.History, fromStart bool, older map[string]bool) *facts {
	f := &facts{h: h, fromStart: fromStart, older: older, asked: make(map[string]*request), limits: make(map[string]*limit), byToken: make(map[uint64]*grant)}
	for i := range h.Ops {
		o := &h.Ops[i]
		a := &act{Op: o, lo: 1, hi: never}
		a.placed = isPlaced(o)
		r := f.request(o)
		a.fresh = a.placed && (o.Kind != history.Acquire || o.Wait == 0 || r == nil || len(r.acquires) == 0 && !older[o.ID])
		if r != nil {
			r.note(a)
		}
		f.acts = append(f.acts, a)
	}
	f.steady = !slices.ContainsFunc(f.acts, func(a *act) bool { return a.Kind == history.Restore && a.Outcome != history.Refused })
	f.order()
	for _, a := range f.acts {
		f.bound(a)
	}
	f.findLimits()
	f.findGrants()
	f.findEnds()
	return f
}

// isPlaced tells whether an answer's index is that of the state it speaks of.
func isPlaced(o *history.Op) bool {
	if o.Index == 0 || o.Outcome != history.OK || o.Kind == history.Save || o.Kind == history.Restore {
		return false
	}
	switch o.Code {
	case "", "denied", "wait_expired", "lease_ended", "limit_deleted", "cancelled", "limit_not_found", "lease_not_found",
		"acquire_not_found", "never_fits", "no_decay", "id_reused", "limit_exists", "revision_mismatch":
		return true
	}
	return false
}

// order fills the step functions.
func (f *facts) order() {
	for _, a := range f.acts {
		if !a.placed {
			continue
		}
		f.known.add(a.Return, a.Index)
		f.seen = append(f.seen, seen{index: a.Index, time: a.Time, op: a})
		if a.fresh {
			f.later.add(a.Call, a.Index)
			f.timeOf.add(a.Call, uint64(a.Time))
		}
	}
	f.known.accumulate(false)
	f.later.accumulate(true)
	f.timeOf.accumulate(true)
	slices.SortStableFunc(f.seen, func(x, y seen) int {
		if x.index != y.index {
			return compare(x.index, y.index)
		}
		return compare(x.time, y.time)
	})
	most, least := int64(math.MinInt64), int64(math.MaxInt64)
	for i := range f.seen {
		most = max(most, f.seen[i].time)
		f.seen[i].lo = most
	}
	for i := len(f.seen) - 1; i >= 0; i-- {
		least = min(least, f.seen[i].time)
		f.seen[i].hi = least
	}
}

// bound finds where in the log an op had its effect.
func (f *facts) bound(a *act) {
	a.earliest = f.known.before(a.Call) + 1
	a.lo = a.earliest
	if a.Outcome != history.OK || a.repeats() {
		return
	}
	a.hi = f.later.after(a.Return)
	if a.hi != never {
		a.hi--
	}
	if !a.placed {
		return
	}
	a.hi = min(a.hi, a.Index)
	switch a.Kind {
	case history.Acquire:
		a.exact = a.Wait == 0 && !a.Replayed
	case history.Release, history.Cancel:
		a.exact = !a.Replayed
	case history.Renew, history.ReadLimit, history.ReadID:
		a.exact = true
	}
	if a.exact {
		a.lo, a.hi = a.Index, a.Index
	}
}

// repeats tells that tries of a write without an id may each have an effect, also
// after it was answered.
func (a *act) repeats() bool {
	switch a.Kind {
	case history.Put, history.Delete, history.Reset:
		return a.ID == "" && a.Astray > 0
	}
	return false
}

// timeAfter bounds cluster time after the record at index.
func (f *facts) timeAfter(index uint64) (lo, hi int64) {
	lo, hi = math.MinInt64, math.MaxInt64
	i := sort.Search(len(f.seen), func(i int) bool { return f.seen[i].index >= index })
	if i < len(f.seen) {
		hi = f.seen[i].hi
	}
	if i < len(f.seen) && f.seen[i].index == index {
		return f.seen[i].lo, hi
	}
	if i > 0 {
		lo = f.seen[i-1].lo
	}
	return lo, hi
}

// mayReach returns the first index at which cluster time may be t or later.
func (f *facts) mayReach(t int64) uint64 {
	i := sort.Search(len(f.seen), func(i int) bool { return f.seen[i].hi >= t })
	if i == 0 {
		return 0
	}
	return f.seen[i-1].index + 1
}

// mustPass returns the first index at which cluster time is later than t for certain.
func (f *facts) mustPass(t int64) uint64 {
	i := sort.Search(len(f.seen), func(i int) bool { return f.seen[i].lo > t })
	if i == len(f.seen) {
		return never
	}
	return f.seen[i].index
}
