package client

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/limitd/limitd/transport/wire"
)

// Acquire gets all that r asks for, and returns a lease on it, which is kept
// alive until the program releases it or it is lost. Where ctx ends first, the
// acquire is cancelled in the background, and nothing is held; ctx's end does
// nothing to a lease that was granted.
//
// errors.Is tells the failures apart, errors.As an *Error tells all about them:
// ErrDenied (no room, and Wait is 0), ErrTimeout (Wait is over), ErrLimitNotFound,
// ErrNeverFits, ErrNoDecay, ErrLimitDeleted, ErrCancelled, ErrLeaseEnded and
// ErrIDReused (of Request.ID), ErrInvalid, ErrTooMany, ErrClosed; and, together
// with ctx's cause, where ctx ended: what the last try met that had an end
// (ErrUnreachable, or a node's code), ErrInterrupted where it was the first. A grant of RateLimits alone is a lease that needs no release.
func (c *Client) Acquire(ctx context.Context, r Request) (*Lease, error) {
	ctx, over, err := c.calling(ctx)
	if err != nil {
		return nil, err
	}
	defer over()
	return c.acquire(ctx, r)
}

// acquire is Acquire within a call.
func (c *Client) acquire(ctx context.Context, r Request) (*Lease, error) {
	a := &acquiring{c: c, r: r, begun: c.cfg.Clocks()}
	lease, err := a.run(ctx)
	c.acquired(a, lease, err)
	return lease, err
}

// run asks under one id after the other, as long as that is of use.
func (a *acquiring) run(ctx context.Context) (*Lease, error) {
	if why := ended(ctx); why != nil {
		e := gaveUp(why, nil)
		e.Effect = wire.EffectNone
		return nil, e
	}
	for {
		lease, err := a.underOneID(ctx)
		if err == nil {
			return lease, nil
		}
		if !a.another(err) {
			return nil, err
		}
	}
}

// acquiring is one call of Acquire.
type acquiring struct {
	c     *Client
	r     Request
	begun Clocks // when it was called

	id     string
	wait   time.Duration // that the cluster was told
	first  Clocks        // just before the id was first sent
	astray bool          // a sending of the id had no answer: it may reach the cluster yet
}

// another tells whether Acquire goes on with a new id after err: the old one
// was used up by no fault of the program.
func (a *acquiring) another(err error) bool {
	switch {
	case a.r.ID != "":
		return false
	case errors.Is(err, errIDWorn), errors.Is(err, ErrLeaseLost), errors.Is(err, ErrLeaseEnded):
		return true
	}
	return errors.Is(err, ErrTimeout) && a.left() > 0 // Forever is longer than the cluster's longest wait
}

// left returns how much of the program's wait is left.
func (a *acquiring) left() time.Duration {
	if a.r.Wait < 0 {
		return longestWait
	}
	return min(longestWait, max(0, a.r.Wait-a.c.cfg.Clocks().since(a.begun)))
}

// underOneID asks under one id until there is an answer. An id that is given
// up for any other reason is cancelled, so that nothing comes of it later; also
// one that was refused while another sending of it may still be on its way:
// what refused it (no such limit) may have changed when that one arrives. Only
// an id that another request has is left alone: what it holds is not ours.
func (a *acquiring) underOneID(ctx context.Context) (*Lease, error) {
	if a.id = a.r.ID; a.id == "" {
		a.id = a.c.newID()
	}
	a.wait, a.astray = a.left(), false
	grant, err := a.ask(ctx)
	if err != nil {
		if !errors.Is(err, ErrIDReused) && (a.astray || asError(err).Effect != wire.EffectNone) {
			a.c.cancelLater(a.id)
		}
		return nil, err
	}
	lease := newLease(ctx, a.c, a.r, grant)
	if !grant.HasLease() {
		return lease, nil
	}
	span := safeSpan(time.Duration(grant.Waited) + lease.ttl)
	if a.datable(grant) && a.c.keeper.keep(lease, a.first, span) {
		return lease, nil
	}
	if err := a.c.renew(ctx, lease); err != nil {
		a.c.cancelLater(a.id) // which releases what was granted
		return nil, err
	}
	return lease, nil
}

// safeSpan is how much of a span of the cluster's time may be trusted to last
// here: all but the margin. Clocks whose rates differ by a hundredth drift apart
// over the wait in the queue as well as over the TTL, so the margin is one of
// both together.
func safeSpan(cluster time.Duration) time.Duration {
	return cluster - cluster/100 - 10*time.Millisecond
}

// datable tells whether the grant's end can be computed from what is known:
// this process made the id's first sending, and the wait was not so long that
// clocks could drift apart by more than the margin.
func (a *acquiring) datable(g *wire.Grant) bool { return a.r.ID == "" && g.Waited <= g.TTL }

// ask sends the acquire until it is granted or has failed.
func (a *acquiring) ask(ctx context.Context) (*wire.Grant, error) {
	c := a.c
	x := c.short("acquire", a.body(a.r.OnWait == nil))
	x.waits = a.wait > 0
	if x.waits { // a node may add up to 2 s to a wait, so as to tell its end
		x.silence += min(c.cfg.Hold, a.wait+2*time.Second)
	}
	t := c.try()
	a.first = t.sent
	for {
		var grant wire.Grant
		var waiting wire.Waiting
		status, err := c.send(ctx, x, &grant, &waiting)
		switch {
		case err != nil:
			e := asError(err)
			e.inWordsOf(a.r)
			a.astray = a.astray || e.retry && e.Effect != wire.EffectNone
			if err := t.failed(ctx, e); err != nil {
				return nil, err
			}
		case status == http.StatusOK:
			return &grant, nil
		default:
			t.heard()
			x.operation = "" // from now on it waits alone
			if a.r.OnWait != nil {
				a.r.OnWait(waiting)
				x.body = encode(a.body(true))
			}
		}
		if err := t.sendAgain(); err != nil {
			return nil, err
		}
	}
}

// body is the acquire's body. A node that may not hold it tells at once what it
// waits for.
func (a *acquiring) body(hold bool) wire.AcquireRequest {
	body := a.r.body(a.c.cfg, a.id, a.wait)
	if !hold && body.Hold != nil {
		body.Hold = wire.Duration(0).Ptr()
	}
	return body
}
