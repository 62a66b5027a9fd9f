package client

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/limitd/limitd/transport/wire"
)

// What calls end in, for errors.Is. Those up to ErrLeaseNotFound are the server's
// codes, and any other code of transport/wire can be asked for alike; the rest
// are this package's own.
const (
	ErrDenied        = wire.CodeDenied           // a try found no room; Error.RetryAfter tells when to come again
	ErrTimeout       = wire.CodeWaitExpired      // the wait ran out
	ErrLimitNotFound = wire.CodeLimitNotFound    // a limit does not exist, and Request.Missing is MissingError
	ErrNeverFits     = wire.CodeNeverFits        // more slots were asked for than the limit has
	ErrNoDecay       = wire.CodeNoDecay          // RateLimits names a limit without decay
	ErrLimitDeleted  = wire.CodeLimitDeleted     // while the acquire waited
	ErrCancelled     = wire.CodeCancelled        // somebody cancelled the acquire
	ErrLeaseEnded    = wire.CodeLeaseEnded       // the lease of Request.ID has ended: use a new id
	ErrIDReused      = wire.CodeIDReused         // Request.ID was used for another request
	ErrInvalid       = wire.CodeInvalidRequest   // the request makes no sense; Error.Fields tells all that is wrong
	ErrTooMany       = wire.CodeTooMany          // the cluster's bound of limits or leases is reached
	ErrPermission    = wire.CodePermissionDenied // the token lacks a permission
	ErrUnauthorized  = wire.CodeUnauthenticated  // no token, or one that is not known
	ErrNoLeader      = wire.CodeNoLeader         // no majority of the nodes works, and Config.GiveUp is over

	// Those that may have had an effect, or may be tried again at once.
	ErrOverloaded     = wire.CodeOverloaded     // the cluster, or the node, has too much to do; Error.RetryAfter tells when to come again
	ErrOutcomeUnknown = wire.CodeOutcomeUnknown // whether the call did something is not known; Error.Effect says so, too

	// Those of the calls about limits and leases.
	ErrLimitExists   = wire.CodeLimitExists      // CreateLimit or a new name meets another limit
	ErrRevision      = wire.CodeRevisionMismatch // the limit was changed meanwhile
	ErrLeaseNotFound = wire.CodeLeaseNotFound    // no lease has that token, or not any more

	// ErrLeaseLost is why a lease's context was cancelled: it was not renewed in
	// time, or the cluster says that it has ended: then it Is ErrLeaseEnded too.
	ErrLeaseLost wire.Code = "lease_lost"
	// ErrReleased is why a lease's context was cancelled: the program released it.
	ErrReleased wire.Code = "released"
	// ErrClosed says that the client was closed.
	ErrClosed wire.Code = "client_closed"
	// ErrInterrupted says that ctx ended before there was an answer: the slots
	// were not free yet, for instance.
	ErrInterrupted wire.Code = "interrupted"
	// ErrUnreachable says that no node gave an answer in time.
	ErrUnreachable wire.Code = "unreachable"
	// ErrUntrusted says that no node and the client agree on TLS: one of them
	// speaks http, or does not believe the other's certificate.
	ErrUntrusted wire.Code = "untrusted"
	// ErrNotLimitd says that what answered at the address is not limitd.
	ErrNotLimitd wire.Code = "not_limitd"
)

// Code is what the constants above are. It is an error, for errors.Is.
type Code = wire.Code

// FieldError is what is wrong with one field: its Field, by its name in Request,
// and the Detail.
type FieldError = wire.FieldError

// Effect tells whether a failed call may have done something.
type Effect = wire.Effect

const (
	EffectNone    = wire.EffectNone    // nothing happened, and nothing will
	EffectUnknown = wire.EffectUnknown // it may have happened, or still happen
)

// Error is how every failed call tells its reason. errors.Is compares its Code
// and its Cause, never its text.
type Error struct {
	Code   Code
	Status int    // of HTTP; 0: there was no answer
	Detail string // what is wrong, for people
	Hint   string // how to mend it, for people; may be empty
	// RetryAfter is the time after which another try can succeed; negative where
	// nothing can be said.
	RetryAfter time.Duration
	// Effect tells whether the call may have done something.
	Effect    Effect
	Fields    []FieldError // all that is wrong with the request
	Position  int64        // in the queue, from 1, of a denied acquire
	BlockedBy []Blocker    // the limits in a denied acquire's way
	RequestID string       // by which the node's log calls the exchange
	Cause     error        // a fault of the network, or why ctx ended; may be nil

	retry bool // the same request may be sent again
}

// Error says what went wrong, and how to mend it.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "limitd: %s", e.Code)
	if e.Detail != "" {
		fmt.Fprintf(&b, ": %s", e.Detail)
	}
	for _, f := range e.Fields {
		if !strings.Contains(e.Detail, f.Detail) { // a node's Detail tells the only one
			fmt.Fprintf(&b, "; %s: %s", f.Field, f.Detail)
		}
	}
	if e.Cause != nil {
		fmt.Fprintf(&b, ": %v", e.Cause)
	}
	if e.Hint != "" {
		fmt.Fprintf(&b, " (%s)", e.Hint)
	}
	return b.String()
}

// Unwrap returns the code, and the cause where there is one.
func (e *Error) Unwrap() []error {
	if e.Cause != nil {
		return []error{e.Code, e.Cause}
	}
	return []error{e.Code}
}

// fromProblem makes an Error of the server's answer.
func fromProblem(p *wire.Problem, status int) *Error {
	e := &Error{
		Code: p.Code, Status: status, Detail: p.Detail, Hint: cmp.Or(hints[p.Code], p.Hint), Effect: p.Effect, Fields: p.Errors,
		Position: p.Position, BlockedBy: p.BlockedBy, RequestID: p.RequestID, RetryAfter: -1,
	}
	if n := len(p.Errors); n > 1 { // the node's tells the first of them
		e.Detail = fmt.Sprintf("%d things are wrong with the request", n)
	}
	if p.RetryAfter != nil {
		e.RetryAfter = time.Duration(*p.RetryAfter)
	}
	known := p.Code.Info()
	if known.Status == status {
		e.retry = known.Retry == wire.RetrySameID
		return e
	}
	e.retry = status >= http.StatusInternalServerError // a code of a newer server
	return e
}

// unreached is an exchange that got no answer.
func unreached(cause error) *Error {
	return &Error{Code: ErrUnreachable, Detail: "the node gave no answer", RetryAfter: -1, Effect: wire.EffectUnknown, Cause: cause, retry: true}
}

// foreign is an answer that no limitd node gave: a proxy's, or another server's.
func foreign(status int, cause error) *Error {
	e := &Error{
		Code: ErrNotLimitd, Status: status, Detail: fmt.Sprintf("the answer (status %d) is not limitd's", status),
		Hint: "is the address that of a limitd node, or of a proxy before one?", RetryAfter: -1, Effect: wire.EffectUnknown, Cause: cause,
	}
	e.retry = status >= http.StatusInternalServerError || status < http.StatusMultipleChoices
	return e
}

// invalid is a request that is refused before it is sent.
func invalid(detail, hint string) *Error {
	return &Error{Code: ErrInvalid, Detail: detail, Hint: hint, RetryAfter: -1, Effect: wire.EffectNone}
}

// lost is why a lease's context ends without the program having released it.
func lost(detail string, cause error) *Error {
	return &Error{Code: ErrLeaseLost, Detail: detail, RetryAfter: -1, Effect: wire.EffectNone, Cause: cause}
}

// asError returns err as an *Error; all of this package's are.
func asError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return unreached(err)
}
