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
	"strings"
	"time"

	"github.com/limitd/limitd/transport/wire"
)

// maxAnswer bounds what is read of an answer: 10,000 renewed leases fit.
const maxAnswer = 8 << 20

// exchange is one request, which may be sent several times.
type exchange struct {
	path string
	body []byte
	// timeout is how long the node may try on the caller's behalf; silence how
	// long it may say nothing at all.
	timeout, silence time.Duration
}

// send sends x once, to one node, and decodes an answer of status 200 into out,
// one of 202 into late. All errors are *Error.
func (c *Client) send(ctx context.Context, x exchange, out, late any) (status int, err error) {
	k, u := c.nodes.pick(time.Now())
	status, err = c.roundTrip(ctx, u, x, out, late)
	if err == nil {
		c.nodes.worked(k)
		return status, nil
	}
	e := asError(err)
	switch {
	case ctx.Err() != nil: // the caller hung up: no fault of the node
	case e.retry:
		c.nodes.failed(k, time.Now())
	default:
		c.nodes.worked(k)
	}
	return status, e
}

func (c *Client) roundTrip(ctx context.Context, u *url.URL, x exchange, out, late any) (status int, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, x.silence, errSilent)
	defer cancel()
	answer, err := c.cfg.Transport.RoundTrip(c.request(ctx, u, x))
	if err != nil {
		return 0, unreached(cause(ctx, err))
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return 0, unreached(cause(ctx, err))
	}
	return answer.StatusCode, decode(answer, body, out, late)
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
	header := http.Header{
		"Content-Type":     {wire.TypeJSON},
		"User-Agent":       {userAgent},
		wire.HeaderTimeout: {wire.Duration(x.timeout).String()},
		// Present but empty it is not sent, and tells net/http that the request
		// may be repeated where a kept connection turns out to be closed.
		wire.HeaderIdempotencyKey: {},
	}
	if c.cfg.Token != "" {
		header["Authorization"] = []string{"Bearer " + c.cfg.Token}
	}
	r := &http.Request{
		Method: http.MethodPost, URL: &to, Host: to.Host, Header: header, ContentLength: int64(len(x.body)),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Body:    io.NopCloser(bytes.NewReader(x.body)),
		GetBody: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(x.body)), nil },
	}
	return r.WithContext(ctx)
}

// decode reads an answer. Its errors are *Error.
func decode(answer *http.Response, body []byte, out, late any) error {
	into := out
	switch status := answer.StatusCode; {
	case status == http.StatusAccepted && late != nil:
		into = late
	case status != http.StatusOK:
		return problem(answer, body)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return foreign(answer.StatusCode, err)
	}
	return nil
}

// problem reads a problem, or what a proxy sent in its place.
func problem(answer *http.Response, body []byte) error {
	p := &wire.Problem{}
	kind, _, _ := strings.Cut(answer.Header.Get("Content-Type"), ";")
	if strings.TrimSpace(kind) != wire.TypeProblem {
		return foreign(answer.StatusCode, nil)
	}
	if err := json.Unmarshal(body, p); err != nil || p.Code == "" {
		return foreign(answer.StatusCode, err)
	}
	e := fromProblem(p, answer.StatusCode)
	if e.retry && e.RetryAfter < 0 {
		if s, err := time.ParseDuration(answer.Header.Get("Retry-After") + "s"); err == nil {
			e.RetryAfter = s
		}
	}
	return e
}

// pause waits before the try after err; tries is how many failed in a row. It
// returns ctx's cause where that ends first.
func (c *Client) pause(ctx context.Context, tries int, err *Error) error {
	const shortest, longest = 10 * time.Millisecond, time.Second
	if tries < c.nodes.count() && err.Code != wire.CodeOverloaded {
		return context.Cause(ctx) // the next node may know better, at once
	}
	wait := min(shortest<<min(tries, 10), longest)
	if err.Code == wire.CodeOverloaded && err.RetryAfter > 0 {
		wait = err.RetryAfter
	}
	wait = wait/2 + c.chance(wait/2)
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// persist sends x until there is an answer, or an error that another try would
// only repeat, or ctx ends.
func (c *Client) persist(ctx context.Context, x exchange, out any) error {
	for tries := 1; ; tries++ {
		_, err := c.send(ctx, x, out, nil)
		if err == nil {
			return nil
		}
		e := asError(err)
		if !e.retry {
			return e
		}
		if why := c.pause(ctx, tries, e); why != nil {
			return gaveUp(why, e)
		}
	}
}

// gaveUp is the error of a call whose ctx ended for the given reason, last what
// its last try met, where it was not ctx's end itself.
func gaveUp(why error, last *Error) *Error {
	e := &Error{Code: ErrInterrupted, RetryAfter: -1, Effect: wire.EffectUnknown, Cause: why, Detail: "the call was ended before there was an answer"}
	if last == nil || last.Cause != nil && errors.Is(last.Cause, why) {
		return e
	}
	e.Code, e.Status, e.RequestID, e.Hint = last.Code, last.Status, last.RequestID, last.Hint
	e.Detail = fmt.Sprintf("no answer came in time; the last try met: %s", last.Detail)
	if last.Cause != nil {
		e.Detail = fmt.Sprintf("%s: %v", e.Detail, last.Cause)
	}
	return e
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil { // never: the bodies are plain structs
		panic(fmt.Sprintf("limitd: encode a request: %v", err))
	}
	return b
}
