package workload

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/limitd/limitd/jepsen/history"
	"github.com/limitd/limitd/transport/wire"
)

// acquire asks for slots. Where nothing else is known in the end, it sees to
// it that nothing comes of the id later.
func (c *caller) acquire(ctx context.Context, ask history.Ask) history.Op {
	op := c.acquireOnly(ctx, ask)
	if op.Outcome == history.Unknown && !op.Abandoned {
		c.cancel(ctx, op.ID)
	}
	return op
}

// acquireOnly asks for slots; an Ask without an ID gets one.
func (c *caller) acquireOnly(ctx context.Context, ask history.Ask) history.Op {
	if ask.ID == "" {
		ask.ID = c.newID()
	}
	ask.Limits = c.own(ask.Limits)
	body := wire.AcquireRequest{
		ID: ask.ID, Wait: wire.Duration(ask.Wait), TTL: wire.Duration(ask.TTL), Linger: wire.Duration(ask.Linger),
		Owner: &wire.Owner{Name: "jepsen", PID: int64(c.number)},
	}
	for _, w := range ask.Limits {
		e := wire.Entry{Name: w.Name, Slots: w.Slots}
		if w.Rate {
			e.Mode = wire.ModeRateLimit
		}
		body.Limits = append(body.Limits, e)
	}
	q := request{method: http.MethodPost, path: "/v1/acquire", read: readGrant}
	if ask.Wait > 0 {
		q.hold = min(ask.Wait, c.between(time.Second, 5*time.Second))
		body.Hold = wire.Duration(q.hold).Ptr()
		q.hold = min(q.hold, ask.Wait) + 2*time.Second // a node adds some, to tell a wait's end
	}
	q.body = body
	return c.do(ctx, history.Op{Kind: history.Acquire, Ask: ask}, q)
}

// release gives a grant back.
func (c *caller) release(ctx context.Context, token uint64) history.Op {
	q := request{method: http.MethodPost, path: "/v1/release", body: wire.ReleaseRequest{Token: token}, read: readReleased}
	return c.do(ctx, history.Op{Kind: history.Release, Ask: history.Ask{Tokens: []uint64{token}}}, q)
}

// releaseID gives back what an acquire was granted, or ends its wait.
func (c *caller) releaseID(ctx context.Context, id string) history.Op {
	q := request{method: http.MethodPost, path: "/v1/release", body: wire.ReleaseRequest{ID: id}, read: readReleased}
	return c.do(ctx, history.Op{Kind: history.Release, Ask: history.Ask{ID: id}}, q)
}

// renew prolongs leases to ttl from now; 0: each to its own.
func (c *caller) renew(ctx context.Context, ttl time.Duration, tokens ...uint64) history.Op {
	q := request{method: http.MethodPost, path: "/v1/renew", body: wire.RenewRequest{Tokens: tokens, TTL: wire.Duration(ttl)}, read: readRenewed}
	return c.do(ctx, history.Op{Kind: history.Renew, Ask: history.Ask{Tokens: tokens, TTL: ttl}}, q)
}

// cancel ends a wait, or releases what was granted.
func (c *caller) cancel(ctx context.Context, id string) history.Op {
	q := request{method: http.MethodPost, path: "/v1/cancel", body: wire.CancelRequest{ID: id}, read: readCancelled}
	return c.do(ctx, history.Op{Kind: history.Cancel, Ask: history.Ask{ID: id}}, q)
}

// force releases a lease as an operator does.
func (c *caller) force(ctx context.Context, token uint64) history.Op {
	q := request{method: http.MethodDelete, path: "/v1/leases/" + strconv.FormatUint(token, 10), key: c.newID(), read: readNothing}
	return c.do(ctx, history.Op{Kind: history.Force, Ask: history.Ask{ID: q.key, Tokens: []uint64{token}}}, q)
}

// put makes a limit, or replaces its settings.
func (c *caller) put(ctx context.Context, name string, s history.Settings) history.Op {
	name = c.ownName(name)
	q := request{method: http.MethodPut, path: limitPath(name), body: limitRequest(s), key: c.newID(), read: readNothing}
	return c.do(ctx, history.Op{Kind: history.Put, Ask: history.Ask{ID: q.key, Limits: one(name), Config: &s}}, q)
}

// remove deletes a limit.
func (c *caller) remove(ctx context.Context, name string) history.Op {
	name = c.ownName(name)
	q := request{method: http.MethodDelete, path: limitPath(name), key: c.newID(), read: readNothing}
	return c.do(ctx, history.Op{Kind: history.Delete, Ask: history.Ask{ID: q.key, Limits: one(name)}}, q)
}

// reset frees all slots of a limit.
func (c *caller) reset(ctx context.Context, name string) history.Op {
	name = c.ownName(name)
	q := request{method: http.MethodPost, path: limitPath(name) + "/reset", key: c.newID(), read: readNothing}
	return c.do(ctx, history.Op{Kind: history.Reset, Ask: history.Ask{ID: q.key, Limits: one(name)}}, q)
}

// readLimit reads a limit, linearizably.
func (c *caller) readLimit(ctx context.Context, name string) history.Op {
	name = c.ownName(name)
	q := request{method: http.MethodGet, path: limitPath(name), read: readLimit}
	return c.do(ctx, history.Op{Kind: history.ReadLimit, Ask: history.Ask{Limits: one(name)}}, q)
}

// readID reads the state of an acquire, linearizably.
func (c *caller) readID(ctx context.Context, id string) history.Op {
	q := request{method: http.MethodGet, path: "/v1/acquires/" + id, read: readStatus}
	return c.do(ctx, history.Op{Kind: history.ReadID, Ask: history.Ask{ID: id}}, q)
}

func limitPath(name string) string { return "/v1/limits/" + url.PathEscape(name) }

// one names a single limit.
func one(name string) []history.Want { return []history.Want{{Name: name}} }

// slots asks for n slots of a limit.
func slots(name string, n int64) []history.Want { return []history.Want{{Name: name, Slots: n}} }

// rate asks for n slots that come back by decay alone.
func rate(name string, n int64) []history.Want {
	return []history.Want{{Name: name, Slots: n, Rate: true}}
}

func readNothing([]byte, *history.Op) error { return nil }

func readGrant(body []byte, op *history.Op) error {
	var g wire.Grant
	if err := json.Unmarshal(body, &g); err != nil {
		return err
	}
	op.Token, op.Waited, op.ExpiresIn, op.Replayed = g.Token, time.Duration(g.Waited), time.Duration(g.ExpiresIn), g.Replayed
	op.Granted = granted(g.Limits)
	return nil
}

func granted(limits []wire.GrantedLimit) []history.Granted {
	out := make([]history.Granted, len(limits))
	for i, l := range limits {
		out[i] = history.Granted{Name: l.Name, Slots: l.Slots, Rate: l.Mode == wire.ModeRateLimit, Counted: l.Counted, Ordinals: l.Ordinals}
	}
	return out
}

// readDenial notes what a problem says of an acquire that got no slots.
func readDenial(p *wire.Problem, op *history.Op) {
	op.Replayed, op.RetryAfter = p.Replayed, -1
	if p.RetryAfter != nil {
		op.RetryAfter = time.Duration(*p.RetryAfter)
	}
	for _, b := range p.BlockedBy {
		op.Ahead = max(op.Ahead, b.Ahead)
	}
}

func readReleased(body []byte, op *history.Op) error {
	var r wire.Released
	err := json.Unmarshal(body, &r)
	op.Released, op.Reason, op.Replayed = r.Released, r.Reason, r.Replayed
	return err
}

func readRenewed(body []byte, op *history.Op) error {
	var r wire.Renewed
	err := json.Unmarshal(body, &r)
	op.Leases = nil
	for _, l := range r.Leases {
		op.Leases = append(op.Leases, history.Renewed{Token: l.Token, State: l.State, ExpiresIn: time.Duration(l.ExpiresIn)})
	}
	return err
}

func readCancelled(body []byte, op *history.Op) error {
	var r wire.Cancelled
	err := json.Unmarshal(body, &r)
	op.Cancelled, op.Replayed = r.Cancelled, r.Replayed
	return err
}

func readLimit(body []byte, op *history.Op) error {
	var l wire.Limit
	err := json.Unmarshal(body, &l)
	op.Found, op.Slots, op.Occupied, op.Waiting = true, l.Slots, l.Status.Occupied, l.Status.Waiting
	return err
}

func readStatus(body []byte, op *history.Op) error {
	var s wire.AcquireStatus
	err := json.Unmarshal(body, &s)
	op.Found, op.State = true, s.State
	if s.Grant != nil {
		op.Token = s.Grant.Token
	}
	return err
}
