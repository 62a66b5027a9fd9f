package prefect

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/limitd/limitd/transport/wire"
)

// Behind a node there may be a Prefect server, which gets all that is not about
// limits: flows, their runs, events, logs, and what else a Prefect server keeps.
// Of what is about limits it gets the leases that it made, and the limits that
// it keeps for its own use: those of tags and deployments.

const (
	dialTimeout = 5 * time.Second
	idleTimeout = 60 * time.Second
	idlePerHost = 64
)

// errSilent is why a request is given up that the upstream server leaves unanswered.
var errSilent = errors.New("no answer in time")

// newProxy returns the way to the server whose API is at cfg.Upstream.
func newProxy(cfg Config) *httputil.ReverseProxy {
	target, log := cfg.Upstream, cfg.Logger
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { rewrite(r, target, cfg.Guard != nil) },
		Transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           dialer(cfg.UpstreamTimeout),
			TLSHandshakeTimeout:   dialTimeout,
			ResponseHeaderTimeout: cfg.UpstreamTimeout,
			IdleConnTimeout:       idleTimeout,
			MaxIdleConnsPerHost:   idlePerHost,
		},
		FlushInterval: -1,
		ModifyResponse: func(res *http.Response) error {
			keepHere(res.Header, target)
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			p, ok := w.(*passage)
			cause := context.Cause(r.Context())
			switch {
			case !ok || p.call.r.Context().Err() != nil:
				return // nobody reads an answer
			case cause != nil && !errors.Is(cause, errSilent):
				p.call.fail(p.call.shuttingDown())
				return
			}
			log.Warn("the upstream Prefect server does not answer", "upstream", target.Redacted(), "err", err)
			p.call.fail(p.call.upstreamIsDown(cause != nil))
		},
	}
}

// rewrite makes a request one to the server whose API is at target. Guarded, what the
// client shows is a token of limitd's, and none of that server's business. A request
// that shows nothing gets what target names.
func rewrite(r *httputil.ProxyRequest, target *url.URL, guarded bool) {
	cutBase(r.Out.URL)
	r.SetURL(target)
	r.SetXForwarded()
	if guarded {
		r.Out.Header.Del("Authorization")
	}
	if password, ok := target.User.Password(); ok && r.Out.Header.Get("Authorization") == "" {
		r.Out.SetBasicAuth(target.User.Username(), password)
	}
}

// dialer connects, so that no write waits for longer than patience: a server that
// hangs takes no more bytes.
func dialer(patience time.Duration) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &boundConn{conn, patience}, nil
	}
}

// boundConn is a connection of which each write has its time.
type boundConn struct {
	net.Conn
	patience time.Duration
}

// Write writes b, within the connection's patience.
func (c *boundConn) Write(b []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(c.patience)); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}

// cutBase leaves what stands behind Base in a path.
func cutBase(u *url.URL) {
	u.Path = strings.TrimPrefix(u.Path, Base)
	u.RawPath = strings.TrimPrefix(u.RawPath, Base)
}

// climbs tells whether a path has a segment that leads up, which an upstream server
// would follow out of its API, to what else its host serves.
func climbs(u *url.URL) bool {
	return slices.Contains(strings.FieldsFunc(u.Path, func(r rune) bool { return r == '/' || r == '\\' }), "..")
}

// keepHere makes a redirect within the server one within this node.
func keepHere(h http.Header, target *url.URL) {
	to, err := url.Parse(h.Get("Location"))
	if err != nil || to.Host != target.Host {
		return
	}
	if rest, below := strings.CutPrefix(to.EscapedPath(), strings.TrimSuffix(target.EscapedPath(), "/")); below {
		here := Base + rest
		if to.RawQuery != "" {
			here += "?" + to.RawQuery
		}
		h.Set("Location", here)
	}
}

// passage is a client's side of a request that is passed on.
type passage struct {
	http.ResponseWriter
	call *call
}

// WriteHeader notes the status that the client gets.
func (p *passage) WriteHeader(status int) {
	if p.call.status = status; p.call.asksCSRF {
		p.call.api.csrf.heard(status)
	}
	p.ResponseWriter.WriteHeader(status)
}

// Write sends b.
func (p *passage) Write(b []byte) (int, error) {
	p.call.limitAnswer(time.Now().Add(p.call.api.cfg.WriteTimeout))
	return p.ResponseWriter.Write(b)
}

// FlushError sends what was written, as the proxy asks behind each piece. The next
// one may be long in coming.
func (p *passage) FlushError() error {
	p.call.limitAnswer(time.Now().Add(p.call.api.cfg.WriteTimeout))
	defer p.call.limitAnswer(time.Time{})
	return http.NewResponseController(p.ResponseWriter).Flush()
}

// Unwrap lets http.ResponseController hijack.
func (p *passage) Unwrap() http.ResponseWriter { return p.ResponseWriter }

// passedBody is a body on its way to the upstream server, which may be long: each
// read has its own time limit.
type passedBody struct {
	io.ReadCloser
	call *call

	mu     sync.Mutex
	closed bool // guarded by mu; the connection may serve another request
}

// Read reads into b.
func (p *passedBody) Read(b []byte) (int, error) {
	p.limit(time.Now().Add(p.call.api.cfg.BodyTimeout))
	n, err := p.ReadCloser.Read(b)
	if errors.Is(err, io.EOF) {
		p.limit(time.Time{})
	}
	return n, err
}

func (p *passedBody) limit(until time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.call.limitBody(until)
	}
}

// Close ends the body. The proxy calls it, before it returns, beside a read.
func (p *passedBody) Close() error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	return p.ReadCloser.Close()
}

// passOn has the upstream server answer. Streams end when the node stops.
func (c *call) passOn() error {
	if climbs(c.r.URL) {
		return &failure{kind: noRoute}
	}
	ctx, cancel := context.WithCancel(c.r.Context())
	defer cancel()
	pass, open := c.api.sockets.Enter(cancel)
	if !open {
		return c.shuttingDown()
	}
	defer pass.Leave()
	c.api.streams.Add(1)
	defer c.api.streams.Done()
	if c.asksCSRF {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeoutCause(ctx, c.api.csrf.patience, errSilent)
		defer stop()
	}
	r := c.r.WithContext(ctx)
	r.Body = &passedBody{ReadCloser: c.r.Body, call: c}
	if c.raw != nil {
		r.Body = io.NopCloser(bytes.NewReader(c.raw))
	}
	c.upstream = true
	c.w.Header().Set(wire.HeaderNode, c.api.cfg.Node)
	c.api.upstream.ServeHTTP(&passage{c.w, c}, r)
	return nil
}

// passOnUnless passes the call on where err is nil.
func (c *call) passOnUnless(err error) error {
	if err != nil {
		return err
	}
	return c.passOn()
}

// upstreamIsDown is what the client is told where the upstream server cannot be
// reached, or was silent for the time that it has.
func (c *call) upstreamIsDown(silent bool) error {
	switch {
	case c.asksCSRF && silent:
		c.api.csrf.offFor(silentKnownFor)
		return noCSRF()
	case c.asksCSRF:
		c.api.csrf.offFor(downKnownFor)
		return noCSRF()
	}
	return &failure{kind: upstreamDown}
}
