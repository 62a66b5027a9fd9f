package history

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// Recorder collects a history. It is safe for concurrent use.
type Recorder struct {
	now func() time.Duration

	mu   sync.Mutex
	next int
	h    History
	open map[int]Op
}

// NewRecorder returns a recorder of one run; now tells the time since it began.
func NewRecorder(run Run, now func() time.Duration) *Recorder {
	return &Recorder{now: now, h: History{Run: run}, open: make(map[int]Op)}
}

// Now returns the time since the run began.
func (r *Recorder) Now() time.Duration { return r.now() }

// Call notes that a call begins, and returns it with its number and time.
func (r *Recorder) Call(o Op) Op {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.next++
	o.Number, o.Call = r.next, r.now()
	r.open[o.Number] = o
	return o
}

// Return notes how a call ended, now.
func (r *Recorder) Return(o Op) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.open, o.Number)
	o.Return = r.now()
	r.h.Ops = append(r.h.Ops, o)
}

// Told notes a call that another process made and told of when it was over: its
// times are the call's own.
func (r *Recorder) Told(o Op) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.next++
	o.Number = r.next
	r.h.Ops = append(r.h.Ops, o)
}

// Belief notes a holder's belief, when it has ended.
func (r *Recorder) Belief(b Belief) { r.do(func(h *History) { h.Beliefs = append(h.Beliefs, b) }) }

// Write notes a write to the protected resource.
func (r *Recorder) Write(w Write) { r.do(func(h *History) { h.Writes = append(h.Writes, w) }) }

// Fault notes a fault, when it has been mended.
func (r *Recorder) Fault(f Fault) { r.do(func(h *History) { h.Faults = append(h.Faults, f) }) }

// Has tells whether a call of that kind has ended.
func (r *Recorder) Has(kind Kind) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.ContainsFunc(r.h.Ops, func(o Op) bool { return o.Kind == kind })
}

// Leader notes who leads, where that is another than before.
func (r *Recorder) Leader(node string, term uint64) {
	r.do(func(h *History) {
		if n := len(h.Leaders); n > 0 && h.Leaders[n-1].Node == node && h.Leaders[n-1].Term == term {
			return
		}
		h.Leaders = append(h.Leaders, Leader{At: r.now(), Node: node, Term: term})
	})
}

// StillLeads notes that no node, asked at an instant or later, had applied anything
// of a later term than that of the leader noted last.
func (r *Recorder) StillLeads(at time.Duration, term uint64) {
	r.do(func(h *History) {
		if n := len(h.Leaders); n > 0 && h.Leaders[n-1].Term == term && at > h.Leaders[n-1].At {
			h.Leaders[n-1].Until = max(h.Leaders[n-1].Until, at)
		}
	})
}

// Final notes the state at the end.
func (r *Recorder) Final(f Final) { r.do(func(h *History) { h.Final = &f }) }

func (r *Recorder) do(change func(*History)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.h)
}

// History returns what was recorded. Calls that never returned are in it as
// unknown, to the present. Where some were told of later, all are numbered anew,
// in order of Call.
func (r *Recorder) History() *History {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := r.h
	h.Ops = slices.Clone(h.Ops)
	for _, o := range r.open {
		o.Outcome, o.Return = Unknown, r.now()
		h.Ops = append(h.Ops, o)
	}
	slices.SortFunc(h.Ops, func(x, y Op) int { return cmp.Or(cmp.Compare(x.Call, y.Call), cmp.Compare(x.Number, y.Number)) })
	for i := range h.Ops {
		h.Ops[i].Number = i + 1
	}
	h.Beliefs, h.Writes = slices.Clone(h.Beliefs), slices.Clone(h.Writes)
	h.Faults, h.Leaders = slices.Clone(h.Faults), slices.Clone(h.Leaders)
	return &h
}
