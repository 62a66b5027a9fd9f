package cluster

import (
	"time"

	"github.com/limitd/limitd/fsm/command"
)

// maxSleep bounds one sleep of the tick loop, so that a clock that runs at
// another rate than the process's timers is looked at again.
const maxSleep = time.Second

// tickLoop proposes a tick when the schedule says so. While nothing is due and
// nothing is in use it writes nothing.
func (t *tenure) tickLoop() {
	last := -tickGap
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		s := t.schedule(last)
		at, now := s.next(), t.now()
		if at <= now {
			last = now
			t.tick()
			continue
		}
		timer.Reset(min(time.Duration(at-now), maxSleep))
		if at == never {
			timer.Stop()
		}
		select {
		case <-t.r.applied:
		case <-timer.C:
		case <-t.ctx.Done():
			return
		}
	}
}

// schedule takes stock.
func (t *tenure) schedule(lastTick int64) schedule {
	ticking, stamp := t.ticking.Load(), t.stamp.Load()
	st := t.r.last.Load()
	return schedule{
		time: st.time, played: st.stamp, due: st.due, busy: st.busy,
		stamp: stamp, tick: lastTick, ticking: ticking,
		settings: *t.r.settings.Load(),
	}
}

// tick proposes one and returns at once; the loop is woken when it was applied.
func (t *tenure) tick() {
	t.ticking.Store(true)
	t.r.stats.ticks.Add(1)
	t.proposed(t.now())
	t.tasks.Go(func() {
		_, err := t.try(t.ctx, command.Encode(command.Command{Op: &command.Tick{}}), false)
		if err != nil && t.ctx.Err() == nil {
			t.r.log.Debug("tick not applied", "term", t.term, "err", err)
			t.pause(time.Duration(tickGap))
		}
		t.ticking.Store(false)
		t.r.applied.wake()
	})
}

// pause waits for d or the tenure's end.
func (t *tenure) pause(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.ctx.Done():
	}
}
