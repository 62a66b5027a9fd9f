package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/limitd/limitd/transport/wire"
)

// tries is a request that is sent until there is an answer.
type tries struct {
	c        *Client
	count    int    // that failed in a row
	sent     Clocks // just before the request was last sent
	answered Clocks // when a node last gave any answer but that there is no leader
	met      *Error // what the last try met that ended by itself
}

// try begins a request that is sent now.
func (c *Client) try() tries {
	now := c.cfg.Clocks()
	return tries{c: c, sent: now, answered: now}
}

// heard notes an answer that is not the last one.
func (t *tries) heard() { t.count, t.answered, t.met = 0, t.c.cfg.Clocks(), nil }

// failed pauses after a try that failed with err, or returns why there must not
// be another.
func (t *tries) failed(ctx context.Context, err *Error) error {
	if !err.retry {
		return err
	}
	t.count++
	if err.Code == ErrUntrusted && t.count >= t.c.nodes.count() { // all of them: to go on would not mend it
		return err
	}
	now := t.c.cfg.Clocks()
	if err.Status != 0 && !leaderless(err.Code) {
		t.answered = now
	}
	switch {
	case ctx.Err() == nil:
		t.met = err
	case t.met != nil && err.Status == 0: // ctx broke the last one off; what it met before says more
		err = t.met
	}
	if g := t.c.cfg.GiveUp; g > 0 && now.since(t.answered) >= g {
		return gaveUp(errGivenUp, err)
	}
	if why := t.c.pause(ctx, t.count, err); why != nil {
		return gaveUp(why, err)
	}
	return nil
}

// leaderless tells whether a node says that it cannot get an answer from a leader.
func leaderless(c wire.Code) bool {
	return c == wire.CodeNoLeader || c == wire.CodeShuttingDown || c == wire.CodeOutcomeUnknown
}

// errGivenUp says that Config.GiveUp is over.
var errGivenUp = errors.New("no node answered for as long as the client was told to go on")

// errIDWorn says that an id may soon be forgotten, so that it must not be used
// any more.
var errIDWorn = errors.New("the id is older than the cluster may remember")

// sendAgain notes that a request that has an id is sent again, or that the id is
// too old for that: 10 s before the cluster may have forgotten it.
func (t *tries) sendAgain() error {
	now := t.c.cfg.Clocks()
	if now.since(t.sent) > t.c.cfg.Remember-10*time.Second {
		e := gaveUp(errIDWorn, nil)
		e.Detail = "the request could not be sent for so long that its outcome cannot be learned any more"
		return e
	}
	t.sent = now
	return nil
}

// persist sends x until there is an answer, or an error that another try would
// only repeat, or ctx ends.
func (c *Client) persist(ctx context.Context, x exchange, out any) error {
	t := c.try()
	for {
		_, err := c.send(ctx, x, out, nil)
		if err == nil {
			return nil
		}
		if err := t.failed(ctx, asError(err)); err != nil {
			return err
		}
		if x.key == "" {
			continue
		}
		if err := t.sendAgain(); err != nil {
			return err
		}
	}
}

// pause waits before the try after err; tries is how many failed in a row. It
// returns ctx's cause where that ends first.
func (c *Client) pause(ctx context.Context, tries int, err *Error) error {
	const shortest, longest = 10 * time.Millisecond, time.Second
	if tries < c.nodes.count() && err.Code != wire.CodeOverloaded {
		return ended(ctx) // the next node may know better, at once
	}
	wait := min(shortest<<min(tries, 10), longest)
	if err.Code == wire.CodeOverloaded && err.RetryAfter > 0 {
		wait = err.RetryAfter
	}
	wait = wait/2 + c.chance(wait/2)
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ended(ctx)
	}
}

// ended returns why ctx is over, nil where it is not. It Is ctx.Err() as well as
// ctx's cause, but where the client was closed.
func ended(ctx context.Context) error {
	why, err := context.Cause(ctx), ctx.Err()
	if why == nil || errors.Is(why, err) || errors.Is(why, ErrClosed) {
		return why
	}
	return overBy{why, err}
}

// overBy is the end of a context, with the cause that a program gave it.
type overBy struct{ cause, err error }

func (o overBy) Error() string   { return o.cause.Error() }
func (o overBy) Unwrap() []error { return []error{o.cause, o.err} }

// gaveUp is the error of a call whose ctx ended for the given reason, last what
// its last try met, where it was not ctx's end itself.
func gaveUp(why error, last *Error) *Error {
	e := &Error{Code: ErrInterrupted, RetryAfter: -1, Effect: wire.EffectUnknown, Cause: why, Detail: "the call was ended before there was an answer"}
	if errors.Is(why, ErrClosed) {
		e.Code, e.Detail, e.Cause = ErrClosed, "the client was closed before there was an answer", nil
		return e
	}
	if last == nil || last.Cause != nil && errors.Is(why, last.Cause) {
		return e
	}
	e.Code, e.Status, e.RequestID, e.Hint = last.Code, last.Status, last.RequestID, last.Hint
	e.Detail = fmt.Sprintf("no answer came in time; the last try met: %s", last.Detail)
	if last.Cause != nil {
		e.Detail = fmt.Sprintf("%s: %v", e.Detail, last.Cause)
	}
	return e
}
