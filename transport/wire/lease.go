package wire

import "time"

// Reasons why a release released nothing.
const (
	ReasonExpired = "expired" // the lease had ended by its time
	ReasonUnknown = "unknown" // no such grant, or forgotten
	ReasonForced  = "forced"  // an operator had released it
)

// States of a lease that a renew tells.
const (
	LeaseHeld    = "held"
	LeaseGone    = "gone"    // ended, or never known
	LeaseWaiting = "waiting" // the id still stands in the queue
)

// ReleaseRequest is the body of POST /v1/release: Token or ID, not both.
type ReleaseRequest struct {
	Token uint64 `json:"token,omitempty"`
	ID    string `json:"id,omitempty"`
}

// Released is the 200 of POST /v1/release.
type Released struct {
	Released bool   `json:"released"`
	Reason   string `json:"reason,omitempty"` // where Released is false
	Replayed bool   `json:"replayed,omitempty"`
}

// RenewRequest is the body of POST /v1/renew.
type RenewRequest struct {
	Tokens []uint64 `json:"tokens,omitempty"`
	IDs    []string `json:"ids,omitempty"`
	TTL    Duration `json:"ttl,omitempty"` // 0: each lease's own
}

// Renewed is the 200 of POST /v1/renew, in the order of the request: tokens,
// then ids.
type Renewed struct {
	Leases []RenewedLease `json:"leases"`
}

// RenewedLease is one lease of a renew.
type RenewedLease struct {
	Token     uint64   `json:"token,omitempty"`
	ID        string   `json:"id,omitempty"`
	State     string   `json:"state"`
	ExpiresIn Duration `json:"expires_in,omitempty"` // where held
}

// CancelRequest is the body of POST /v1/cancel.
type CancelRequest struct {
	ID string `json:"id"`
}

// Cancelled is the 200 of POST /v1/cancel.
type Cancelled struct {
	Cancelled bool `json:"cancelled"` // false: it had ended before
	Replayed  bool `json:"replayed,omitempty"`
}

// Lease is a grant with an owner and an end.
type Lease struct {
	Token     uint64         `json:"token"`
	ID        string         `json:"id"`
	Owner     Owner          `json:"owner"`
	TTL       Duration       `json:"ttl"`
	ExpiresIn Duration       `json:"expires_in"`
	Held      Duration       `json:"held"` // since the grant
	GrantedAt time.Time      `json:"granted_at"`
	Limits    []GrantedLimit `json:"limits"`
}

// Leases is the 200 of GET /v1/leases.
type Leases struct {
	Leases        []Lease `json:"leases"`
	NextPageToken string  `json:"next_page_token"`
}
