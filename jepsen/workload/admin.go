package workload

import (
	"context"
	"time"

	"github.com/limitd/limitd/jepsen/history"
)

// adminWorkload is operators who change limits under the callers' hands.
func adminWorkload() Workload {
	return Workload{
		Name: "admin", What: "two operators make, resize, toggle, delete and reset limits while callers acquire them",
		Setup: setup(adminLimits()...),
		Run: crew(12, func(i int) step {
			if i < 2 {
				return operatorStep
			}
			return governedStep
		}),
	}
}

func adminLimits() []named { return []named{plain("adm1", 3), plain("adm2", 2), plain("adm3", 4)} }

func governed(c *caller) string { return pick(c, "adm1", "adm2", "adm3") }

// operatorStep changes one limit.
func operatorStep(ctx context.Context, c *caller) {
	name := governed(c)
	switch n := c.chance.IntN(100); {
	case n < 12:
		c.remove(ctx, name)
		sleep(ctx, c.upTo(100*time.Millisecond))
		c.put(ctx, name, c.anySettings())
	case n < 25:
		c.reset(ctx, name)
	case n < 35:
		c.readLimit(ctx, name)
	default:
		c.put(ctx, name, c.anySettings())
	}
	sleep(ctx, c.between(20*time.Millisecond, 250*time.Millisecond))
}

// anySettings returns settings, mostly ones that limit something.
func (c *caller) anySettings() history.Settings {
	s := history.Settings{Slots: pick[int64](c, 0, 1, 2, 2, 3, 3, 4, 5), Inactive: c.oneIn(6), Shadow: c.oneIn(8)}
	switch c.chance.IntN(8) {
	case 0, 1:
		s.RateNum, s.RatePer = pick[uint64](c, 5, 20, 33), time.Second
	case 2, 3: // refused while something is occupied
		s.Numbered = true
	}
	return s
}

// governedStep acquires what an operator may change meanwhile.
func governedStep(ctx context.Context, c *caller) {
	ask := history.Ask{Limits: slots(governed(c), 1+c.chance.Int64N(2)), TTL: c.between(time.Second, 2*time.Second)}
	if other := governed(c); other != ask.Limits[0].Name {
		ask.Limits = append(ask.Limits, history.Want{Name: other, Slots: 1})
	}
	if c.oneIn(8) {
		ask.Limits[0].Rate = true
	}
	if c.oneIn(2) {
		ask.Wait = c.between(100*time.Millisecond, 3*time.Second)
	}
	op := c.acquireAndCancel(ctx, ask, 12)
	if !op.IsGrant() || op.ExpiresIn == 0 {
		sleep(ctx, c.between(5*time.Millisecond, 60*time.Millisecond))
		return
	}
	sleep(ctx, c.upTo(80*time.Millisecond))
	c.giveBack(ctx, op)
}
