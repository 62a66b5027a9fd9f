package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/limitd/limitd/transport/wire"
)

// renewAll renews leases, wire.MaxRenew in one request. Each request is sent
// once; its error, if any, is the first.
func (c *Client) renewAll(ctx context.Context, leases []*Lease) error {
	var first error
	for some := range slices.Chunk(leases, wire.MaxRenew) {
		if err := c.renewOnce(ctx, some); err != nil && first == nil {
			first = err
		}
	}
	return first
}

// renewOnce sends one renewal of leases, and applies what it got.
func (c *Client) renewOnce(ctx context.Context, leases []*Lease) error {
	tokens := make([]uint64, len(leases))
	shortest := leases[0].ttl
	for i, l := range leases {
		tokens[i] = l.Token()
		shortest = min(shortest, l.ttl)
	}
	// Several tries must fit between the time for a renewal and the lease's end.
	silence := min(max(shortest/6, 150*time.Millisecond), c.cfg.Timeout)
	x := c.quick("/v1/renew", wire.RenewRequest{Tokens: tokens})
	x.timeout, x.silence = silence-silence/8, silence
	sent := c.cfg.Clocks()
	var renewed wire.Renewed
	if _, err := c.send(ctx, x, &renewed, nil); err != nil {
		return err
	}
	if len(renewed.Leases) != len(leases) {
		return foreign(0, fmt.Errorf("%d of %d leases were answered", len(renewed.Leases), len(leases)))
	}
	for i, l := range leases {
		c.applyRenewal(l, renewed.Leases[i], sent)
	}
	return nil
}

// applyRenewal trusts l anew, or ends it.
func (c *Client) applyRenewal(l *Lease, r wire.RenewedLease, sent Clocks) {
	switch {
	case r.Token != l.Token():
	case r.State == wire.LeaseHeld:
		c.keeper.keep(l, sent, safeSpan(l.ttl))
	case r.State == wire.LeaseGone:
		c.keeper.drop(l, lost("the cluster has ended it", ErrLeaseEnded))
	}
}

// renew renews l until it is known to be held or lost, or ctx ends.
func (c *Client) renew(ctx context.Context, l *Lease) error {
	t := c.try()
	for {
		before := c.renewals(l)
		err := c.renewOnce(ctx, []*Lease{l})
		switch {
		case l.Err() != nil:
			return l.Err()
		case err == nil && c.renewals(l) != before:
			return nil
		case err == nil:
			err = unreached(errSlow)
		}
		if err := t.failed(ctx, asError(err)); err != nil {
			return err
		}
	}
}

// errSlow says that the answer to a renewal came when its lease was over again.
var errSlow = errors.New("the answer took longer than the lease lives")

// renewals returns how often l was renewed.
func (c *Client) renewals(l *Lease) int {
	c.keeper.mu.Lock()
	defer c.keeper.mu.Unlock()
	return l.renewals
}
