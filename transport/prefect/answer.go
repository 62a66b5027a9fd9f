package prefect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/transport/prefect/lax"
	"github.com/limitd/limitd/transport/wire"
)

// failure is an answer other than success. It is an error.
type failure struct {
	kind   kind
	text   string        // in place of what the table says
	faults []lax.Fault   // of invalid
	after  time.Duration // when to come again, of locked
}

// Error says what the client is told.
func (f *failure) Error() string {
	if f.text != "" {
		return f.text
	}
	return f.kind.row().text
}

// kind is a kind of failure, with a row in the table.
type kind uint8

const (
	invalid kind = iota // the body or a parameter is not what it should be
	refused             // the limits do not allow it, ever
	badHeader
	crossOrigin
	unauthorized // no token, or none that is accepted
	forbidden    // the token does not allow it
	noRoute
	badMethod
	noLimit
	conflict
	noLease
	tooLarge
	locked
	internal
	busy        // for a moment: the client tries a few times
	unavailable // for a moment: the client tries until it is over
	upstreamDown
)

// row is how Prefect's server words a kind of failure.
type row struct {
	status int
	key    string // of the body's one field
	text   string
	retry  string // header Retry-After, in seconds
	// maintenance tells the client not to count its tries.
	maintenance bool
}

// row returns the kind's row in the table of all failures.
func (k kind) row() row {
	return [...]row{
		invalid:      {status: http.StatusUnprocessableEntity, key: "exception_message", text: "Invalid request received."},
		refused:      {status: http.StatusUnprocessableEntity, key: "detail"},
		badHeader:    {status: http.StatusBadRequest, key: "detail"},
		crossOrigin:  {status: http.StatusForbidden, key: "detail", text: "A browser may write only from a page of this very origin"},
		unauthorized: {status: http.StatusUnauthorized, key: "exception_message", text: "Unauthorized"},
		forbidden:    {status: http.StatusForbidden, key: "detail"},
		noRoute:      {status: http.StatusNotFound, key: "detail", text: "Not Found"},
		badMethod:    {status: http.StatusMethodNotAllowed, key: "detail", text: "Method Not Allowed"},
		noLimit:      {status: http.StatusNotFound, key: "detail", text: "Concurrency Limit not found"},
		conflict: {status: http.StatusConflict, key: "detail", text: "Data integrity conflict. This usually means a unique or foreign " +
			"key constraint was violated. See server logs for details."},
		noLease:      {status: http.StatusGone, key: "detail", text: "Lease not found - it may have expired or been revoked"},
		tooLarge:     {status: http.StatusRequestEntityTooLarge, key: "detail", text: "A body may have at most 1 MiB"},
		locked:       {status: http.StatusLocked, key: "detail", text: "Locked"},
		internal:     {status: http.StatusInternalServerError, key: "exception_message", text: "Internal Server Error"},
		busy:         {status: http.StatusServiceUnavailable, key: "exception_message", text: "Service Unavailable", retry: "1"},
		unavailable:  {status: http.StatusServiceUnavailable, key: "exception_message", text: "Service Unavailable", retry: "0.2", maintenance: true},
		upstreamDown: {status: http.StatusServiceUnavailable, key: "exception_message", text: "Service Unavailable", retry: "1", maintenance: true},
	}[k]
}

// errGone says that the client has hung up, so that nobody is left to answer.
var errGone = errors.New("prefect: the client has hung up")

// fail answers with err.
func (c *call) fail(err error) {
	if errors.Is(err, errGone) {
		panic(http.ErrAbortHandler) // nobody reads an answer
	}
	var f *failure
	if !errors.As(err, &f) {
		c.api.cfg.Logger.Error("a request of a Prefect client failed", "route", c.pattern(), "err", err)
		f = &failure{kind: internal}
	}
	r := f.kind.row()
	switch {
	case f.kind == locked:
		c.w.Header().Set("Retry-After", seconds(f.after))
	case r.retry != "":
		c.w.Header().Set("Retry-After", r.retry)
	}
	if r.maintenance {
		c.w.Header().Set("Prefect-Maintenance", "true")
	}
	if f.kind == invalid {
		c.json(r.status, invalidBody{r.text, f.faults, c.echo()})
		return
	}
	c.json(r.status, map[string]string{r.key: f.Error()})
}

// invalidBody tells what is wrong with a request.
type invalidBody struct {
	Message string          `json:"exception_message"`
	Detail  []lax.Fault     `json:"exception_detail"`
	Body    json.RawMessage `json:"request_body"`
}

// seconds writes a span as Python's float reads it.
func seconds(d time.Duration) string {
	return strconv.FormatFloat(d.Seconds(), 'f', -1, 64)
}

// json answers with v.
func (c *call) json(status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		c.api.cfg.Logger.Error("an answer cannot be written as JSON", "route", c.pattern(), "err", err)
		status, body = http.StatusInternalServerError, []byte("null")
	}
	h := c.w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	c.head(status)
	_, _ = c.w.Write(body) // a client that is gone: whoever granted something looks after it
}

// empty answers that it is done, without a body.
func (c *call) empty() { c.head(http.StatusNoContent) }

// limitAnswer gives the answer, or its next piece, its time to be taken where it is a
// stream of HTTP/2: its client may read all else of the connection.
func (c *call) limitAnswer(until time.Time) {
	if c.r.ProtoMajor >= 2 {
		_ = http.NewResponseController(c.w).SetWriteDeadline(until)
	}
}

func (c *call) head(status int) {
	c.limitAnswer(time.Now().Add(c.api.cfg.WriteTimeout))
	c.status = status
	c.w.Header().Set(wire.HeaderNode, c.api.cfg.Node)
	c.w.WriteHeader(status)
}

// backendError turns an error of the backend into what the client is told.
func (c *call) backendError(err error) error {
	if c.r.Context().Err() != nil {
		return errGone
	}
	switch code := c.api.cfg.Classify(err); code {
	case wire.CodeNoLeader, wire.CodeShuttingDown, wire.CodeOutcomeUnknown, wire.CodeDiskFailure:
		return &failure{kind: unavailable}
	case wire.CodeOverloaded:
		return &failure{kind: busy}
	case wire.CodeBodyTooLarge:
		return &failure{kind: tooLarge}
	default:
		if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
			return &failure{kind: unavailable}
		}
		return fmt.Errorf("%s: %w", c.pattern(), err)
	}
}

// refusal turns a refusal of the state machine into what the client is told.
func refusal(p *command.Problem) error {
	switch p.Code {
	case command.CodeNeverFits:
		return &failure{kind: refused, text: "Slots requested is greater than the limit"}
	case command.CodeLimitNotFound, command.CodeLimitDeleted:
		return &failure{kind: noLimit}
	case command.CodeLimitExists:
		return &failure{kind: conflict}
	case command.CodeOverloaded, command.CodeTooMany:
		return &failure{kind: busy}
	case command.CodeTooOld, command.CodeNotInForce:
		return &failure{kind: unavailable}
	case command.CodeCancelled, command.CodeLeaseEnded:
		return &failure{kind: locked, after: comeAgain}
	case command.CodeInvalid, command.CodeNoDecay:
		return &failure{kind: refused, text: p.Error()}
	}
	return fmt.Errorf("an unexpected refusal: %w", p)
}
