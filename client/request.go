package client

import (
	"math"
	"slices"
	"time"

	"github.com/limitd/limitd/transport/wire"
)

// Slots says how many slots of which limits.
type Slots map[string]int64

// Forever as Request.Wait means: until ctx ends.
const Forever = time.Duration(math.MinInt64)

// What an acquire does about limits that do not exist, for Request.Missing.
const (
	MissingError  = wire.MissingError  // fail with ErrLimitNotFound
	MissingSkip   = wire.MissingSkip   // go on without them
	MissingCreate = wire.MissingCreate // make them, inactive: they limit nothing until somebody gives them slots
)

// Request says what to acquire: all of Limits and RateLimits in one step, or
// nothing.
type Request struct {
	// Limits are slots that are held until the lease ends.
	Limits Slots
	// RateLimits are slots that come back only by their limit's decay.
	RateLimits Slots
	// Wait is how long to stand in the queue. 0: not at all, ErrDenied where there
	// is no room. Forever, or any negative time: until ctx ends.
	Wait time.Duration
	// TTL is how long the lease lives without a renewal, 1 s to 24 h. 0: the
	// cluster's default (60 s). Longer rides out longer outages; shorter gives
	// the slots of a crashed program back sooner.
	TTL time.Duration
	// Missing is MissingError, MissingSkip or MissingCreate. "": MissingError.
	Missing string
	// Owner replaces Config.Owner.
	Owner *wire.Owner
	// ID is the acquire's id, where the program has one that it can come back
	// with, after a crash for instance: 1 to 64 of A-Z a-z 0-9 _ . : - and no
	// other use of it for other slots. "": Acquire makes one, which spares a
	// round trip.
	ID string
	// Manual leaves renewing to the program, by Lease.Renew.
	Manual bool
}

// longestWait is the longest that the cluster lets an acquire stand.
const longestWait = 24 * time.Hour

// body returns the request's body under id, with the given time to wait.
func (r Request) body(cfg Config, id string, wait time.Duration) wire.AcquireRequest {
	owner := r.Owner
	if owner == nil {
		owner = cfg.Owner
	}
	body := wire.AcquireRequest{
		ID: id, Wait: wire.Duration(wait), TTL: wire.Duration(r.TTL), Owner: owner, Missing: r.Missing,
		Limits: append(entries(r.Limits, wire.ModeConcurrency), entries(r.RateLimits, wire.ModeRateLimit)...),
	}
	if wait > 0 {
		body.Hold = wire.Duration(cfg.Hold).Ptr()
	}
	return body
}

// entries lists slots in the order of their names: an id stands for one
// request, entry by entry.
func entries(slots Slots, mode string) []wire.Entry {
	list := make([]wire.Entry, 0, len(slots))
	for name, n := range slots {
		list = append(list, wire.Entry{Name: name, Slots: n, Mode: mode})
	}
	slices.SortFunc(list, func(a, b wire.Entry) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return list
}
