package client

import (
	"context"
	"maps"
	"sync"
)

// Ticket stands for an acquire that AcquireAsync began. It is safe for
// concurrent use. Whoever has one calls Lease or Cancel, at last; otherwise a
// lease that was granted is kept alive for nobody.
type Ticket struct {
	c      *Client
	cancel context.CancelFunc
	ready  chan struct{} // closed when the acquire has ended

	mu      sync.Mutex
	lease   *Lease // guarded by mu; granted
	err     error  // guarded by mu; or why not
	taken   bool   // guarded by mu; Lease has handed the lease out
	givenUp bool   // guarded by mu; Cancel was called before
}

// AcquireAsync begins to acquire what r asks for, and returns at once. It is for
// programs that have something else to do while they wait, or wait for several
// things; otherwise Acquire is simpler. The end of ctx ends the acquire, as it
// does with Acquire, and does nothing to a lease that was granted. r is copied,
// its maps too: they are the program's again when AcquireAsync returns. Of tickets
// that are taken one right after the other any may be granted first.
//
//	ticket := c.AcquireAsync(ctx, r)
//	defer ticket.Cancel()
//	select {
//	case <-ticket.Ready():
//		lease, err := ticket.Lease()
//		...
//	case job := <-smallJobs:
//		...
//	}
func (c *Client) AcquireAsync(ctx context.Context, r Request) *Ticket {
	r.Limits, r.RateLimits = maps.Clone(r.Limits), maps.Clone(r.RateLimits)
	if r.Owner != nil {
		owner := *r.Owner
		owner.Meta = maps.Clone(owner.Meta)
		r.Owner = &owner
	}
	t := &Ticket{c: c, ready: make(chan struct{})}
	ctx, t.cancel = context.WithCancel(ctx)
	ctx, over, err := c.calling(ctx)
	if err != nil {
		t.end(nil, err)
		return t
	}
	go func() { // Close waits for it, as for every call
		defer over()
		t.end(c.acquire(ctx, r))
	}()
	return t
}

// Ready returns a channel that is closed when Lease answers without waiting:
// there is a lease, or an error.
func (t *Ticket) Ready() <-chan struct{} { return t.ready }

// Lease waits for the end of the acquire, and returns what Acquire would have
// returned. From then on the lease is the caller's to release.
func (t *Ticket) Lease() (*Lease, error) {
	<-t.ready
	t.mu.Lock()
	defer t.mu.Unlock()
	t.taken = true
	return t.lease, t.err
}

// Cancel gives the ticket up: the acquire ends with ErrInterrupted, and a lease
// that was granted is released in the background. Once Lease has returned, it
// does nothing, so that it can be deferred. It does not wait.
func (t *Ticket) Cancel() {
	t.cancel()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.givenUp = true
	t.dropLocked()
}

// end notes how the acquire ended.
func (t *Ticket) end(lease *Lease, err error) {
	t.mu.Lock()
	t.lease, t.err = lease, err
	if t.givenUp {
		t.dropLocked()
	}
	t.mu.Unlock()
	t.cancel()
	close(t.ready)
}

// dropLocked releases a lease that nobody has, and never will.
func (t *Ticket) dropLocked() {
	if t.lease == nil || t.taken {
		return
	}
	lease := t.lease
	t.lease, t.err = nil, gaveUp(context.Canceled, nil)
	lease.end()
	_, over, err := t.c.calling(context.Background())
	if err != nil || lease.ttl == 0 {
		return
	}
	defer over()
	t.c.later(lease.release())
}
