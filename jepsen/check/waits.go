package check

import (
	"math"
	"time"

	"github.com/limitd/limitd/jepsen/history"
)

// defaultLinger is how long a place in the queue outlives the last interest in
// it where an acquire does not say.
const defaultLinger = 15 * time.Second

// judgeWaits looks at waits that ended without a grant: not before their
// deadline, and not for lack of interest sooner than it can lapse, unless
// somebody ended them. Both are counted in cluster time from the id's first
// record, which is not before all that had been answered when it was sent.
func judgeWaits(f *facts, r *report) {
	for _, a := range f.acts {
		if a.Kind != history.Acquire || !a.placed || a.Wait == 0 || a.ID == "" || f.older[a.ID] {
			continue
		}
		q := f.asked[a.ID]
		first := q.acquires[0]
		arrived, _ := f.timeAfter(f.known.before(first.Call))
		if arrived == math.MinInt64 {
			continue
		}
		wait, linger := q.shortest()
		switch {
		case a.Code == "wait_expired":
			r.saw(1)
			if a.Time < arrived+int64(wait) {
				r.convict("A1", show(first.Op, a.Op), "the wait of %q for %s was over at cluster time %d, although it began at %d or later", a.ID, wait, a.Time, arrived)
			}
		case a.Code == "cancelled":
			r.saw(1)
			if a.Time < arrived+int64(linger) && !q.mayBeEndedBy(a) {
				r.convict("A4", show(first.Op, a.Op), "%q was cancelled at cluster time %d, although nobody did so, and interest in it cannot have lapsed within %s from %d", a.ID, a.Time, linger, arrived)
			}
		}
	}
}

// shortest returns the shortest wait and linger that the id was ever sent with.
func (r *request) shortest() (wait, linger time.Duration) {
	wait, linger = forever, forever
	for _, a := range r.acquires {
		wait = min(wait, a.Wait)
		if a.Linger == 0 {
			linger = min(linger, defaultLinger)
			continue
		}
		linger = min(linger, a.Linger)
	}
	return wait, linger
}

// mayBeEndedBy tells whether some call may have ended the wait by the time of an
// answer.
func (r *request) mayBeEndedBy(a *act) bool {
	for _, e := range r.ends {
		if e.Outcome != history.Refused && e.earliest <= a.Index {
			return true
		}
	}
	return false
}
