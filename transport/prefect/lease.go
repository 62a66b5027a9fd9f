package prefect

import (
	"net/http"
	"time"

	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
	"github.com/limitd/limitd/transport/prefect/lax"
	"github.com/limitd/limitd/transport/wire"
)

// renew serves POST /leases/{id}/renew.
func (c *call) renew() error {
	form := lax.Parameters(c.body, "lease_duration")
	id, faults := lax.PathUUID("lease_id", c.param)
	duration := readDuration(form)
	if faults = append(faults, form.Faults()...); len(faults) > 0 {
		return &failure{kind: invalid, faults: faults}
	}
	if !isMinted(id) && c.api.upstream != nil {
		return c.passOn()
	}
	if !isMinted(id) {
		return &failure{kind: noLease}
	}
	if err := c.mayReach(wire.UUID(id)); err != nil {
		return err
	}
	if c.api.fresh.covers(wire.UUID(id), duration) && !c.seesEnd(wire.UUID(id)) {
		c.empty()
		return nil
	}
	answer, err := c.runUnder("", &command.Renew{IDs: []string{wire.UUID(id)}, TTL: duration})
	if err != nil {
		return err
	}
	renewed, ok := answer.Result.(*command.Renewed)
	if !ok {
		return unexpected(answer.Result)
	}
	if renewed.Leases[0].State != command.LeaseHeld {
		return &failure{kind: noLease}
	}
	c.empty()
	return nil
}

// seesEnd tells whether this node's own state shows already that a lease has ended. One
// that it does not know was granted by a record that it has yet to apply.
func (c *call) seesEnd(lease string) (ended bool) {
	_ = c.api.cfg.Backend.ReadAt(c.r.Context(), 0, func(s *limit.State) { // where it cannot be read, nothing is seen
		result, _ := s.Acquire(lease)
		_, ended = result.(*command.Problem)
	})
	return ended
}

// decrementWithLease serves POST /decrement-with-lease. An id that is not known
// is no failure.
func (c *call) decrementWithLease() error {
	form := lax.Parameters(c.body, "lease_id")
	id := form.UUID("lease_id", lax.Required)
	if err := check(form); err != nil {
		return err
	}
	if !isMinted(id) && c.api.upstream != nil {
		return c.passOn()
	}
	if isMinted(id) {
		if err := c.mayReach(wire.UUID(id)); err != nil {
			return err
		}
		c.api.fresh.forget(wire.UUID(id))
		answer, err := c.runUnder("", &command.Release{ID: wire.UUID(id)})
		if err != nil {
			return err
		}
		if p, failed := answer.Result.(*command.Problem); failed {
			return refusal(p)
		}
	}
	c.empty()
	return nil
}

// decrement serves POST /decrement: slots that were taken without a lease.
func (c *call) decrement() error {
	form := lax.Parameters(c.body, "slots", "names", "occupancy_seconds", "create_if_missing")
	op := command.Decrement{}
	slots, names := form.Int("slots", lax.Required, lax.Above(0)), form.Texts("names", lax.Required)
	if n := form.Number("occupancy_seconds", lax.Optional); n != nil && n.Value > 0 {
		op.Occupied = int64(min(n.Value, maxDuration.Seconds()) * float64(time.Second)) // as long as a lease can be
	}
	implicit := isTrue(form.Bool("create_if_missing", lax.Optional))
	if err := check(form); err != nil {
		return err
	}
	if foreign, err := c.isForeign(names...); err != nil || foreign {
		return c.passOnUnless(err)
	}
	list, err := entries(form, names, *slots, command.Concurrency)
	if err != nil {
		return err
	}
	if err := c.mayAcquire(list); err != nil {
		return err
	}
	if op.Entries = list; len(list) == 0 {
		c.json(http.StatusOK, []minimal{})
		return nil
	}
	answer, err := c.run(&op)
	if err != nil {
		return err
	}
	found, ok := answer.Result.(*command.Limits)
	if !ok {
		return unexpected(answer.Result)
	}
	out := []minimal{}
	for _, l := range found.Limits {
		if implicit || !l.Implicit { // as increments list them
			out = append(out, minimal{wire.UUID(l.UUID), l.Name, l.Settings.Slots})
		}
	}
	c.json(http.StatusOK, out)
	return nil
}
