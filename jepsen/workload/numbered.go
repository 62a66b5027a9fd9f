package workload

import (
	"context"
	"time"

	"github.com/limitd/limitd/jepsen/history"
)

// numberedWorkload is callers who need to know which slots they have.
func numberedWorkload() Workload {
	return Workload{
		Name: "numbered", What: "callers acquire one to three of four numbered slots, and are told which",
		Setup: setup(numberedLimits()...),
		Run:   crew(16, all(numberedStep)),
	}
}

func numberedLimits() []named {
	return []named{{"num", history.Settings{Slots: 4, Numbered: true}}}
}

func numberedStep(ctx context.Context, c *caller) {
	ask := history.Ask{Limits: slots("num", 1+c.chance.Int64N(3)), TTL: c.between(time.Second, 2*time.Second)}
	if c.oneIn(2) {
		ask.Wait = c.between(100*time.Millisecond, 2*time.Second)
	}
	op := c.acquireAndCancel(ctx, ask, 12)
	if !op.IsGrant() {
		sleep(ctx, c.between(5*time.Millisecond, 40*time.Millisecond))
		return
	}
	sleep(ctx, c.upTo(15*time.Millisecond))
	c.giveBack(ctx, op)
}
