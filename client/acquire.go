package client

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/limitd/limitd/transport/wire"
)

// Acquire gets all that r asks for, and returns a lease on it, which is kept
// alive until it is released or lost. Where ctx ends first, the acquire is
// cancelled in the background, and nothing is held.
//
// errors.Is tells the failures apart, errors.As an *Error tells all about them:
// ErrDenied (no room, and Wait is 0), ErrTimeout (Wait is over), ErrLimitNotFound,
// ErrNeverFits, ErrNoDecay, ErrLimitDeleted, ErrCancelled, ErrLeaseEnded and
// ErrIDReused (of Request.ID), ErrInvalid, ErrTooMany, ErrClosed; and
// ErrUnreachable or the last code of a node, together with ctx's cause, where
// ctx ended. A grant of RateLimits alone is a lease that needs no release.
func (c *Client) Acquire(ctx context.Context, r Request) (*Lease, error) {
	ctx, over, err := c.calling(ctx)
	if err != nil {
		return nil, err
	}
	defer over()
	if why := context.Cause(ctx); why != nil {
		e := gaveUp(why, nil)
		e.Effect = wire.EffectNone
		return nil, e
	}
	a := &acquiring{c: c, r: r, begun: c.cfg.Clocks()}
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

	id       string
	wait     time.Duration // that the cluster was told
	first    Clocks        // just before the id was first sent
	last     Clocks        // just before it was last sent, or told to wait
	answered Clocks        // when a node last gave any answer
	astray   bool          // a sending of the id had no answer: it may reach the cluster yet
}

// errIDWorn says that an id may soon be forgotten, so that it must not be used
// any more.
var errIDWorn = errors.New("the id is older than the cluster may remember")

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
	if a.datable(grant, span) {
		a.c.keeper.keep(lease, a.first, span)
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
// this process made the id's first sending, the wait was not so long that
// clocks could drift apart by more than the margin, and the end is to come.
func (a *acquiring) datable(g *wire.Grant, span time.Duration) bool {
	return a.r.ID == "" && g.Waited <= g.TTL && a.c.cfg.Clocks().since(a.first) < span
}

// ask sends the acquire until it is granted or has failed.
func (a *acquiring) ask(ctx context.Context) (*wire.Grant, error) {
	c := a.c
	x := exchange{path: "/v1/acquire", body: encode(a.r.body(c.cfg, a.id, a.wait)), timeout: c.cfg.Timeout}
	// A node may add up to 2 s to a wait, so as to tell its end.
	x.silence = min(c.cfg.Hold, a.wait+2*time.Second) + c.cfg.Timeout + grace
	a.first = c.cfg.Clocks()
	a.last, a.answered = a.first, a.first
	for tries := 1; ; tries++ {
		var grant wire.Grant
		var waiting wire.Waiting
		status, err := c.send(ctx, x, &grant, &waiting)
		switch {
		case err != nil:
			if err := a.goOn(ctx, tries, asError(err)); err != nil {
				return nil, err
			}
		case status == http.StatusOK:
			return &grant, nil
		default:
			tries = 0
			a.answered = c.cfg.Clocks()
		}
		if err := a.sendAgain(); err != nil {
			return nil, err
		}
	}
}

// goOn pauses after a failed try, or returns why there must not be another.
func (a *acquiring) goOn(ctx context.Context, tries int, err *Error) error {
	if !err.retry {
		return err
	}
	a.astray = a.astray || err.Effect != wire.EffectNone
	if err.Status != 0 {
		a.answered = a.c.cfg.Clocks()
	}
	if g := a.c.cfg.GiveUp; g > 0 && a.c.cfg.Clocks().since(a.answered) >= g {
		return gaveUp(errGivenUp, err)
	}
	if why := a.c.pause(ctx, tries, err); why != nil {
		return gaveUp(why, err)
	}
	return nil
}

// errGivenUp says that Config.GiveUp is over.
var errGivenUp = errors.New("no node answered for as long as the client was told to go on")

// sendAgain notes that the id is sent again, or that it is too old for that:
// 10 s before the cluster may have forgotten it.
func (a *acquiring) sendAgain() error {
	now := a.c.cfg.Clocks()
	if now.since(a.last) > a.c.cfg.Remember-10*time.Second {
		e := gaveUp(errIDWorn, nil)
		e.Detail = "the acquire could not be sent for so long that its outcome cannot be learned any more"
		return e
	}
	a.last = now
	return nil
}
