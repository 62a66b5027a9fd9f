package workload

import (
	"context"
	"time"

	"github.com/limitd/limitd/jepsen/history"
)

// renewalsWorkload is leases that are renewed many at once, early and late.
func renewalsWorkload() Workload {
	return Workload{
		Name: "renewals", What: "callers renew several leases in one call, to other ends, shortly before they end and after",
		Setup: setup(renewalsLimits()...),
		Run:   crew(12, all(renewalsStep)),
	}
}

func renewalsLimits() []named { return []named{plain("ren", 24)} }

// renewalsStep is the life of a few leases.
func renewalsStep(ctx context.Context, c *caller) {
	var tokens []uint64
	shortest := 3 * time.Second
	for range 1 + c.chance.IntN(4) {
		ttl := c.between(time.Second, 3*time.Second)
		if op := c.acquire(ctx, history.Ask{Limits: slots("ren", 1), TTL: ttl}); op.IsGrant() {
			tokens = append(tokens, op.Token)
			shortest = min(shortest, ttl)
		}
	}
	if len(tokens) == 0 {
		sleep(ctx, c.between(20*time.Millisecond, 100*time.Millisecond))
		return
	}
	for range 1 + c.chance.IntN(4) {
		switch c.chance.IntN(16) {
		case 0: // shortly before an end
			sleep(ctx, max(0, shortest-c.between(0, 120*time.Millisecond)))
		case 1: // after it
			sleep(ctx, shortest+c.upTo(120*time.Millisecond))
		default:
			sleep(ctx, c.upTo(60*time.Millisecond))
		}
		ttl := pick(c, 0, time.Second, 1500*time.Millisecond, 3*time.Second)
		c.renew(ctx, ttl, tokens...)
	}
	for _, token := range tokens {
		if !c.oneIn(8) {
			c.release(ctx, token)
		}
	}
	c.renew(ctx, time.Second, tokens...)
}
