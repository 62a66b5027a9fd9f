package wire

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
)

// TypePrefix precedes the code in a problem's type.
const TypePrefix = "urn:limitd:error:"

// Problem is the body of every failure: RFC 9457 with limitd's own members. It
// is an error; errors.Is compares its code.
type Problem struct {
	Type      string       `json:"type"`
	Title     string       `json:"title"`
	Status    int          `json:"status"`
	Code      Code         `json:"code"`
	Detail    string       `json:"detail"`
	Hint      string       `json:"hint,omitempty"` // how to mend it
	Effect    Effect       `json:"effect"`
	RequestID string       `json:"request_id"`
	Errors    []FieldError `json:"errors,omitempty"`  // all that is wrong with the request
	Similar   []string     `json:"similar,omitempty"` // of CodeLimitNotFound: names that are near, nearest first

	// Of an acquire that got no slots.
	Granted    *bool     `json:"granted,omitempty"` // false
	ID         string    `json:"id,omitempty"`      // the acquire's id, also where the node made it
	RetryAfter *Duration `json:"retry_after,omitempty"`
	Position   int64     `json:"position,omitempty"` // in the queue, from 1
	BlockedBy  []Blocker `json:"blocked_by,omitempty"`
	Quarantine *Duration `json:"quarantine,omitempty"` // how long limits without decay grant nothing after a restore; absent: they do
	Replayed   bool      `json:"replayed,omitempty"`
}

// FieldError is one thing that is wrong with a request.
type FieldError struct {
	Field  string `json:"field"` // path in the body ("limits[0].name"), a query parameter or a header
	Detail string `json:"detail"`
}

// NewProblem returns a problem of code with what the table says about it.
func NewProblem(code Code, detail string) *Problem {
	info := code.Info()
	return &Problem{
		Type: TypePrefix + string(code), Title: info.Title, Status: info.Status,
		Code: code, Detail: detail, Effect: info.Effect,
	}
}

// Error says what went wrong, and how to mend it.
func (p *Problem) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", p.Code, p.Detail)
	for _, e := range p.Errors {
		fmt.Fprintf(&b, "; %s: %s", e.Field, e.Detail)
	}
	if p.Hint != "" {
		fmt.Fprintf(&b, " (%s)", p.Hint)
	}
	return b.String()
}

// Unwrap returns the code, so that errors.Is(err, wire.CodeDenied) works.
func (p *Problem) Unwrap() error { return p.Code }

// SpeaksTLS tells whether an answer to a request by http says that the server
// wants https: Go's servers say so in this sentence, before anything else is read.
func SpeaksTLS(status int, body []byte) bool {
	return status == http.StatusBadRequest && bytes.HasPrefix(body, []byte("Client sent an HTTP request to an HTTPS server."))
}
