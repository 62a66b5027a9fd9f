package cluster

import (
	"github.com/limitd/limitd/fsm"
	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
)

// observer hears from the state machine, in log order, what was applied. It
// keeps the clock's bound, answers open calls, and wakes who waits.
type observer struct{ r *Replica }

// Applied hears of a batch of records.
func (o observer) Applied(events []fsm.Event) {
	if len(events) == 0 {
		return
	}
	r := o.r
	r.heed(events)
	for i := range events {
		if len(events[i].Outcomes) > 0 {
			r.calls.finish(&events[i])
		}
		if events[i].Kind == command.KindUpdateSettings {
			r.settingsChanged()
		}
	}
	e := &events[len(events)-1]
	r.ready.applied(e.Term)
	r.last.Store(&status{index: e.Index, term: e.Term, time: e.Time, due: e.NextDue, busy: e.Busy})
	r.progress.advance(e.Index)
	r.applied.wake()
}

// settingsChanged lets the tenure under way go by the new settings.
func (r *Replica) settingsChanged() {
	if t := r.tenure.Load(); t != nil {
		t.readSettings()
	}
}

// heed takes the stamps into the bound. The instant is read after the state has
// moved, so that an offset errs towards the past.
func (r *Replica) heed(events []fsm.Event) {
	r.timeMu.Lock()
	defer r.timeMu.Unlock()
	at := r.cfg.Clock.Monotonic()
	for i := range events {
		if e := &events[i]; !wrongTerm(e.Result) {
			r.bound.Heed(e.Term, e.Header.Stamp, at)
		}
	}
}

func wrongTerm(result command.Result) bool {
	n, ok := result.(*command.NotRun)
	return ok && n.WrongTerm
}

// Restored hears of a state that came from a snapshot.
func (o observer) Restored(s *limit.State) {
	r := o.r
	r.stats.restores.Add(1)
	r.timeMu.Lock()
	r.bound.Reset(s.Time(), r.cfg.Clock.Monotonic())
	r.timeMu.Unlock()
	st := &status{index: s.Index(), term: s.Term(), time: s.Time(), due: -1, busy: s.Busy()}
	if due, ok := s.NextDue(); ok {
		st.due = due
	}
	r.last.Store(st)
	r.progress.advance(st.index)
	r.applied.wake()
}
