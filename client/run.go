package client

import (
	"context"
	"errors"
)

// Concurrency runs fn while it holds one slot of each of the limits, for which
// it waits until ctx ends. Limits that do not exist are made, inactive: they
// limit nothing until somebody gives them slots. fn's ctx ends with ctx and
// with the lease; fn must stop then. The error is that of Acquire or of fn, or
// ErrLeaseLost where fn noticed nothing of it.
//
//	err := c.Concurrency(ctx, []string{"db"}, func(ctx context.Context) error { return migrate(ctx) })
func (c *Client) Concurrency(ctx context.Context, limits []string, fn func(ctx context.Context) error) (err error) {
	lease, err := c.Acquire(ctx, Request{Limits: one(limits), Wait: Forever, Missing: MissingCreate})
	if err != nil {
		return err
	}
	defer func() {
		if l := lease.Err(); err == nil && errors.Is(l, ErrLeaseLost) {
			err = l
		}
		// Whether it arrives or not: the slots were held while fn ran.
		_ = lease.Release(context.WithoutCancel(ctx))
	}()
	during, cancel := context.WithCancelCause(lease.Context())
	defer cancel(nil)
	defer context.AfterFunc(ctx, func() { cancel(context.Cause(ctx)) })()
	return fn(during)
}

// RateLimit waits until one slot of each of the limits is free, and takes it;
// it comes back by the limit's decay. Limits that do not exist are made,
// inactive. The error is that of Acquire.
//
//	for page := range pages {
//		if err := c.RateLimit(ctx, "api"); err != nil { return err }
//		fetch(page)
//	}
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
