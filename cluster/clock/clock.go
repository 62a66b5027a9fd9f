// Package clock carries cluster time on a node's own monotonic clock.
//
// Cluster time exists only in the log: every record bears a stamp of it, made
// by a leader. Between records a node knows no more than a lower bound, which
// is what Bound keeps: a stamp that was applied at some instant of the node's
// clock says that cluster time is at least that stamp plus what has passed
// since. The wall clock takes no part in it.
//
// The package promises that nothing it returns ever runs ahead of the cluster's
// true time, as long as monotonic clocks run at the same rate: a stamp is
// always applied after it was made, so each offset errs towards the past only.
//
//	b.Heed(term, stamp, src.Monotonic())      // as records are applied
//	now, ok := b.At(src.Monotonic())          // a lower bound of cluster time
//	c := b.Continue(stateTime, src.Monotonic())
//	stamp := c.At(src.Monotonic())            // what a new leader stamps with
package clock

// Source is where a node reads its time. Tests bring their own.
type Source interface {
	// Monotonic returns nanoseconds since an arbitrary instant. It never goes
	// back and no setting of the wall clock moves it.
	Monotonic() int64
	// Wall returns unix nanoseconds, for display only.
	Wall() int64
}

// Window is how long, in ns, an offset counts: it bounds what differing clock
// rates can add up to (semantics.md T2).
const Window = int64(10e9)

// Leading is the clock of one leader in one term.
type Leading struct{ offset int64 }

// At returns cluster time, in ns, at the instant mono of the leader's clock.
func (l Leading) At(mono int64) int64 { return mono + l.offset }

// From returns the clock that shows time at the instant mono.
func From(time, mono int64) Leading { return Leading{offset: time - mono} }
