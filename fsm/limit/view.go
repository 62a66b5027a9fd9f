package limit

import "github.com/limitd/limitd/fsm/command"

// HolderKind says what occupies slots.
type HolderKind uint8

const (
	HolderLease     HolderKind = iota
	HolderAnonymous            // occupied without a lease
	HolderRate                 // rate_limit grants, which only decay gives back
	HolderGrace                // an expired lease's slots, kept for the limit's grace
)

// Holder is one holding of slots of a limit.
type Holder struct {
	Kind        HolderKind
	ID          string
	Token       uint64
	Slots       int64 // what has not decayed, rounded up
	Ordinals    []uint32
	Owner       command.Owner
	GrantedWall int64 // unix ns, for display
	ExpiresIn   int64 // ns of cluster time; leases, and slots in grace
}

// Waiter is one place in a limit's queue.
type Waiter struct {
	ID            string
	Age           uint64
	Position      int64 // from 1, among those that name the limit
	Slots         int64 // that it asks of this limit
	Owner         command.Owner
	WaitingFor    int64 // ns
	DeadlineIn    int64 // ns
	ParkedOn      string
	Protected     bool
	Parted        bool
	EstimatedWait int64 // ns; -1: nothing can be said
}

// Lease is a grant with an owner and an end.
type Lease struct {
	ID          string
	Token       uint64
	Owner       command.Owner
	TTL         int64 // ns
	ExpiresIn   int64 // ns of cluster time
	Held        int64 // ns since the grant
	GrantedWall int64 // unix ns, for display
	Limits      []command.GrantedLimit
}

// LimitFilter selects limits; empty fields select all.
type LimitFilter struct {
	Prefix string
	Labels []command.Pair         // all must match
	May    func(name string) bool // which names may be told; nil: all
}

// LeaseFilter selects leases; zero fields select all.
type LeaseFilter struct {
	Limit     string
	Owner     string // the owner's name
	OlderThan int64  // ns since the grant
}

// Explanation says what an acquire would meet.
type Explanation struct {
	WouldGrant    bool
	EstimatedWait int64 // ns; -1: nothing can be said
	Problem       *command.Problem
	Quarantine    int64 // ns until limits without decay grant again after a restore; 0: they do
	Limits        []ExplainedLimit
}

// ExplainedLimit is one limit of an Explanation.
type ExplainedLimit struct {
	Name                           string
	Slots, Occupied, Needed, Ahead int64
	FreeIn                         int64    // ns until the slots can be free; 0: they are; -1: nothing can be said
	Quarantined                    bool     // it grants nothing until the quarantine ends
	Holders                        []Holder // the oldest 10
}

// Counts are the sizes of the state, for metrics.
type Counts struct {
	Limits, Leases, Waiters, Remembered, Holdings int
}
