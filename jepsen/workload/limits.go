package workload

import (
	"context"
	"fmt"
	"math/big"
	"time"

	"github.com/limitd/limitd/jepsen/history"
	"github.com/limitd/limitd/transport/wire"
)

// named is a limit that a workload makes.
type named struct {
	name     string
	settings history.Settings
}

// plain is a limit without decay.
func plain(name string, slots int64) named { return named{name, history.Settings{Slots: slots}} }

// decaying is a limit that frees num slots per the given time.
func decaying(name string, slots int64, num uint64, per time.Duration) named {
	return named{name, history.Settings{Slots: slots, RateNum: num, RatePer: per}}
}

// setupCaller is the number of the caller that makes limits.
const setupCaller = 0

// setup returns a Setup that makes limits in each lane.
func setup(limits ...named) func(context.Context, *Env) error {
	return func(ctx context.Context, e *Env) error {
		c := newCaller(e, setupCaller)
		for c.lane = range e.lanes() {
			for _, l := range limits {
				if err := c.make(ctx, l); err != nil {
					return err
				}
			}
		}
		return nil
	}
}

// make makes a limit, with a new call where one found no answer.
func (c *caller) make(ctx context.Context, l named) error {
	for {
		op := c.put(ctx, l.name, l.settings)
		switch {
		case op.Outcome == history.OK && op.Code == "":
			return nil
		case op.Outcome == history.OK:
			return fmt.Errorf("make limit %s: %s: %s", l.name, op.Code, op.Detail)
		case ctx.Err() != nil:
			return fmt.Errorf("make limit %s: the last try met: %s: %w", l.name, op.Detail, ctx.Err())
		}
	}
}

// limitRequest writes settings for the API.
func limitRequest(s history.Settings) wire.LimitRequest {
	active := !s.Inactive
	r := wire.LimitRequest{Slots: s.Slots, Active: &active, Numbered: s.Numbered, Grace: wire.Duration(s.Grace)}
	if s.Shadow {
		r.Enforcement = wire.EnforcementShadow
	}
	if s.RateNum > 0 {
		r.Rate = rateText(s.RateNum, s.RatePer)
	}
	return r
}

// rateText writes a rate exactly: "50/s", "10/m", "2.5/s".
func rateText(num uint64, per time.Duration) string {
	switch per {
	case time.Minute:
		return fmt.Sprintf("%d/m", num)
	case time.Hour:
		return fmt.Sprintf("%d/h", num)
	}
	r := new(big.Rat).SetFrac(new(big.Int).SetUint64(num), big.NewInt(int64(per)))
	r.Mul(r, big.NewRat(int64(time.Second), 1))
	digits, exact := r.FloatPrec()
	if !exact {
		panic(fmt.Sprintf("the rate %d per %s is no decimal per second", num, per))
	}
	return r.FloatString(digits) + "/s"
}
