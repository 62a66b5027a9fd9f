package check

import "github.com/limitd/limitd/jepsen/history"

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

// isOver tells that no try of an acquire is on its way, and none has left a
// place in the queue.
func isOver(o *history.Op) bool {
	switch {
	case isRemembered(o):
		return true
	case o.Outcome == history.Unknown || o.Astray > 0:
		return false
	}
	return o.Outcome == history.Refused || o.Code != ""
}

// isRemembered tells that an acquire's answer is what is remembered of its id
// from then on, so that no other try can bring anything else.
func isRemembered(o *history.Op) bool {
	switch o.Code {
	case "denied", "wait_expired", "lease_ended", "limit_deleted", "cancelled":
		return o.Outcome == history.OK
	case "":
		return o.IsGrant()
	}
	return false
}

// closed returns the index at which the id is over for certain, whatever became
// of it; never where that is not known. A lease may go on after it.
func (r *request) closed() uint64 {
	at, last, open := never, uint64(0), false
	for _, a := range r.ends {
		if a.Outcome == history.OK {
			at = min(at, a.hi) // released, cancelled or barred
		}
	}
	for _, a := range r.acquires {
		if isRemembered(a.Op) && a.Token == 0 {
			at = min(at, a.hi)
		}
		open = open || !isOver(a.Op) || a.IsGrant()
		if a.Outcome != history.Refused {
			last = max(last, a.hi)
		}
	}
	if !open {
		at = min(at, last)
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

// over returns the index from which a waiting acquire stands no more in the
// queue, for certain.
func (f *facts) over(a *act) uint64 {
	r := f.asked[a.ID]
	if r == nil {
		if a.Outcome == history.OK && isOver(a.Op) && a.Tries <= 1 {
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
func wants(o *history.Op, name string) int64 {
	for _, w := range o.Limits {
		if w.Name == name {
			return w.Slots
		}
	}
	return 0
}
