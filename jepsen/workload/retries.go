package workload

import (
	"context"
	"time"

	"github.com/limitd/limitd/jepsen/history"
)

// retriesWorkload asks everything more than once.
func retriesWorkload() Workload {
	return Workload{
		Name: "retries", What: "every acquire is asked several times, at once and later; releases and cancels race with it",
		Setup: setup(retriesLimits()...),
		Run:   crew(8, all(retriesStep)),
	}
}

func retriesLimits() []named { return []named{plain("once", 3)} }

// retriesStep is the life of one id.
func retriesStep(ctx context.Context, c *caller) {
	ask := history.Ask{ID: c.newID(), Limits: slots("once", pick[int64](c, 1, 1, 2)), TTL: c.between(time.Second, 2*time.Second)}
	if c.oneIn(2) {
		ask.Wait = c.between(100*time.Millisecond, 2*time.Second)
	}
	switch c.chance.IntN(5) {
	case 0:
		c.atOnce(ctx, ask)
	case 1:
		c.afterwards(ctx, ask)
	case 2:
		c.overtaken(ctx, ask)
	case 3:
		c.barred(ctx, ask)
	case 4:
		c.ended(ctx, ask)
	}
}

// atOnce asks two or three times under one id at the same time.
func (c *caller) atOnce(ctx context.Context, ask history.Ask) {
	ops := make([]history.Op, 2+c.chance.IntN(2))
	works := make([]func(), len(ops))
	for k := range ops {
		self, after := c.other(k+1), c.upTo(20*time.Millisecond)
		works[k] = func() {
			sleep(ctx, after)
			ops[k] = self.acquireOnly(ctx, ask)
		}
	}
	together(works...)
	c.endID(ctx, ops[0])
	if c.oneIn(2) {
		c.acquireOnly(ctx, ask)
	}
}

// afterwards asks again after the answer, and after the end.
func (c *caller) afterwards(ctx context.Context, ask history.Ask) {
	op := c.acquireOnly(ctx, ask)
	for range 1 + c.chance.IntN(2) {
		sleep(ctx, c.upTo(30*time.Millisecond))
		c.acquireOnly(ctx, ask)
	}
	if c.oneIn(3) {
		c.readID(ctx, op.ID)
	}
	c.endID(ctx, op)
	c.acquireOnly(ctx, ask)
}

// overtaken releases by id while the acquire is under way.
func (c *caller) overtaken(ctx context.Context, ask history.Ask) {
	self, first, second := c.other(1), c.upTo(8*time.Millisecond), c.upTo(8*time.Millisecond)
	cancels := c.oneIn(3)
	var op history.Op
	together(
		func() {
			sleep(ctx, first)
			op = c.acquireOnly(ctx, ask)
		},
		func() {
			sleep(ctx, second)
			if cancels {
				self.cancel(ctx, ask.ID)
			} else {
				self.releaseID(ctx, ask.ID)
			}
		})
	c.endID(ctx, op)
}

// barred ends an id before it is used: the acquire comes too late.
func (c *caller) barred(ctx context.Context, ask history.Ask) {
	if c.oneIn(2) {
		c.cancel(ctx, ask.ID)
	} else {
		c.releaseID(ctx, ask.ID)
	}
	op := c.acquireOnly(ctx, ask)
	if op.IsGrant() || op.Outcome == history.Unknown {
		c.endID(ctx, op)
	}
}

// ended goes on with a lease that has ended.
func (c *caller) ended(ctx context.Context, ask history.Ask) {
	op := c.acquire(ctx, ask)
	if !op.IsGrant() {
		return
	}
	if c.oneIn(6) { // by its time
		sleep(ctx, ask.TTL+c.upTo(300*time.Millisecond))
	} else {
		c.release(ctx, op.Token)
	}
	c.acquireOnly(ctx, ask)
	c.renew(ctx, time.Second, op.Token)
	c.release(ctx, op.Token)
	if c.oneIn(2) {
		c.releaseID(ctx, op.ID)
	}
}

// endID sees to it that nothing is held under op's id, in one of several ways.
func (c *caller) endID(ctx context.Context, op history.Op) {
	switch {
	case op.IsGrant() && c.oneIn(2):
		c.release(ctx, op.Token)
		if c.oneIn(2) {
			c.release(ctx, op.Token)
		}
	case op.IsGrant() && c.oneIn(2):
		c.releaseID(ctx, op.ID)
	default:
		c.cancel(ctx, op.ID)
	}
}
