package check

import (
	"math"
	"time"

	"github.com/limitd/limitd/jepsen/history"
)

// forever is beyond every instant of a run.
const forever = time.Duration(math.MaxInt64)

// cut divides a history at the restores of a backup, and gathers the facts of
// each part: cluster time, leases, limits and remembered ids start anew from
// what the backup had, which a history does not tell. What was under way during
// a restore, or may still come from before it, is of unknown outcome in the
// parts on both sides.
func cut(h *history.History) []*facts {
	var eras []*facts
	began, from := time.Duration(math.MinInt64), time.Duration(math.MinInt64)
	for i := range h.Ops {
		o := &h.Ops[i]
		switch {
		case o.Kind != history.Restore || o.Outcome == history.Refused:
		case o.Call < from: // beside another one: which was the last is not known
			from = max(from, end(o))
		default:
			eras = append(eras, part(h, began, from, o.Call))
			began, from = o.Call, end(o)
		}
	}
	if from == forever {
		return eras
	}
	return append(eras, part(h, began, from, forever))
}

// end is when an op is over for certain.
func end(o *history.Op) time.Duration {
	if o.Outcome == history.Unknown {
		return forever
	}
	return o.Return
}

// part gathers the facts of what lies between two instants, of which the first
// ends a restore that began before: what was done during that may still count.
func part(h *history.History, began, from, to time.Duration) *facts {
	p := &history.History{Run: h.Run, Faults: h.Faults, Leaders: h.Leaders, Final: h.Final}
	older, taken := make(map[string]bool), make(map[uint64]bool)
	for _, o := range h.Ops {
		if o.Call < from && o.Kind == history.Acquire {
			older[o.ID], taken[o.Token] = true, true
		}
		switch {
		case o.Call >= to || o.Kind == history.Restore || o.Kind == history.Save:
			continue
		case o.Kind == history.Put && o.Call < from:
			o.Outcome = history.Unknown // any settings of before may be the backup's
		case end(&o) < began || o.Outcome == history.Refused:
			continue
		}
		if o.Call < from || o.Return >= to {
			o.Outcome, o.Index, o.Got = history.Unknown, 0, history.Got{}
		}
		p.Ops = append(p.Ops, o)
	}
	for _, b := range h.Beliefs {
		// The word of a grant of before may come only now, and is worth nothing.
		if b.From >= from && b.From < to && !taken[b.Token] {
			b.To = min(b.To, to)
			p.Beliefs = append(p.Beliefs, b)
		}
	}
	return gather(p, from < 0, older)
}
