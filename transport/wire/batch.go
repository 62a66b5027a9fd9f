package wire

import "encoding/json"

// BatchRequest is the body of POST /v1/batch.
type BatchRequest struct {
	Operations []Operation `json:"operations"` // 1 to MaxOperations
	// Unordered allows the operations to overtake one another, which is
	// faster; otherwise they happen in the order of the list.
	Unordered bool `json:"unordered,omitempty"`
}

// Operation is one operation of a batch: exactly one of the first four.
type Operation struct {
	Acquire *AcquireRequest `json:"acquire,omitempty"`
	Release *ReleaseRequest `json:"release,omitempty"`
	Renew   *RenewRequest   `json:"renew,omitempty"`
	Cancel  *CancelRequest  `json:"cancel,omitempty"`
	// Key is an idempotency key. It changes nothing for these four, which an
	// acquire's id and their nature make harmless to repeat.
	Key string `json:"key,omitempty"`
}

// Batch is the 200 of POST /v1/batch: one result for each operation, in order.
type Batch struct {
	Results []Result `json:"results"`
}

// Result is what the operation would have been answered alone. An acquire that
// has to wait answers 202 at once.
type Result struct {
	Status int             `json:"status"`
	Body   json.RawMessage `json:"body"`
}
