package workload

import (
	"context"
	"time"

	"github.com/limitd/limitd/jepsen/history"
)

// patienceWorkload is one caller that wants all of three limits, among many
// that keep each of them busy: only the patience of docs/semantics.md A2 helps
// it. Beside it one wants all of north, which two rows of others want together
// with east or west: these are younger, and are protected in turn.
func patienceWorkload() Workload {
	return Workload{
		Name: "patience", What: "one caller wants all of three limits that the others keep busy, one of them for seconds",
		Setup: setup(patienceLimits()...),
		Run: crew(14, func(i int) step {
			switch i {
			case 0:
				return patientStep
			case 1:
				return lingerStep
			case 2:
				return northernStep
			case 3, 4, 5, 6:
				return rowStep
			}
			return hastyStep
		}),
	}
}

func patienceLimits() []named { return []named{plain("east", 2), plain("west", 2), plain("north", 2)} }

// patientStep waits for all of the three limits.
func patientStep(ctx context.Context, c *caller) {
	ask := history.Ask{TTL: time.Second, Wait: 30 * time.Second}
	for _, l := range patienceLimits() {
		ask.Limits = append(ask.Limits, history.Want{Name: l.name, Slots: l.settings.Slots})
	}
	if op := c.acquire(ctx, ask); op.IsGrant() {
		c.release(ctx, op.Token)
	}
	sleep(ctx, c.between(50*time.Millisecond, 500*time.Millisecond))
}

// northernStep waits for all of the limit that was made last.
func northernStep(ctx context.Context, c *caller) {
	ask := history.Ask{Limits: slots("north", 2), TTL: time.Second, Wait: 30 * time.Second}
	if op := c.acquire(ctx, ask); op.IsGrant() {
		c.release(ctx, op.Token)
	}
	sleep(ctx, c.between(50*time.Millisecond, 500*time.Millisecond))
}

// rowStep waits for a slot of one of the others, and of north as well.
func rowStep(ctx context.Context, c *caller) {
	ask := history.Ask{TTL: 3 * time.Second, Wait: 20 * time.Second}
	ask.Limits = append(slots(pick(c, "east", "west"), 2), slots("north", 1)...)
	if op := c.acquire(ctx, ask); op.IsGrant() {
		sleep(ctx, c.between(500*time.Millisecond, 2*time.Second))
		c.release(ctx, op.Token)
	}
}

// lingerStep holds a slot for seconds, so that who waits for its limit stays
// first there.
func lingerStep(ctx context.Context, c *caller) {
	ask := history.Ask{Limits: slots(pick(c, patienceLimits()...).name, 1), TTL: 8 * time.Second, Wait: 400 * time.Millisecond}
	op := c.acquire(ctx, ask)
	if !op.IsGrant() {
		return
	}
	sleep(ctx, c.between(time.Second, 5*time.Second))
	c.release(ctx, op.Token)
}

// hastyStep takes one slot for a moment.
func hastyStep(ctx context.Context, c *caller) {
	ask := history.Ask{Limits: slots(pick(c, patienceLimits()...).name, 1), TTL: 2 * time.Second}
	if c.oneIn(2) {
		ask.Wait = c.between(50*time.Millisecond, 400*time.Millisecond)
	}
	if c.oneIn(10) {
		c.readLimit(ctx, ask.Limits[0].Name)
	}
	op := c.acquire(ctx, ask)
	if !op.IsGrant() {
		sleep(ctx, c.between(5*time.Millisecond, 40*time.Millisecond))
		return
	}
	sleep(ctx, c.between(20*time.Millisecond, 100*time.Millisecond))
	c.giveBack(ctx, op)
}
