package httpapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/limitd/limitd/fsm"
	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
	"github.com/limitd/limitd/transport/auth"
	"github.com/limitd/limitd/transport/httpapi/strict"
	"github.com/limitd/limitd/transport/trace"
	"github.com/limitd/limitd/transport/wire"
)

// call is one exchange. Calls and their buffers are used again.
type call struct {
	api   *API
	w     http.ResponseWriter
	r     *http.Request
	route *route // nil where none was found

	id      string        // of this exchange
	param   string        // the path's parameter
	key     string        // the idempotency key; "": none
	timeout time.Duration // how long to try, on top of waiting
	stale   bool          // read at once what this node has
	query   url.Values

	caller  auth.Caller // as the node's tokens tell it; the zero one before that
	about   []string    // the limits on which that was asked
	failure wire.Code   // of the answer; "": none

	upToDate bool // a linearizable read was made for this call: the state at hand will do

	index   uint64 // where the answer is true
	time    int64
	placed  bool // index and time are known
	status  int  // of the answer; 0: none yet
	drained bool // Drain has ended its wait

	headers []string // backs the values of the answer's headers; not used again
	in      strict.Reader
	body    []byte // of the request
	out     []byte // of the answer
}

const maxKept = 64 << 10 // bytes of a buffer that is kept for the next call

// errGone says that the caller has hung up, so that nobody is left to answer.
var errGone = errors.New("httpapi: the caller has hung up")

// ServeHTTP answers one request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := a.calls.Get().(*call)
	defer c.recycle()
	begun := time.Now()
	c.begin(a, w, r)
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

func (c *call) begin(a *API, w http.ResponseWriter, r *http.Request) {
	c.api, c.w, c.r = a, w, r
	c.id = a.nextRequestID()
	c.timeout = wire.DefaultTimeout
	c.headers = make([]string, 0, 10)
	if header := r.Header[trace.Header]; len(header) == 1 { // two of them are none
		if parent, ok := trace.Parse(header[0]); ok {
			c.r = r.WithContext(trace.With(r.Context(), parent))
		}
	}
}

// tell logs an exchange that is over.
func (c *call) tell(took time.Duration) {
	if !c.api.cfg.Logger.IsDebug() {
		return
	}
	args := []any{"request_id", c.id, "method", c.r.Method, "route", c.pattern(), "status", c.status, "took", took.String()}
	c.api.cfg.Logger.Debug("answered", append(args, trace.Args(c.r.Context())...)...)
}

// recycle gives c back, without what belongs to this exchange.
func (c *call) recycle() {
	a, body, out := c.api, c.body[:0], c.out[:0]
	if cap(body) > maxKept {
		body = nil
	}
	if cap(out) > maxKept {
		out = nil
	}
	in := c.in
	in.Reset(nil)
	*c = call{in: in, body: body, out: out}
	a.calls.Put(c)
}

// panicked answers a request that met a bug, if it still can be answered.
func (c *call) panicked(fault any) {
	args := []any{"request_id", c.id, "route", c.pattern(), "panic", fault, "stack", string(debug.Stack())}
	c.api.cfg.Logger.Error("a request panicked", append(args, trace.Args(c.r.Context())...)...)
	if c.status == 0 {
		c.placed = true // reading the state may be what panicked
		c.fail(wire.NewProblem(wire.CodeInternal, "the node met a bug; its log tells more under this request id"))
	}
}

func (c *call) pattern() string {
	if c.route == nil {
		return "none"
	}
	return c.route.pattern
}

// serve finds the route, checks what all routes have in common, and runs it.
func (c *call) serve() error {
	if c.r.ContentLength != 0 {
		c.limitBody(time.Now().Add(c.api.cfg.Timeouts.Body))
	}
	resource, param := c.api.router.find(c.r.URL)
	if resource == nil {
		return c.routeNotFound()
	}
	rt := resource.methods[c.r.Method]
	if rt == nil {
		c.header("Allow", resource.allow)
		p := wire.NewProblem(wire.CodeMethodNotAllowed, fmt.Sprintf("%s does not know %s", resource.pattern, c.r.Method))
		p.Hint = "use one of " + resource.allow
		return p
	}
	c.route, c.param = rt, param
	if !rt.always && c.api.cfg.Gate.Draining() {
		return c.shuttingDown(wire.EffectNone)
	}
	if err := c.api.origin.Check(c.r); err != nil {
		p := wire.NewProblem(wire.CodeCrossOrigin, err.Error())
		p.Hint = "a browser may write only from a page of this very origin"
		return p
	}
	if err := c.readHeaders(); err != nil {
		return err
	}
	if err := c.admit(); err != nil {
		return err
	}
	return rt.handle(c)
}

func (c *call) routeNotFound() error {
	p := wire.NewProblem(wire.CodeRouteNotFound, fmt.Sprintf("nothing is at %q", c.r.URL.Path))
	p.Hint = "the nearest routes are "
	for i, pattern := range c.api.router.nearest(c.r.URL.Path) {
		if i > 0 {
			p.Hint += ", "
		}
		p.Hint += pattern
	}
	p.Hint += "; GET /v1/openapi.yaml lists all"
	return p
}

// readHeaders reads the headers and query parameters that many routes know.
func (c *call) readHeaders() error {
	var faults []wire.FieldError
	fault := func(field, detail string) {
		faults = append(faults, wire.FieldError{Field: field, Detail: detail})
	}
	if text := c.r.Header.Get(wire.HeaderTimeout); text != "" {
		d, err := time.ParseDuration(text)
		if err != nil || d < wire.MinTimeout || d > wire.MaxTimeout {
			fault(wire.HeaderTimeout, `must be a duration of 1ms to 1h, such as "10s"`)
		}
		c.timeout = d
	}
	if keys := c.r.Header[wire.HeaderIdempotencyKey]; len(keys) > 0 { // an empty one as well: its sender relies on it
		c.key = keys[0]
		if wrong := wire.CheckID(c.key); wrong != "" {
			fault(wire.HeaderIdempotencyKey, wrong)
		}
	}
	if c.r.URL.RawQuery != "" {
		c.readQuery(fault)
	}
	return invalid(faults)
}

func (c *call) readQuery(fault func(field, detail string)) {
	query, err := url.ParseQuery(c.r.URL.RawQuery)
	if err != nil {
		fault("(query)", "cannot be read: "+err.Error())
		return
	}
	for _, name := range slices.Sorted(maps.Keys(query)) {
		switch {
		case !slices.Contains(c.route.query, name):
			fault(name, "unknown query parameter; known are "+cmp.Or(strings.Join(c.route.query, ", "), "none"))
		case len(query[name]) > 1 && name != "label":
			fault(name, "is given twice")
		}
	}
	c.query = query
	switch query.Get("consistency") {
	case "", "linearizable":
	case "stale":
		c.stale = true
	default:
		fault("consistency", "must be one of linearizable, stale")
	}
}

// invalid returns a problem that tells faults, or nil where there are none.
func invalid(faults []wire.FieldError) error {
	if len(faults) == 0 {
		return nil
	}
	p := wire.NewProblem(wire.CodeInvalidRequest, faults[0].Field+": "+faults[0].Detail)
	if len(faults) > 1 {
		p.Detail += fmt.Sprintf(" (and %d more, see errors)", len(faults)-1)
	}
	p.Errors = faults
	return p
}

// header sets a header of the answer. name must be in canonical form.
func (c *call) header(name, value string) {
	c.headers = append(c.headers, value)
	n := len(c.headers)
	c.w.Header()[name] = c.headers[n-1 : n : n]
}

// place notes where in the log the answer is true.
func (c *call) place(index uint64, time int64) { c.index, c.time, c.placed = index, time, true }

// read reads the state, as fresh as the caller asks for it. A node that has applied
// nothing yet has none to tell of.
func (c *call) read(read func(*limit.State)) error {
	at, err := c.view(read)
	if err == nil && c.stale && at.Index == 0 {
		p := wire.NewProblem(wire.CodeNoLeader, "this node has applied nothing since it was started, and hears no leader")
		p.Hint = "ask another node; GET /v1/cluster tells which are alive"
		return p
	}
	return err
}

// view is read of any state.
func (c *call) view(read func(*limit.State)) (Position, error) {
	ctx, cancel := context.WithTimeout(c.r.Context(), c.timeout)
	defer cancel()
	at, err := c.api.cfg.Backend.Read(ctx, c.stale, read)
	if err != nil {
		return at, c.backendError(err, wire.CodeNoLeader)
	}
	c.place(at.Index, at.Time)
	if c.stale && at.Age >= 0 {
		c.header(wire.HeaderAge, wire.Duration(at.Age).String())
	}
	return at, nil
}

// glance reads the state that this node has, for what only explains an answer.
func (c *call) glance(read func(*limit.State)) {
	at, err := c.api.cfg.Backend.Read(c.r.Context(), true, read)
	if err == nil && !c.placed {
		c.place(at.Index, at.Time)
	}
}

// run has op applied under id, without waiting.
func (c *call) run(id string, op command.Op) (fsm.Answer, error) {
	ctx, cancel := context.WithTimeout(c.r.Context(), c.timeout)
	defer cancel()
	answer, err := c.api.cfg.Backend.Run(ctx, command.Command{Header: command.Header{ID: id}, Op: op}, 0)
	if err != nil {
		return answer, c.backendError(err, wire.CodeOutcomeUnknown)
	}
	c.place(answer.Index, answer.Time)
	return answer, nil
}

// reply writes an answer with a body.
func (c *call) reply(status int, contentType string, body []byte) {
	c.header("Content-Type", contentType)
	c.header("Content-Length", strconv.Itoa(len(body)))
	c.head(status)
	_, _ = c.w.Write(body) // a caller that is gone: acquire looks after it
}

// hurry gives the answer, or its next piece, its time to be taken where it is a
// stream of HTTP/2, of whose connection the caller may read all else. (What is
// written to the connection itself has that of Crowd.)
func (c *call) hurry() {
	if c.r.ProtoMajor >= 2 {
		_ = http.NewResponseController(c.w).SetWriteDeadline(time.Now().Add(c.api.cfg.Timeouts.Write))
	}
}

// head writes the status and the headers that every answer has.
func (c *call) head(status int) {
	c.hurry()
	if !c.placed {
		c.glance(func(*limit.State) {})
	}
	c.status = status
	c.header(wire.HeaderRequestID, c.id)
	c.header(wire.HeaderIndex, strconv.FormatUint(c.index, 10))
	c.header(wire.HeaderTime, strconv.FormatInt(c.time, 10))
	c.header(wire.HeaderNode, c.api.cfg.Node)
	c.header("Cache-Control", "no-store")
	c.w.WriteHeader(status)
}

// limited returns the context of an operation that may take the call's timeout.
func (c *call) limited() (context.Context, context.CancelFunc) {
	return context.WithTimeout(c.r.Context(), c.timeout)
}
