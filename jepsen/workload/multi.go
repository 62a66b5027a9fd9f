package workload

import (
	"context"
	"sync"
	"time"

	"github.com/limitd/limitd/jepsen/history"
)

// multiWorkload is acquires of several limits in one step.
func multiWorkload() Workload {
	return Workload{
		Name: "multi", What: "callers acquire two to four of six limits at once, with different sizes, wait and cancel; one always wants all of three",
		Setup: setup(multiLimits()...),
		Run: crew(16, func(i int) step {
			if i == 0 {
				return gluttonStep
			}
			return multiStep
		}),
	}
}

func multiLimits() []named {
	return []named{plain("a", 2), plain("b", 3), plain("c", 4), plain("d", 5), plain("e", 2), plain("f", 3)}
}

// multiStep acquires once.
func multiStep(ctx context.Context, c *caller) {
	limits := multiLimits()
	ask := history.Ask{TTL: c.between(time.Second, 3*time.Second)}
	for _, i := range c.chance.Perm(len(limits))[:2+c.chance.IntN(3)] {
		n := 1 + c.chance.Int64N(min(3, limits[i].settings.Slots))
		ask.Limits = append(ask.Limits, history.Want{Name: limits[i].name, Slots: n})
	}
	if c.oneIn(2) {
		ask.Wait = c.between(100*time.Millisecond, 2*time.Second)
	}
	op := c.acquireAndCancel(ctx, ask, 10)
	if !op.IsGrant() {
		sleep(ctx, c.between(5*time.Millisecond, 40*time.Millisecond))
		return
	}
	sleep(ctx, c.upTo(15*time.Millisecond))
	c.giveBack(ctx, op)
}

// gluttonStep wants all of three limits, which is never free by itself: only
// the patience of docs/semantics.md A2 helps.
func gluttonStep(ctx context.Context, c *caller) {
	ask := history.Ask{TTL: time.Second, Wait: 25 * time.Second}
	for _, i := range c.chance.Perm(6)[:3] {
		l := multiLimits()[i]
		ask.Limits = append(ask.Limits, history.Want{Name: l.name, Slots: l.settings.Slots})
	}
	if op := c.acquire(ctx, ask); op.IsGrant() {
		c.release(ctx, op.Token)
	}
	sleep(ctx, c.between(100*time.Millisecond, 2*time.Second))
}

// acquireAndCancel acquires; in one of n waits the caller's other self cancels
// meanwhile.
func (c *caller) acquireAndCancel(ctx context.Context, ask history.Ask, n int) (op history.Op) {
	if ask.Wait == 0 || !c.oneIn(n) {
		return c.acquire(ctx, ask)
	}
	ask.ID = c.newID()
	other, after := c.other(1), c.between(10*time.Millisecond, 500*time.Millisecond)
	together(
		func() { op = c.acquire(ctx, ask) },
		func() {
			sleep(ctx, after)
			other.cancel(ctx, ask.ID)
		})
	return op
}

// together runs works at once, and returns when all are over.
func together(works ...func()) {
	var group sync.WaitGroup
	for _, work := range works {
		group.Go(work)
	}
	group.Wait()
}
