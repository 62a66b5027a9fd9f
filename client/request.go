package client

import (
	"math"
	"slices"
	"time"

	"github.com/limitd/limitd/transport/wire"
)

// Slots says how many slots of which limits.
type Slots map[string]int64

// Owner says who holds or waits, for people to read: a name, the host, the
// process's id, and Meta, whatever else helps to find it.
type Owner = wire.Owner

// GrantedLimit is what a lease has of one limit: its Name, the Slots, whether
// they were Counted (not where the limit is inactive, or in shadow and full),
// and the Ordinals of a numbered limit.
type GrantedLimit = wire.GrantedLimit

// Waiting is what Request.OnWait is told: the Position in the queue, from 1, what the
// acquire is BlockedBy, and an EstimatedWait, nil where nothing can be said.
type Waiting = wire.Waiting

// Blocker is a limit in an acquire's way: its Name, its Slots and how many of them
// are Occupied, and how many waiters come first there.
type Blocker = wire.Blocker

// Forever as Request.Wait means: until ctx ends.
const Forever = time.Duration(math.MinInt64)

// What an acquire does about limits that do not exist, for Request.Missing.
const (
	MissingError  = wire.MissingError  // fail with ErrLimitNotFound
	MissingSkip   = wire.MissingSkip   // go on without them
	MissingCreate = wire.MissingCreate // make them, inactive: they limit nothing until somebody enables them
)

// Request says what to acquire: all of Limits and RateLimits in one step, or
// nothing.
type Request struct {
	// Limits are slots that are held until the lease ends.
	Limits Slots
	// RateLimits are slots that come back only by their limit's decay.
	RateLimits Slots
	// Wait is how long to stand in the queue. 0: not at all, ErrDenied where there
	// is no room. Forever, or any negative time: until ctx ends; the cluster keeps a
	// place for 24 h, and who waits for longer stands at the end again.
	Wait time.Duration
	// TTL is how long the lease lives without a renewal, 1 s to 24 h. 0: the
	// cluster's default (60 s). Longer rides out longer outages; shorter gives
	// the slots of a crashed program back sooner.
	TTL time.Duration
	// Missing is MissingError, MissingSkip or MissingCreate. "": MissingError.
	Missing string
	// Owner replaces Config.Owner.
	Owner *Owner
	// ID is the acquire's id, where the program has one that it can come back
	// with, after a crash for instance: 1 to 64 of A-Z a-z 0-9 _ . : - and no
	// other use of it for other slots. "": Acquire makes one, which spares a
	// round trip.
	ID string
	// OnWait is called, where it is not nil, as soon as the acquire stands in the
	// queue, and at least each Config.Hold while it does. Acquire goes on when it
	// returns; the place in the queue does not outlive a call of OnWait of more than
	// 15 s, and Acquire then fails with ErrCancelled.
	OnWait func(Waiting)
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
		ID: id, Wait: wire.Duration(wait), TTL: wire.Duration(r.TTL), Owner: owner, Missing: r.Missing, Limits: r.entries(),
	}
	if wait > 0 {
		body.Hold = wire.Duration(cfg.Hold).Ptr()
	}
	return body
}

// entries lists all that is asked for.
func (r Request) entries() []wire.Entry {
	return append(entries(r.Limits, wire.ModeConcurrency), entries(r.RateLimits, wire.ModeRateLimit)...)
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
