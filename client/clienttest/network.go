package clienttest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
)

// network carries requests to the API within the process.
type network struct {
	api http.Handler

	mu  sync.Mutex
	up  context.Context         // guarded by mu; ends when the network goes down
	cut context.CancelCauseFunc // guarded by mu; ends up
}

// errDown is what a request meets while the network is down.
var errDown = errors.New("clienttest: disconnected")

func newNetwork(api http.Handler) *network {
	n := &network{api: api}
	n.up, n.cut = context.WithCancelCause(context.Background())
	return n
}

func (n *network) setDown(down bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut(errDown)
	if !down {
		n.up, n.cut = context.WithCancelCause(context.Background())
	}
}

func (n *network) now() context.Context {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.up
}

// RoundTrip has the API answer r. Where the network goes down meanwhile, the API
// sees its caller hang up.
func (n *network) RoundTrip(r *http.Request) (*http.Response, error) {
	up := n.now()
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	defer context.AfterFunc(up, func() { cancel(context.Cause(up)) })()
	if up.Err() != nil {
		cancel(context.Cause(up))
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	in := r.Clone(ctx)
	in.RequestURI = r.URL.RequestURI()
	if in.Body == nil {
		in.Body = http.NoBody
	}
	defer func() { _ = in.Body.Close() }()
	out := &answer{ctx: ctx, header: make(http.Header), status: http.StatusOK}
	if !serve(n.api, out, in) {
		return nil, io.ErrUnexpectedEOF
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return out.response(r), nil
}

// serve has h answer; false: it broke the connection off.
func serve(h http.Handler, w http.ResponseWriter, r *http.Request) (answered bool) {
	defer func() {
		if fault := recover(); fault != nil && fault != http.ErrAbortHandler {
			panic(fault)
		}
	}()
	h.ServeHTTP(w, r)
	return true
}

// answer is an http.ResponseWriter that keeps what is written.
type answer struct {
	ctx    context.Context // of the request
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(b []byte) (int, error) { return a.body.Write(b) }

// FlushError fails where the caller is gone.
func (a *answer) FlushError() error { return a.ctx.Err() }

func (a *answer) response(r *http.Request) *http.Response {
	return &http.Response{
		Status: http.StatusText(a.status), StatusCode: a.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.header.Clone(), Body: io.NopCloser(&a.body), ContentLength: int64(a.body.Len()), Request: r,
	}
}
