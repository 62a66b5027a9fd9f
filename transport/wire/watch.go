package wire

import "time"

// Kinds of holders.
const (
	HolderLease     = "lease"
	HolderAnonymous = "anonymous" // occupied without a lease
	HolderRate      = "rate"      // rate_limit grants, which only decay gives back
	HolderGrace     = "grace"     // an expired lease's slots, kept for the limit's grace
)

// Holder is one holding of a limit's slots.
type Holder struct {
	Kind      string    `json:"kind"`
	ID        string    `json:"id,omitempty"`
	Token     uint64    `json:"token,omitempty"`
	Slots     int64     `json:"slots"` // what has not decayed, rounded up
	Ordinals  []uint32  `json:"ordinals,omitempty"`
	Owner     Owner     `json:"owner"`
	GrantedAt time.Time `json:"granted_at"`
	ExpiresIn *Duration `json:"expires_in,omitempty"` // leases, and slots in grace
}

// Holders is the 200 of GET /v1/limits/{name}/holders, oldest first.
type Holders struct {
	Holders       []Holder `json:"holders"`
	NextPageToken string   `json:"next_page_token"`
}

// Waiter is one place in a limit's queue.
type Waiter struct {
	ID            string    `json:"id"`
	Position      int64     `json:"position"` // from 1
	Slots         int64     `json:"slots"`
	Owner         Owner     `json:"owner"`
	WaitingFor    Duration  `json:"waiting_for"`
	DeadlineIn    Duration  `json:"deadline_in"`
	ParkedOn      string    `json:"parked_on,omitempty"` // the limit that holds it up
	Protected     bool      `json:"protected"`           // slots are kept for it
	Parted        bool      `json:"parted,omitempty"`    // has stepped aside, and blocks nobody
	EstimatedWait *Duration `json:"estimated_wait,omitempty"`
}

// Queue is the 200 of GET /v1/limits/{name}/queue, oldest first.
type Queue struct {
	Waiters       []Waiter `json:"waiters"`
	NextPageToken string   `json:"next_page_token"`
}

// ExplainRequest is the body of POST /v1/explain.
type ExplainRequest struct {
	Limits []Entry `json:"limits"`
	Mode   string  `json:"mode,omitempty"`
}

// Explanation is the 200 of POST /v1/explain: what an acquire would meet now.
type Explanation struct {
	WouldGrant    bool             `json:"would_grant"`
	EstimatedWait *Duration        `json:"estimated_wait,omitempty"` // absent where nothing can be said
	Quarantine    *Duration        `json:"quarantine,omitempty"`     // how long limits without decay grant nothing after a restore; absent: they do
	Limits        []ExplainedLimit `json:"limits"`
	Problem       *Problem         `json:"problem,omitempty"` // where it would be refused at once
}

// ExplainedLimit is one limit of an Explanation.
type ExplainedLimit struct {
	Name     string    `json:"name"`
	Slots    int64     `json:"slots"`
	Occupied int64     `json:"occupied"`
	Needed   int64     `json:"needed"`
	Ahead    int64     `json:"ahead"`
	FreeIn   *Duration `json:"free_in,omitempty"` // absent where nothing can be said
	Holders  []Holder  `json:"holders"`           // the oldest 10

	Quarantined bool `json:"quarantined,omitempty"` // it grants nothing until the quarantine ends
}
