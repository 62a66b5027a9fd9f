package httpapi

import (
	"fmt"
	"time"

	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
	"github.com/limitd/limitd/transport/decay"
	"github.com/limitd/limitd/transport/wire"
)

func grant(g *command.Granted) *wire.Grant {
	w := &wire.Grant{
		Granted: true, ID: g.ID, Token: g.Token, Waited: wire.Duration(g.Waited),
		GrantedAt: wallTime(g.GrantedWall), Limits: grantedLimits(g.Limits),
		Skipped: notNil(g.Skipped), Replayed: g.Replayed,
	}
	if g.Lease {
		w.TTL, w.ExpiresIn, w.ExpiresAt = wire.Duration(g.TTL), wire.Duration(g.ExpiresIn), wallTime(g.ExpiresWall)
	}
	return w
}

func grantedLimits(list []command.GrantedLimit) []wire.GrantedLimit {
	out := make([]wire.GrantedLimit, len(list))
	for i, l := range list {
		out[i] = wire.GrantedLimit{
			ID: wire.UUID(l.UUID), Name: l.Name, Slots: l.Slots, Mode: modeName(l.Mode),
			Counted: l.Counted, WouldDeny: l.WouldDeny, Ordinals: l.Ordinals,
		}
	}
	return out
}

func waiting(w *command.Waiting) *wire.Waiting {
	return &wire.Waiting{
		State: wire.StateWaiting, ID: w.ID, Position: w.Position,
		BlockedBy: blockers(w.BlockedBy), EstimatedWait: known(w.EstimatedWait),
	}
}

func blockers(list []command.Blocker) []wire.Blocker {
	out := make([]wire.Blocker, len(list))
	for i, b := range list {
		out[i] = wire.Blocker(b)
	}
	return out
}

// denied renders an acquire that got no slots.
func denied(d *command.Denied) *wire.Problem {
	code, what := wire.CodeDenied, "there is no room"
	if d.Expired {
		code, what = wire.CodeWaitExpired, "the wait ran out"
	}
	for i, b := range d.BlockedBy {
		sep := ": "
		if i > 0 {
			sep = "; "
		}
		what += fmt.Sprintf("%slimit %q has %d of %d slots occupied and %d ahead", sep, b.Name, b.Occupied, b.Slots, b.Ahead)
	}
	p := wire.NewProblem(code, what)
	p.Hint = `to stand in the queue, ask with "wait": "30s"`
	if d.Expired {
		p.Hint = "ask again under a new id"
	}
	p.Granted, p.ID, p.Position, p.Replayed = new(bool), d.ID, d.Position, d.Replayed
	p.RetryAfter, p.BlockedBy = known(d.RetryAfter), blockers(d.BlockedBy)
	return p
}

func released(r *command.Released) *wire.Released {
	w := &wire.Released{Released: r.Released, Replayed: r.Replayed}
	if !r.Released {
		w.Reason = [...]string{
			command.ReasonNone: wire.ReasonUnknown, command.ReasonExpired: wire.ReasonExpired,
			command.ReasonUnknown: wire.ReasonUnknown, command.ReasonForced: wire.ReasonForced,
		}[r.Reason]
	}
	return w
}

func renewed(r *command.Renewed) *wire.Renewed {
	list := make([]wire.RenewedLease, len(r.Leases))
	for i, l := range r.Leases {
		list[i] = wire.RenewedLease{Token: l.Token, ID: l.ID, State: leaseState(l.State)}
		if l.State == command.LeaseHeld {
			list[i].ExpiresIn = wire.Duration(l.ExpiresIn)
		}
	}
	return &wire.Renewed{Leases: list}
}

func leaseState(s command.LeaseState) string {
	switch s {
	case command.LeaseHeld:
		return wire.LeaseHeld
	case command.LeaseWaiting:
		return wire.LeaseWaiting
	}
	return wire.LeaseGone
}

func lease(l limit.Lease) wire.Lease {
	return wire.Lease{
		Token: l.Token, ID: l.ID, Owner: owner(l.Owner), TTL: wire.Duration(l.TTL),
		ExpiresIn: wire.Duration(l.ExpiresIn), Held: wire.Duration(l.Held),
		GrantedAt: wallTime(l.GrantedWall), Limits: grantedLimits(l.Limits),
	}
}

func owner(o command.Owner) wire.Owner {
	return wire.Owner{Name: o.Name, Host: o.Host, PID: o.PID, Meta: pairMap(o.Meta)}
}

func pairMap(list []command.Pair) map[string]string {
	m := make(map[string]string, len(list))
	for _, p := range list {
		m[p.Key] = p.Value
	}
	return m
}

// limitBody renders a limit with its status.
func limitBody(l command.Limit) wire.Limit {
	s := l.Settings
	return wire.Limit{
		ID: wire.UUID(l.UUID), Name: l.Name, Slots: s.Slots, Active: s.Active,
		Rate: rateText(s.Rate), Decay: decay.Number(s.Rate), Enforcement: enforcement(s.Shadow),
		Numbered: s.Numbered, Grace: wire.Duration(s.Grace), Description: s.Description,
		Labels: pairMap(s.Labels), Implicit: l.Implicit, Revision: l.Revision,
		CreatedAt: wallTime(l.CreatedWall), UpdatedAt: wallTime(l.UpdatedWall),
		Status: wire.LimitStatus{
			Occupied: l.Occupied, Available: max(0, s.Slots-l.Occupied), Waiting: l.Waiting,
			Denied: l.Denied, AvgSlotOccupancy: wire.Duration(l.AvgOccupancy),
		},
	}
}

func enforcement(shadow bool) string {
	if shadow {
		return wire.EnforcementShadow
	}
	return wire.EnforcementEnforce
}

func modeName(m command.Mode) string {
	if m == command.RateLimit {
		return wire.ModeRateLimit
	}
	return wire.ModeConcurrency
}

// rateText returns a rate as it was given.
func rateText(r command.Rate) string {
	if r.Text == "" {
		return "0/s"
	}
	return r.Text
}

// known renders a span of ns that is negative where nothing can be said.
func known(ns int64) *wire.Duration {
	if ns < 0 {
		return nil
	}
	return wire.Duration(ns).Ptr()
}

// positive renders a span of ns that is 0 where there is none.
func positive(ns int64) *wire.Duration {
	if ns == 0 {
		return nil
	}
	return wire.Duration(ns).Ptr()
}

// wallTime renders unix ns for display, to the millisecond.
func wallTime(ns int64) time.Time { return time.UnixMilli(ns / 1e6).UTC() }

func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
