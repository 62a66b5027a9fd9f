package wire

import "time"

// Modes of an entry.
const (
	ModeConcurrency = "concurrency" // slots come back by release or by the lease's end
	ModeRateLimit   = "rate_limit"  // slots come back only by decay
)

// What an acquire does about limits that do not exist.
const (
	MissingError  = "error"  // refuse it
	MissingSkip   = "skip"   // go on without them
	MissingCreate = "create" // make them, inactive
)

// States of an acquire.
const (
	StateWaiting = "waiting"
	StateGranted = "granted"
	StateEnded   = "ended"
)

// AcquireRequest is the body of POST /v1/acquire.
type AcquireRequest struct {
	ID      string    `json:"id,omitempty"` // CheckID; "": the node makes one
	Limits  []Entry   `json:"limits"`       // 1 to MaxLimits, no name twice
	Mode    string    `json:"mode,omitempty"`
	Wait    Duration  `json:"wait,omitempty"`   // 0: answer at once
	Hold    *Duration `json:"hold,omitempty"`   // longest silence before a 202; nil: all of Wait
	Linger  Duration  `json:"linger,omitempty"` // how long the place outlives its last open call; 0: DefaultLinger
	TTL     Duration  `json:"ttl,omitempty"`    // 0: the cluster's default
	Owner   *Owner    `json:"owner,omitempty"`
	Missing string    `json:"missing,omitempty"`
}

// Entry is one limit of an acquire.
type Entry struct {
	Name  string `json:"name"`
	Slots int64  `json:"slots"`          // at least 1; a body that leaves it out means 1
	Mode  string `json:"mode,omitempty"` // "": that of the acquire
}

// Owner says who asks, for people to read.
type Owner struct {
	Name string            `json:"name,omitempty"`
	Host string            `json:"host,omitempty"`
	PID  int64             `json:"pid,omitempty"`
	Meta map[string]string `json:"meta,omitempty"`
}

// Grant is the 200 of POST /v1/acquire.
type Grant struct {
	Granted   bool           `json:"granted"` // true
	ID        string         `json:"id"`
	Token     uint64         `json:"token"`                // unique and rising over all grants of the cluster
	TTL       Duration       `json:"ttl,omitempty"`        // absent where no lease comes of it
	Waited    Duration       `json:"waited"`               // cluster time from the id's first record to the grant
	ExpiresIn Duration       `json:"expires_in,omitempty"` // absent where no lease comes of it
	GrantedAt time.Time      `json:"granted_at"`
	ExpiresAt time.Time      `json:"expires_at,omitzero"` // absent where no lease comes of it
	Limits    []GrantedLimit `json:"limits"`              // in the order of the request
	Skipped   []string       `json:"skipped"`             // missing limits that were skipped
	Replayed  bool           `json:"replayed"`            // the id had been granted before
}

// HasLease tells whether a lease comes of g. A grant of rate_limit entries
// alone has none.
func (g *Grant) HasLease() bool { return g.TTL != 0 }

// GrantedLimit is one limit of a grant or lease.
type GrantedLimit struct {
	ID        string   `json:"id"`
	Name      string   `json:"name"`
	Slots     int64    `json:"slots"`
	Mode      string   `json:"mode"`
	Counted   bool     `json:"counted"`              // false: the limit is inactive, or in shadow and full
	WouldDeny bool     `json:"would_deny,omitempty"` // in shadow: enforcing, it would not have let this pass
	Ordinals  []uint32 `json:"ordinals,omitempty"`   // which slots of a numbered limit
}

// Waiting is the 202 of POST /v1/acquire: the acquire stands in the queue. Post
// the same id again.
type Waiting struct {
	Granted       bool      `json:"granted"` // false
	State         string    `json:"state"`   // StateWaiting
	ID            string    `json:"id"`
	Position      int64     `json:"position"` // from 1
	BlockedBy     []Blocker `json:"blocked_by"`
	EstimatedWait *Duration `json:"estimated_wait,omitempty"` // absent where nothing can be said
	Quarantine    *Duration `json:"quarantine,omitempty"`     // how long limits without decay grant nothing after a restore; absent: they do
}

// Blocker is a limit that stands in an acquire's way.
type Blocker struct {
	Name     string `json:"name"`
	Slots    int64  `json:"slots"`
	Occupied int64  `json:"occupied"`
	Ahead    int64  `json:"ahead"` // waiters that come first there
}

// AcquireStatus is the 200 of GET /v1/acquires/{id}. Of the last three, the one
// that State names is set.
type AcquireStatus struct {
	ID      string   `json:"id"`
	State   string   `json:"state"`
	Waiting *Waiting `json:"waiting,omitempty"`
	Grant   *Grant   `json:"grant,omitempty"`
	Problem *Problem `json:"problem,omitempty"` // how it ended
}
