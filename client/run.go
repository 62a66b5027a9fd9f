package client

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Option changes what Concurrency asks for. This package has the common ones;
// any func(*Request) is one:
//
//	func(r *client.Request) { r.RateLimits = client.Slots{"starts": 1} }
type Option func(*Request)

// WithSlots occupies n slots of each limit, not one.
func WithSlots(n int64) Option {
	return func(r *Request) {
		for name := range r.Limits {
			r.Limits[name] = n
		}
	}
}

// WithWait gives the wait up, with ErrTimeout, after d; with ErrDenied at once
// where d is 0.
func WithWait(d time.Duration) Option { return func(r *Request) { r.Wait = d } }

// WithTTL has the lease live for d without a renewal.
func WithTTL(d time.Duration) Option { return func(r *Request) { r.TTL = d } }

// WithMissing says what to do about limits that do not exist: MissingError,
// MissingSkip or MissingCreate.
func WithMissing(what string) Option { return func(r *Request) { r.Missing = what } }

// Concurrency runs fn while it holds one slot of each of the limits, for which
// it waits until ctx ends. A limit that is named twice counts once; one that
// does not exist is made, inactive: it limits nothing until somebody gives it
// slots. The slots are given back when fn returns, and also when it panics.
//
// fn's context is that of the lease, which LeaseFrom finds in it, and ends with
// ctx, too; fn must stop then. Its cause is ErrLeaseLost where others may have
// the slots from now on.
//
// The error is that of Acquire, in which case fn has not run, or that of fn.
// Where the lease was lost before fn returned, errors.Is finds ErrLeaseLost in
// it, beside what fn returned; where the client was closed, ErrClosed.
func (c *Client) Concurrency(ctx context.Context, limits []string, fn func(ctx context.Context) error, options ...Option) (err error) {
	r := Request{Limits: one(limits), Wait: Forever, Missing: MissingCreate}
	for _, change := range options {
		change(&r)
	}
	lease, err := c.Acquire(ctx, r)
	if err != nil {
		return err
	}
	during, end := lease.within(ctx)
	defer func() {
		end()
		err = withLost(err, lease.Err())
		// Whether it arrives or not: the slots were held while fn ran.
		_ = lease.Release(context.WithoutCancel(ctx))
	}()
	return fn(during)
}

// withLost returns err, and lost where the lease had ended before its work did.
func withLost(err, lost error) error {
	switch {
	case lost == nil, err != nil && errors.Is(err, lost):
		return err
	case err == nil:
		return lost
	}
	return fmt.Errorf("%w; before that the lease ended: %w", err, lost)
}

// RateLimit waits until one slot of each of the limits is free, and takes it;
// it comes back by the limit's decay. Limits that do not exist are made,
// inactive. The error is that of Acquire: ErrNoDecay, for instance, where a
// limit has no rate at which slots come back.
func (c *Client) RateLimit(ctx context.Context, limits ...string) error {
	_, err := c.Acquire(ctx, Request{RateLimits: one(limits), Wait: Forever, Missing: MissingCreate})
	return err
}

// one is one slot of each limit.
func one(limits []string) Slots {
	slots := make(Slots, len(limits))
	for _, name := range limits {
		slots[name] = 1
	}
	return slots
}
