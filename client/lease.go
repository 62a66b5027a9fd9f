package client

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/limitd/limitd/transport/wire"
)

// Lease is a grant: slots that this program holds until it releases them or
// loses them. It is safe for concurrent use.
type Lease struct {
	c      *Client
	grant  wire.Grant
	ttl    time.Duration // 0: slots that nobody has to give back
	manual bool
	ctx    leaseContext
	cancel context.CancelCauseFunc

	released atomic.Bool // the cluster has answered so

	// Guarded by the keeper's mu:
	state    leaseState
	from     Clocks        // the lease may be trusted from then
	span     time.Duration // for so long
	renewals int
}

// age is how long ago, at most, the cluster granted or renewed the lease.
func (l *Lease) age(now Clocks) time.Duration {
	return now.since(l.from) - (l.span - safeSpan(l.ttl))
}

type leaseState int

const (
	leaseNew  leaseState = iota // not trusted yet
	leaseHeld                   // kept
	leaseOver                   // lost or released
)

func newLease(ctx context.Context, c *Client, r Request, g *wire.Grant) *Lease {
	l := &Lease{c: c, grant: *g, ttl: time.Duration(g.TTL), manual: r.Manual}
	inner, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	l.ctx, l.cancel = leaseContext{inner, l}, cancel
	return l
}

// Context ends when the lease does, with a cause: ErrLeaseLost before the
// cluster can give the slots to others (see the package comment), ErrReleased,
// or ErrClosed. It carries the values of the ctx of Acquire, not its end.
func (l *Lease) Context() context.Context { return l.ctx }

// Err returns nil while the program holds the slots, by a look at the clocks
// now, and the cause of Context's end afterwards.
func (l *Lease) Err() error {
	if l.ctx.Err() == nil {
		return nil
	}
	return context.Cause(l.ctx)
}

// Token is the grant's number: unique, and above those of all earlier grants.
func (l *Lease) Token() uint64 { return l.grant.Token }

// ID is the acquire's id.
func (l *Lease) ID() string { return l.grant.ID }

// TTL is how long the lease lives without a renewal; 0 where nothing has to be
// renewed or released.
func (l *Lease) TTL() time.Duration { return l.ttl }

// Waited is how long the acquire stood in the queue, by the cluster's clock.
func (l *Lease) Waited() time.Duration { return time.Duration(l.grant.Waited) }

// Limits tells what was granted, limit by limit, in the order of their names:
// slots, the ordinals of numbered limits, and whether they were counted.
func (l *Lease) Limits() []GrantedLimit {
	limits := slices.Clone(l.grant.Limits)
	for i := range limits {
		limits[i].Ordinals = slices.Clone(limits[i].Ordinals)
	}
	return limits
}

// Ordinals tells which slots of a numbered limit the lease holds, counted from
// 0 and below the limit's slots: which GPU, port or shard is this program's.
// nil where the limit is not numbered, not counted, or not of this lease.
func (l *Lease) Ordinals(limit string) []uint32 {
	for _, g := range l.grant.Limits {
		if g.Name == limit {
			return slices.Clone(g.Ordinals)
		}
	}
	return nil
}

// names lists the limits' names.
func (l *Lease) names() []string {
	names := make([]string, len(l.grant.Limits))
	for i, g := range l.grant.Limits {
		names[i] = g.Name
	}
	return names
}

// Skipped names the limits that do not exist and were skipped.
func (l *Lease) Skipped() []string { return slices.Clone(l.grant.Skipped) }

// Unlimited tells that no limit was counted: all that were named are inactive,
// skipped, or only watched (in shadow) and full. Nothing excludes anybody then.
func (l *Lease) Unlimited() bool {
	for _, g := range l.grant.Limits {
		if g.Counted {
			return false
		}
	}
	return true
}

// Renew moves the lease's end to a TTL from now. The client does so by itself,
// unless Request.Manual was set. Its errors are ErrLeaseLost, ErrReleased or
// ErrClosed where the lease has ended, and those of an unreachable cluster where
// ctx ends first, which leave the lease as it was.
func (l *Lease) Renew(ctx context.Context) error {
	if l.ttl == 0 {
		return l.Err()
	}
	ctx, over, err := l.c.calling(ctx)
	if err != nil {
		return err
	}
	defer over()
	if err := l.Err(); err != nil {
		return err
	}
	return l.c.renew(ctx, l)
}

// releaseFor is how long Release waits for an answer.
const releaseFor = 5 * time.Second

// Release gives the slots back; Context ends first. It fails only where no node
// answered before ctx ended, or within 5 s: then the release goes on in the
// background for a while, and the TTL ends the lease at last. Releasing again
// is harmless, and so is releasing a lease that has ended. After Close it fails with
// ErrClosed, but where the lease was released before.
func (l *Lease) Release(ctx context.Context) error {
	if l.end(); l.ttl == 0 || l.released.Load() {
		return nil
	}
	ctx, over, err := l.c.calling(ctx)
	if err != nil {
		return err
	}
	defer over()
	ctx, cancel := context.WithTimeout(ctx, releaseFor)
	defer cancel()
	var done wire.Released
	err = l.c.persist(ctx, l.release(), &done)
	if err != nil && ctx.Err() != nil {
		l.c.later(l.release())
	}
	if err == nil {
		l.released.Store(true)
	}
	return err
}

// end ends the lease here, because the program does not want it any more.
func (l *Lease) end() {
	l.c.keeper.drop(l, &Error{Code: ErrReleased, Detail: "the program released the lease", RetryAfter: -1, Effect: wire.EffectNone})
}

// release is the exchange that ends the lease at the cluster.
func (l *Lease) release() exchange {
	return l.c.short("release", wire.ReleaseRequest{Token: l.grant.Token})
}
