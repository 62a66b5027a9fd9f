package wire

import (
	"encoding/json"
	"time"
)

// Values of a limit's enforcement.
const (
	EnforcementEnforce = "enforce"
	EnforcementShadow  = "shadow" // judges and counts, but never blocks
)

// Limit is a limit with its status, as answers carry it. A client may send it
// back in a PUT: the fields that are output only are ignored there.
type Limit struct {
	ID          string            `json:"id"`
	Name        string            `json:"name"`
	Slots       int64             `json:"slots"`
	Active      bool              `json:"active"`
	Rate        string            `json:"rate"`                  // as it was given: "10/m"
	Decay       json.Number       `json:"slot_decay_per_second"` // the nearest decimal
	Enforcement string            `json:"enforcement"`
	Numbered    bool              `json:"numbered"`
	Grace       Duration          `json:"grace"`
	Description string            `json:"description"`
	Labels      map[string]string `json:"labels"`
	Implicit    bool              `json:"implicit"`
	Revision    uint64            `json:"revision"`
	CreatedAt   time.Time         `json:"created_at"`
	UpdatedAt   time.Time         `json:"updated_at"`
	Status      LimitStatus       `json:"status"`
}

// LimitStatus is what goes on at a limit.
type LimitStatus struct {
	Occupied         int64    `json:"occupied"`
	Available        int64    `json:"available"`
	Waiting          int64    `json:"waiting"`
	Denied           int64    `json:"denied"`
	AvgSlotOccupancy Duration `json:"avg_slot_occupancy"`
}

// LimitRequest is the body of POST /v1/limits and PUT /v1/limits/{name}. What
// is nil gets its default.
type LimitRequest struct {
	Name        string            `json:"name,omitempty"` // POST: required; PUT: as in the path, or ""
	Slots       int64             `json:"slots"`
	Active      *bool             `json:"active,omitempty"` // default true
	Rate        string            `json:"rate,omitempty"`   // default "0/s"; Rate and Decay must agree
	Decay       json.Number       `json:"slot_decay_per_second,omitempty"`
	Enforcement string            `json:"enforcement,omitempty"`
	Numbered    bool              `json:"numbered,omitempty"`
	Grace       Duration          `json:"grace,omitempty"`
	Description string            `json:"description,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
}

// LimitPatch is the body of PATCH /v1/limits/{name} where nothing goes back to
// its default; that takes a null, which these fields cannot write.
type LimitPatch struct {
	Name        *string            `json:"name,omitempty"`
	Slots       *int64             `json:"slots,omitempty"`
	Active      *bool              `json:"active,omitempty"`
	Rate        *string            `json:"rate,omitempty"`
	Decay       *json.Number       `json:"slot_decay_per_second,omitempty"`
	Enforcement *string            `json:"enforcement,omitempty"`
	Numbered    *bool              `json:"numbered,omitempty"`
	Grace       *Duration          `json:"grace,omitempty"`
	Description *string            `json:"description,omitempty"`
	Labels      map[string]*string `json:"labels,omitempty"` // nil: drop that label
}

// Limits is the 200 of GET /v1/limits, ordered by name.
type Limits struct {
	Limits        []Limit `json:"limits"`
	NextPageToken string  `json:"next_page_token"`
}

// Freed is the 200 of POST /v1/limits/{name}/reset.
type Freed struct {
	Freed    int64 `json:"freed"`
	Replayed bool  `json:"replayed,omitempty"`
}
