package client

import (
	"context"
	"iter"
	"net/http"
	"strconv"
	"time"

	"github.com/limitd/limitd/transport/wire"
)

// LeaseInfo is a lease of anybody's, as those see it who do not hold it.
type LeaseInfo struct {
	Token     uint64
	ID        string // of the acquire
	Owner     Owner
	TTL       time.Duration // without a renewal
	ExpiresIn time.Duration // what is left of it
	Held      time.Duration // since the grant
	GrantedAt time.Time
	Limits    []GrantedLimit
}

// LeaseFilter chooses leases; the zero value chooses all.
type LeaseFilter struct {
	Limit     string        // leases that have slots of it
	Owner     string        // the name of their owner
	OlderThan time.Duration // held for at least so long
}

// Leases lists leases, oldest first. It is a list as Limits is.
func (c *Client) Leases(ctx context.Context, f LeaseFilter, options ...ReadOption) iter.Seq2[*LeaseInfo, error] {
	x := c.exchange(http.MethodGet, "/v1/leases")
	x.query = reading(options)
	if f.Limit != "" {
		x.query.Set("limit", f.Limit)
	}
	if f.Owner != "" {
		x.query.Set("owner", f.Owner)
	}
	if f.OlderThan != 0 {
		x.query.Set("older_than", wire.Duration(f.OlderThan).String())
	}
	return pages(ctx, c, x, func(p *wire.Leases) ([]wire.Lease, string) { return p.Leases, p.NextPageToken }, leaseInfo)
}

// LeaseByToken reads the lease that has a token. Its error is ErrLeaseNotFound
// where there is none, or not any more.
func (c *Client) LeaseByToken(ctx context.Context, token uint64, options ...ReadOption) (*LeaseInfo, error) {
	x := c.onLease(http.MethodGet, token)
	x.query = reading(options)
	var out wire.Lease
	if err := c.do(ctx, x, &out); err != nil {
		return nil, err
	}
	return leaseInfo(&out), nil
}

// ForceRelease ends the lease that has a token in its holder's stead: the slots
// are free at once, and the holder learns of it with its next renewal, up to a
// third of the TTL later. Make sure that it does not work any more.
func (c *Client) ForceRelease(ctx context.Context, token uint64) error {
	return c.write(ctx, c.onLease(http.MethodDelete, token), nil)
}

func (c *Client) onLease(method string, token uint64) exchange {
	x := c.exchange(method, "/v1/leases/"+strconv.FormatUint(token, 10))
	x.route = "/v1/leases/{token}"
	return x
}

func leaseInfo(w *wire.Lease) *LeaseInfo {
	return &LeaseInfo{
		Token: w.Token, ID: w.ID, Owner: w.Owner, TTL: time.Duration(w.TTL), ExpiresIn: time.Duration(w.ExpiresIn),
		Held: time.Duration(w.Held), GrantedAt: w.GrantedAt, Limits: w.Limits,
	}
}
