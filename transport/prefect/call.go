package prefect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/limitd/limitd/fsm"
	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/transport/auth"
	"github.com/limitd/limitd/transport/prefect/lax"
	"github.com/limitd/limitd/transport/trace"
	"github.com/limitd/limitd/transport/wire"
)

// tryTime is how long the node tries on a client's behalf, on top of waiting.
const tryTime = 10 * time.Second

// call is one exchange.
type call struct {
	api    *API
	w      http.ResponseWriter
	r      *http.Request
	route  *route // nil where none was found
	param  string // the path's parameter
	raw    []byte // of the request's body
	body   []byte // the same as a text, where it is to be read as JSON; nil: it is not, or there is none
	status int    // of the answer; 0: none yet

	caller auth.Caller // as the node's tokens tell it; the zero one before that
	about  []string    // the limits on which a right was asked for

	upstream bool // it was passed on
	asksCSRF bool // for a token of the upstream server
}

// ServeHTTP answers one request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &call{api: a, w: w, r: r}
	if parent, ok := trace.Parse(r.Header.Get(trace.Header)); ok {
		c.r = r.WithContext(trace.With(r.Context(), parent))
	}
	begun := time.Now()
	defer func() {
		fault := recover()
		if fault != nil && fault != http.ErrAbortHandler {
			c.panicked(fault)
		}
		took := time.Since(begun)
		a.metrics.observe(c, took)
		c.tell(took)
		c.audit()
		if fault == http.ErrAbortHandler || fault != nil && c.status == 0 {
			panic(http.ErrAbortHandler)
		}
	}()
	if err := c.serve(); err != nil {
		c.fail(err)
	}
}

// tell logs an exchange that is over.
func (c *call) tell(took time.Duration) {
	if !c.api.cfg.Logger.IsDebug() {
		return
	}
	args := []any{"method", c.r.Method, "route", c.pattern(), "status", c.status, "took", took.String()}
	c.api.cfg.Logger.Debug("answered a Prefect client", append(args, trace.Args(c.r.Context())...)...)
}

// panicked answers a request that met a bug, if it still can be answered.
func (c *call) panicked(fault any) {
	c.api.cfg.Logger.Error("a request of a Prefect client panicked", "route", c.pattern(), "panic", fault, "stack", string(debug.Stack()))
	if c.status == 0 {
		c.fail(&failure{kind: internal})
	}
}

func (c *call) pattern() string {
	switch {
	case c.upstream:
		return "upstream"
	case c.route == nil:
		return "none"
	}
	return Base + c.route.pattern
}

// serve finds the route, checks what all routes have in common, and runs it.
func (c *call) serve() error {
	if c.r.ContentLength != 0 {
		c.limitBody(time.Now().Add(c.api.cfg.BodyTimeout))
	}
	allow := ""
	c.route, c.param, allow = find(c.api.table, c.r.Method, c.r.URL)
	switch {
	case c.api.upstream != nil && (c.route == nil || c.route.standIn):
		if c.api.cfg.Guard != nil && c.isSocket() {
			return c.relay()
		}
		if err := c.admit(acquires); err != nil {
			return err
		}
		return c.passOn()
	case c.route == nil && allow != "":
		c.w.Header().Set("Allow", allow)
		return &failure{kind: badMethod}
	case c.route == nil:
		return &failure{kind: noRoute}
	case !c.route.always && c.api.cfg.Gate.Draining():
		return c.shuttingDown()
	case c.api.origin.Check(c.r) != nil:
		return &failure{kind: crossOrigin}
	}
	if err := c.admit(c.route.needs); err != nil {
		return err
	}
	if err := c.checkVersion(); err != nil {
		return err
	}
	if err := c.readBody(); err != nil {
		return err
	}
	return c.route.handle(c)
}

// shuttingDown sends the client to another node.
func (c *call) shuttingDown() error {
	if c.r.ProtoMajor == 1 {
		c.w.Header().Set("Connection", "close")
	}
	return &failure{kind: unavailable}
}

// checkVersion heeds the version of the API that the client speaks.
func (c *call) checkVersion() error {
	given := c.r.Header.Get("X-Prefect-Api-Version")
	if given == "" {
		return nil
	}
	parts := strings.Split(given, ".")
	version := [3]int{}
	for i, part := range parts {
		n, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil || len(parts) != len(version) {
			return &failure{kind: badHeader, text: "Invalid X-PREFECT-API-VERSION header format.Expected header in format 'x.y.z' but received " + given}
		}
		version[i] = n
	}
	if version[0] == 0 && version[1] < 8 || version[0] < 0 {
		return &failure{kind: badHeader, text: fmt.Sprintf("The request specified API version %s but this server requires version 0.8.0 or higher.", given)}
	}
	return nil
}

// limitBody gives the body its time to come. The limit stays until all of it was
// read: of what nobody reads net/http reads on before it sends the answer.
func (c *call) limitBody(until time.Time) {
	_ = http.NewResponseController(c.w).SetReadDeadline(until)
}

// readBody reads the whole body. One that is said to be no JSON has no fields.
func (c *call) readBody() error {
	var err error
	c.raw, err = io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, wire.MaxBody))
	if err == nil {
		c.limitBody(time.Time{})
	}
	var tooLong *http.MaxBytesError
	switch {
	case errors.As(err, &tooLong):
		return &failure{kind: tooLarge}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &failure{kind: badHeader, text: "The body did not come within " + c.api.cfg.BodyTimeout.String()}
	case err != nil:
		return &failure{kind: badHeader, text: "The body ended before it was complete"}
	}
	if len(c.raw) == 0 || !isJSON(c.r.Header.Get("Content-Type")) {
		return nil
	}
	if c.body, err = lax.Text(c.raw); err != nil {
		return &failure{kind: badHeader, text: "There was an error parsing the body"}
	}
	return nil
}

// isJSON tells whether a body of this media type is read as JSON; one without a
// type is.
func isJSON(mediaType string) bool {
	if mediaType == "" {
		return true
	}
	base, _, err := mime.ParseMediaType(mediaType)
	return err == nil && (base == wire.TypeJSON || strings.HasPrefix(base, "application/") && strings.HasSuffix(base, "+json"))
}

// echo is the body as the answer about an invalid request repeats it.
func (c *call) echo() json.RawMessage {
	switch {
	case len(c.raw) == 0:
		return json.RawMessage("null")
	case c.body == nil:
		return quoted(c.raw)
	case json.Valid(c.body):
		return c.body // the encoder compacts it
	}
	return quoted(c.body)
}

// quoted is a text as JSON: any can be written.
func quoted(text []byte) json.RawMessage {
	raw, _ := json.Marshal(string(text))
	return raw
}

// document is the body as a model: one that is no JSON is a text.
func (c *call) document() []byte {
	if c.body == nil && len(c.raw) > 0 {
		return c.echo()
	}
	return c.body
}

// check answers for what is wrong with the objects that were read.
func check(o *lax.Object) error {
	if faults := o.Faults(); len(faults) > 0 {
		return &failure{kind: invalid, faults: faults}
	}
	return nil
}

// run has op applied under a new id, without waiting. A refusal of the state
// machine is an answer.
func (c *call) run(op command.Op) (fsm.Answer, error) {
	id, err := c.api.newID()
	if err != nil {
		return fsm.Answer{}, err
	}
	return c.runUnder(id, op)
}

// runUnder is run under an id that is known already; "": repeating op is harmless.
func (c *call) runUnder(id string, op command.Op) (fsm.Answer, error) {
	ctx, cancel := c.limited()
	defer cancel()
	answer, err := c.api.cfg.Backend.Run(ctx, command.Command{Header: command.Header{ID: id}, Op: op}, 0)
	if err != nil {
		return answer, c.backendError(err)
	}
	return answer, nil
}

// limited returns the context of an operation that may take tryTime.
func (c *call) limited() (context.Context, context.CancelFunc) {
	return context.WithTimeout(c.r.Context(), tryTime)
}

// unexpected tells of a result that the operation cannot have: a bug.
func unexpected(r command.Result) error { return fmt.Errorf("the state machine answered %T", r) }
