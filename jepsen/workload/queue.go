package workload

import (
	"context"
	"time"

	"github.com/limitd/limitd/jepsen/history"
)

// queueWorkload is waiters of one limit, whose order is looked at.
func queueWorkload() Workload {
	return Workload{
		Name: "queue", What: "callers queue for three slots through all nodes; some are cancelled, hang up, only try, or want several",
		Setup: setup(queueLimits()...),
		Run:   crew(16, all(queueStep)),
	}
}

func queueLimits() []named { return []named{plain("fifo", 3)} }

// queueStep stands in the queue once.
func queueStep(ctx context.Context, c *caller) {
	ask := history.Ask{Limits: slots("fifo", 1), Wait: 8 * time.Second, TTL: 2 * time.Second}
	switch n := c.chance.IntN(100); {
	case n < 10: // a newcomer, that must not overtake
		ask.Wait = 0
	case n < 18: // one that smaller ones must not overtake
		ask.Limits = slots("fifo", 2+c.chance.Int64N(2))
	case n < 19:
		c.hangUp(ctx, ask)
		return
	case n < 24: // one whose patience ends
		ask.Wait = c.between(20*time.Millisecond, 400*time.Millisecond)
	case n < 34: // one whose place lapses soon after its call breaks
		ask.Linger = time.Second
	}
	op := c.acquireAndCancel(ctx, ask, 12)
	if !op.IsGrant() {
		sleep(ctx, c.between(5*time.Millisecond, 60*time.Millisecond))
		return
	}
	sleep(ctx, c.between(time.Millisecond, 12*time.Millisecond))
	c.release(ctx, op.Token)
}

// hangUp asks and goes away after a moment. It comes back under that id, which
// may have lapsed by then, or never: what it is granted ends by its TTL.
func (c *caller) hangUp(ctx context.Context, ask history.Ask) {
	ask.Linger, ask.TTL = time.Second, time.Second
	gone := ask
	gone.ID, gone.Abandoned = c.newID(), true
	call, cancel := context.WithTimeout(ctx, c.between(50*time.Millisecond, 500*time.Millisecond))
	defer cancel()
	op := c.acquireOnly(call, gone)
	if op.Outcome != history.OK && c.oneIn(2) {
		sleep(ctx, c.between(50*time.Millisecond, 2*time.Second))
		ask.ID = gone.ID
		op = c.acquire(ctx, ask)
	}
	if op.IsGrant() {
		c.release(ctx, op.Token)
	}
}
