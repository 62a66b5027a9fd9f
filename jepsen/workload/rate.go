package workload

import (
	"context"
	"fmt"
	"time"

	"github.com/limitd/limitd/jepsen/history"
)

// rateWorkload is every way to use limits that decay.
func rateWorkload() Workload {
	return Workload{
		Name: "rate", What: "callers try and wait at limits with odd rates, release early, and combine them with a plain one",
		Setup: setup(rateLimits()...),
		Run:   crew(20, all(rateStep)),
	}
}

func rateLimits() []named {
	return []named{
		decaying("r7s", 5, 7, time.Second),
		decaying("r40m", 3, 40, time.Minute),
		decaying("r2.5s", 3, 5, 2*time.Second),
		decaying("r40s", 8, 40, time.Second),
		plain("beside", 4),
	}
}

// decays names the limits of rateLimits that decay.
func decays() []string { return []string{"r7s", "r40m", "r2.5s", "r40s"} }

// rateStep asks once.
func rateStep(ctx context.Context, c *caller) {
	name := pick(c, decays()...)
	ask := history.Ask{Limits: rate(name, 1+c.chance.Int64N(2)), TTL: 2 * time.Second}
	switch n := c.chance.IntN(100); {
	case n < 20:
		ask.Wait = c.between(50*time.Millisecond, 2*time.Second)
	case n < 40: // slots with an owner, that may give back what has not decayed
		ask.Limits[0].Rate = false
	case n < 60:
		ask.Limits = append(ask.Limits, history.Want{Name: "beside", Slots: 1})
		ask.Wait = c.upTo(400 * time.Millisecond)
	}
	op := c.acquire(ctx, ask)
	switch {
	case op.IsDenial() && op.RetryAfter > 0 && op.RetryAfter < 500*time.Millisecond && c.oneIn(3):
		sleep(ctx, op.RetryAfter) // it is exact where only decay helps
	case !op.IsGrant() || op.ExpiresIn == 0:
		sleep(ctx, c.between(5*time.Millisecond, 40*time.Millisecond))
	default:
		sleep(ctx, c.upTo(300*time.Millisecond))
		c.giveBack(ctx, op)
	}
}

// Oversupply is callers who wait for one decaying limit alone, more of them
// than it lets through: it must admit exactly its rate. The callers should be
// so many that somebody always waits: more than num slots per the given time
// lets through in a second.
func Oversupply(slots int64, num uint64, per time.Duration, callers int) Workload {
	limit := decaying("rate", slots, num, per)
	return Workload{
		Name: "rate-oversupply", What: fmt.Sprintf("callers always wait for a limit of %d slots, of which %s decay", slots, rateText(num, per)),
		Setup: setup(limit),
		Run: func(ctx context.Context, e *Env) error {
			// All slots at once: the limit must not be empty again before all wait.
			filling := newCaller(e, fillingCaller)
			for filling.lane = range e.lanes() {
				filling.acquire(ctx, history.Ask{Limits: rate(limit.name, slots)})
			}
			return crew(callers, all(oversupplyStep))(ctx, e)
		},
	}
}

// fillingCaller is the number of the caller that fills the limit at first.
const fillingCaller = 902

func oversupplyStep(ctx context.Context, c *caller) {
	if c.oneIn(8) { // a slot that idles while somebody waits shows in a read
		c.readLimit(ctx, "rate")
	}
	c.acquire(ctx, history.Ask{Limits: rate("rate", 1), Wait: 10 * time.Second})
}
