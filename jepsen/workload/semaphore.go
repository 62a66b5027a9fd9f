package workload

import (
	"context"
	"time"

	"github.com/limitd/limitd/jepsen/history"
)

// semaphoreWorkload is many callers at one limit of few slots.
func semaphoreWorkload() Workload {
	return Workload{
		Name: "semaphore", What: "callers contend for three slots, try and wait, and give back in every way",
		Setup: setup(semaphoreLimits()...),
		Run:   crew(16, all(semaphoreStep)),
	}
}

func semaphoreLimits() []named { return []named{plain("sem", 3)} }

// semaphoreStep acquires once, and looks now and then.
func semaphoreStep(ctx context.Context, c *caller) {
	ask := history.Ask{Limits: slots("sem", pick[int64](c, 1, 1, 2)), TTL: time.Duration(1+c.chance.IntN(3)) * time.Second}
	if c.oneIn(2) {
		ask.Wait = c.between(300*time.Millisecond, 5*time.Second)
	}
	if c.oneIn(8) {
		c.readLimit(ctx, "sem")
	}
	op := c.acquire(ctx, ask)
	if c.oneIn(20) {
		c.readID(ctx, op.ID)
	}
	if !op.IsGrant() {
		sleep(ctx, c.between(5*time.Millisecond, 50*time.Millisecond))
		return
	}
	sleep(ctx, c.upTo(20*time.Millisecond))
	c.giveBack(ctx, op)
}

// giveBack ends a grant in one of the ways that there are.
func (c *caller) giveBack(ctx context.Context, op history.Op) {
	switch n := c.chance.IntN(100); {
	case n < 1: // its TTL ends it
	case n < 13:
		c.release(ctx, op.Token)
		c.release(ctx, op.Token)
	case n < 23:
		c.releaseID(ctx, op.ID)
	case n < 26:
		c.force(ctx, op.Token)
		c.release(ctx, op.Token)
	case n < 29:
		c.cancel(ctx, op.ID)
	default:
		c.release(ctx, op.Token)
	}
}
