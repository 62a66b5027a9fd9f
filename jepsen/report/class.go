package report

import (
	"slices"
	"time"

	"github.com/limitd/limitd/jepsen/history"
)

// class is how a call ended, as the pictures tell calls apart.
type class int

// The classes, from the best news to the worst.
const (
	granted class = iota // an acquire that got its slots
	done                 // any other answer that says what happened
	denied               // an acquire that was told "not now"
	refused              // nothing happened, and nothing will
	unknown              // it may have happened
	classes
)

func (c class) String() string {
	return [classes]string{"granted", "done", "denied", "refused", "unknown"}[c]
}

// meaning says in a few words what a class is, for legends.
func (c class) meaning() string {
	return [classes]string{
		"an acquire that got its slots",
		"any other answer that says what happened",
		"an acquire that was told: not now",
		"nothing happened, and nothing will",
		"it may have happened",
	}[c]
}

// allClasses lists the classes in order.
func allClasses() []class { return []class{granted, done, denied, refused, unknown} }

func classOf(o *history.Op) class {
	switch {
	case o.Outcome == history.Refused:
		return refused
	case o.Outcome != history.OK:
		return unknown
	case o.IsGrant():
		return granted
	case o.IsDenial():
		return denied
	}
	return done
}

// kindOrder is the order in which kinds of calls are shown; unknown ones last,
// by name.
func kindOrder(present []history.Kind) []history.Kind {
	order := []history.Kind{
		history.Acquire, history.Release, history.Renew, history.Cancel, history.Force, history.Put,
		history.Delete, history.Reset, history.ReadLimit, history.ReadID, history.Save, history.Restore, history.Prefect,
	}
	place := func(k history.Kind) int {
		if i := slices.Index(order, k); i >= 0 {
			return i
		}
		return len(order)
	}
	slices.SortFunc(present, func(x, y history.Kind) int {
		if d := place(x) - place(y); d != 0 {
			return d
		}
		if x < y {
			return -1
		}
		return 1
	})
	return slices.Compact(present)
}

// span returns when a call was open, never ending before it began.
func span(o *history.Op) (from, to time.Duration) { return o.Call, max(o.Call, o.Return) }

// latency is what a call cost its caller beyond the wait that it asked for, and
// whether that can be said: only of answers, and of a wait only once it is over
// by a grant.
func latency(o *history.Op) (time.Duration, bool) {
	if o.Outcome != history.OK || o.Wait > 0 && !o.IsGrant() {
		return 0, false
	}
	from, to := span(o)
	return max(0, to-from-max(0, o.Waited)), true
}
