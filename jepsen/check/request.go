package check

import (
	"slices"

	"github.com/limitd/limitd/jepsen/history"
)

// request is an id with all calls that name it.
type request struct {
	id       string
	acquires []*act
	ends     []*act // releases and cancels by id
	reads    []*act
	grants   []*grant
}

// request returns the request that an op is about by id, or nil.
func (f *facts) request(o *history.Op) *request {
	switch o.Kind {
	case history.Acquire, history.Release, history.Cancel, history.ReadID:
	default:
		return nil
	}
	if o.ID == "" {
		return nil
	}
	r := f.asked[o.ID]
	if r == nil {
		r = &request{id: o.ID}
		f.asked[o.ID] = r
	}
	return r
}

// note takes in a call that names the id.
func (r *request) note(a *act) {
	switch a.Kind {
	case history.Acquire:
		r.acquires = append(r.acquires, a)
	case history.ReadID:
		r.reads = append(r.reads, a)
	default:
		r.ends = append(r.ends, a)
	}
}

// single returns the one grant of the id; nil where there is none or several.
func (r *request) single() *grant {
	if r == nil || len(r.grants) != 1 {
		return nil
	}
	return r.grants[0]
}

// isOver tells that an acquire's answer is its last word: it neither waits nor
// may it yet be granted. A refusal that is not remembered says so only where no
// try of it is on its way.
func isOver(o *history.Op) bool {
	if o.Outcome != history.OK {
		return o.Outcome == history.Refused && o.Astray == 0
	}
	switch o.Code {
	case "denied", "wait_expired", "lease_ended", "limit_deleted", "cancelled":
		return true
	case "":
		return o.Token != 0
	}
	return o.Astray == 0 && o.Tries <= 1
}

// closed returns the index at which the id is over for certain, whatever became
// of it; never where that is not known.
func (r *request) closed() uint64 {
	at := never
	for _, a := range r.ends {
		if a.Outcome == history.OK {
			at = min(at, a.hi) // released, cancelled or barred
		}
	}
	for _, a := range r.acquires {
		if a.Outcome == history.OK && isOver(a.Op) && a.Token == 0 {
			at = min(at, a.hi)
		}
	}
	return at
}

// remembered tells whether the first answer to an id was still remembered when
// the last came, whenever in between it ended.
func (f *facts) remembered(from, to *act) bool {
	keep := f.h.Run.Remember
	if keep == 0 {
		return false
	}
	return to.Outcome == history.OK && to.Return-from.Call < f.slower(keep)
}

// places are the spans of the log in which an acquire may stand in the queue of
// a limit.
func (f *facts) places() []*act {
	var list []*act
	for _, a := range f.acts {
		if a.Kind == history.Acquire && a.Wait > 0 && a.Outcome != history.Refused {
			list = append(list, a)
		}
	}
	return list
}

// over returns the index from which a waiting acquire stands no more in the
// queue, for certain.
func (f *facts) over(a *act) uint64 {
	r := f.asked[a.ID]
	if r == nil {
		if a.Outcome == history.OK && isOver(a.Op) {
			return a.hi
		}
		return never
	}
	at := r.closed()
	for _, g := range r.grants {
		at = min(at, g.hi)
	}
	return at
}

// wants tells how many slots of a limit an op asks for.
func wants(o *history.Op, name string) (int64, bool) {
	i := slices.IndexFunc(o.Limits, func(w history.Want) bool { return w.Name == name })
	if i < 0 {
		return 0, false
	}
	return o.Limits[i].Slots, true
}
