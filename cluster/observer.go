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
	stamp := r.heed(events)
	for i := range events {
		if len(events[i].Outcomes) > 0 {
			r.calls.finish(&events[i])
		}
		if k := events[i].Kind; k == command.KindGenesis || k == command.KindUpdateSettings {
			r.View(r.learn)
		}
	}
	e := &events[len(events)-1]
	r.ready.applied(e.Term)
	stamp = max(stamp, e.Time, r.last.Load().stamp)
	r.last.Store(&status{index: e.Index, time: e.Time, stamp: stamp, due: e.NextDue, busy: e.Busy})
	r.progress.advance(e.Index)
	r.applied.wake()
	if r.ready.reached.Load() {
		r.cfg.Meter.Applied(events)
	}
	if hear := r.cfg.Applied; hear != nil {
		hear(events)
	}
}

// learn takes over what the state says of the cluster as a whole.
func (r *Replica) learn(s *limit.State) {
	settings := s.Settings()
	r.settings.Store(&settings)
	if id := s.ClusterID(); r.identity.get() == ([16]byte{}) && id != ([16]byte{}) {
		if err := r.identity.learn(id); err != nil {
			r.log.Error("the cluster's id was not kept", "err", err)
		}
	}
}

// heed takes the stamps into the bound and returns the newest. The instant is
// read after the state has moved, so that an offset errs towards the past.
func (r *Replica) heed(events []fsm.Event) (newest int64) {
	r.timeMu.Lock()
	defer r.timeMu.Unlock()
	at := r.cfg.Clock.Monotonic()
	for i := range events {
		if e := &events[i]; !wrongTerm(e.Result) {
			r.bound.Heed(e.Term, e.Header.Stamp, at)
			newest = max(newest, e.Header.Stamp)
		}
	}
	return newest
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
	if s.ClusterID() != ([16]byte{}) {
		r.learn(s)
	}
	st := &status{index: s.Index(), time: s.Time(), stamp: s.Time(), due: -1, busy: s.Busy()}
	st.brought = s.Index() > 0 && s.Term() == 0
	if due, ok := s.NextDue(); ok {
		st.due = due
	}
	r.last.Store(st)
	r.progress.advance(st.index)
	r.applied.wake()
}
