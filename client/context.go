package client

import (
	"context"
	"errors"
)

// leaseContext is a context whose Err does not wait for a timer to look at the
// clocks: timers stand still while the machine sleeps.
type leaseContext struct {
	context.Context
	lease *Lease
}

// Err returns context.Canceled once the lease has ended.
func (x leaseContext) Err() error {
	if x.Context.Err() == nil {
		x.lease.c.keeper.check(x.lease)
	}
	return x.Context.Err()
}

type leaseKey struct{}

// Value returns the lease to LeaseFrom.
func (x leaseContext) Value(key any) any {
	if key == (leaseKey{}) {
		return x.lease
	}
	return x.Context.Value(key)
}

// LeaseFrom returns the lease under which ctx runs: it is, or comes from, the
// context of a lease or of Concurrency's fn. It returns nil where there is none.
func LeaseFrom(ctx context.Context) *Lease {
	l, _ := ctx.Value(leaseKey{}).(*Lease)
	return l
}

// within returns the lease's context, with ctx's deadline and ended by ctx as
// well, and what frees it.
func (l *Lease) within(ctx context.Context) (context.Context, func()) {
	both, cancel := context.WithCancelCause(l.ctx)
	timed, end := both, func() {}
	deadline, limited := ctx.Deadline()
	if limited {
		timed, end = context.WithDeadline(both, deadline)
	}
	stop := context.AfterFunc(ctx, func() {
		if limited && errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return // timed says so itself
		}
		cancel(context.Cause(ctx))
	})
	return leaseContext{timed, l}, func() {
		stop()
		end()
		cancel(nil)
	}
}
