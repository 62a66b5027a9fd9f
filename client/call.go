package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/limitd/limitd/transport/wire"
)

// maxAnswer bounds what is read of an answer, bytes: a page of 1,000 limits with
// long descriptions fits.
const maxAnswer = 64 << 20

// exchange is one request, which may be sent several times.
type exchange struct {
	method string
	path   string // not encoded
	route  string // the path with a {parameter} for what varies
	query  url.Values
	body   []byte // nil: none
	// key is an idempotency key, for writes whose repetition would do something.
	key string
	// match is the value of If-Match.
	match string
	// operation is how a batch names it, where it may go in one; operations is how
	// many are in it, where it is one.
	operation  string
	operations int
	waits      bool // an acquire that may wait in the queue
	// timeout is how long the node may try on the caller's behalf; silence how
	// long it may say nothing at all.
	timeout, silence time.Duration
}

// exchange is one without a body, which a node answers at once.
func (c *Client) exchange(method, path string) exchange {
	return exchange{method: method, path: path, route: path, timeout: c.cfg.Timeout, silence: c.cfg.Timeout + grace}
}

// quick is one that posts body.
func (c *Client) quick(path string, body any) exchange {
	x := c.exchange(http.MethodPost, path)
	x.body = encode(body)
	return x
}

// short is a quick one that may go together with others.
func (c *Client) short(operation string, body any) exchange {
	x := c.quick("/v1/"+operation, body)
	x.operation = operation
	return x
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil { // never: the bodies are plain structs
		panic(fmt.Sprintf("limitd: encode a request: %v", err))
	}
	return b
}

// send sends x once, to one node, and decodes an answer of status 200 or 201
// into out (nil: 204 is expected), one of 202 into late. All errors are *Error.
func (c *Client) send(ctx context.Context, x exchange, out, late any) (status int, err error) {
	if x.operation != "" {
		return c.gather.send(ctx, x, out, late)
	}
	return c.sendAlone(ctx, x, out, late)
}

func (c *Client) sendAlone(ctx context.Context, x exchange, out, late any) (status int, err error) {
	k, u := c.nodes.pick(time.Now())
	err = c.exchanged(ctx, u, x, func() (err error) {
		status, err = c.roundTrip(ctx, u, x, out, late)
		return err
	})
	c.judge(ctx, k, u, err)
	return status, err
}

// judge notes whether node k, at u, can be asked, by what came of an exchange.
func (c *Client) judge(ctx context.Context, k int, u *url.URL, err error) {
	switch {
	case ctx.Err() != nil: // the caller hung up: no fault of the node
	case err != nil && asError(err).retry:
		if c.nodes.failed(k, time.Now()) {
			c.turned(ctx, u, err)
		}
	default:
		if c.nodes.worked(k) {
			c.turned(ctx, u, nil)
		}
	}
}

func (c *Client) roundTrip(ctx context.Context, u *url.URL, x exchange, out, late any) (status int, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, x.silence, errSilent)
	defer cancel()
	response, err := c.cfg.Transport.RoundTrip(c.request(ctx, u, x))
	if err != nil {
		if e := Untrusted(err); e != nil {
			return 0, e
		}
		return 0, unreached(cause(ctx, err))
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return 0, unreached(cause(ctx, err))
	}
	a := answer{response.StatusCode, response.Header, body}
	return a.status, a.decode(out, late)
}

// errSilent is why an exchange was broken off.
var errSilent = errors.New("the node was silent for too long")

// cause prefers the reason for which ctx ended over what it did to the network.
func cause(ctx context.Context, err error) error {
	if c := context.Cause(ctx); c != nil {
		return c
	}
	return err
}

func (c *Client) request(ctx context.Context, u *url.URL, x exchange) *http.Request {
	to := *u
	to.Path += x.path
	to.RawPath, to.RawQuery = "", x.query.Encode()
	r := &http.Request{
		Method: x.method, URL: &to, Host: to.Host, Header: c.header(x), ContentLength: int64(len(x.body)),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Body: http.NoBody,
	}
	if x.body != nil {
		r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(x.body)), nil }
		r.Body, _ = r.GetBody()
	}
	return r.WithContext(ctx)
}

func (c *Client) header(x exchange) http.Header {
	h := http.Header{
		"User-Agent":       {userAgent},
		wire.HeaderTimeout: {wire.Duration(x.timeout).String()},
		// Present but empty it is not sent, and tells net/http that the request
		// may be repeated where a kept connection turns out to be closed.
		wire.HeaderIdempotencyKey: {},
	}
	if x.body != nil {
		h["Content-Type"] = []string{wire.TypeJSON}
	}
	if x.key != "" {
		h[wire.HeaderIdempotencyKey] = []string{x.key}
	}
	if x.match != "" {
		h["If-Match"] = []string{x.match}
	}
	if c.cfg.Token != "" {
		h["Authorization"] = []string{"Bearer " + c.cfg.Token}
	}
	return h
}
