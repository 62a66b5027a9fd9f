package client

import (
	"context"
	"iter"
	"net/http"
	"time"

	"github.com/limitd/limitd/transport/wire"
)

// Kinds of holders.
const (
	HolderLease     = wire.HolderLease     // a lease
	HolderRate      = wire.HolderRate      // grants of RateLimits, which only decay gives back
	HolderGrace     = wire.HolderGrace     // what an expired lease had, for the limit's Grace
	HolderAnonymous = wire.HolderAnonymous // occupied without a lease
)

// Holder is one holding of a limit's slots.
type Holder struct {
	Kind      string // HolderLease and so on
	ID        string // of the acquire
	Token     uint64 // of the grant; 0: none
	Slots     int64  // what has not decayed, rounded up
	Ordinals  []uint32
	Owner     Owner
	GrantedAt time.Time
	ExpiresIn time.Duration // of leases, and of slots in grace; negative: not at all
}

// Holders lists who occupies a limit, oldest first. It is a list as Limits is.
func (c *Client) Holders(ctx context.Context, limit string, options ...ReadOption) iter.Seq2[*Holder, error] {
	x, err := c.onLimit(http.MethodGet, limit, "/holders", options...)
	if err != nil {
		return failed[Holder](err)
	}
	return pages(ctx, c, x, func(p *wire.Holders) ([]wire.Holder, string) { return p.Holders, p.NextPageToken }, holderOf)
}

func holderOf(w *wire.Holder) *Holder {
	return &Holder{
		Kind: w.Kind, ID: w.ID, Token: w.Token, Slots: w.Slots, Ordinals: w.Ordinals, Owner: w.Owner,
		GrantedAt: w.GrantedAt, ExpiresIn: known(w.ExpiresIn),
	}
}

// known returns a span of time that an answer may lack; negative: it does.
func known(d *wire.Duration) time.Duration {
	if d == nil {
		return -1
	}
	return time.Duration(*d)
}

// Waiter is one place in a limit's queue.
type Waiter struct {
	ID         string // of the acquire
	Position   int64  // from 1
	Slots      int64  // that it wants of this limit
	Owner      Owner
	WaitingFor time.Duration // so far
	DeadlineIn time.Duration // then it gives up
	ParkedOn   string        // the limit that holds it up, which may be another one
	Protected  bool          // it was first for long, so slots are kept for it
	Parted     bool          // it has stepped aside, and blocks nobody
	// EstimatedWait is how long it may take yet; negative where nothing can be said.
	EstimatedWait time.Duration
}

// Queue lists who waits for a limit, in the order of arrival, which is that of
// grants. It is a list as Limits is.
func (c *Client) Queue(ctx context.Context, limit string, options ...ReadOption) iter.Seq2[*Waiter, error] {
	x, err := c.onLimit(http.MethodGet, limit, "/queue", options...)
	if err != nil {
		return failed[Waiter](err)
	}
	return pages(ctx, c, x, func(p *wire.Queue) ([]wire.Waiter, string) { return p.Waiters, p.NextPageToken }, waiterOf)
}

func waiterOf(w *wire.Waiter) *Waiter {
	return &Waiter{
		ID: w.ID, Position: w.Position, Slots: w.Slots, Owner: w.Owner, WaitingFor: time.Duration(w.WaitingFor),
		DeadlineIn: time.Duration(w.DeadlineIn), ParkedOn: w.ParkedOn, Protected: w.Protected, Parted: w.Parted,
		EstimatedWait: known(w.EstimatedWait),
	}
}
