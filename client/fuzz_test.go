package client

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/limitd/limitd/transport/wire"
)

// oneAnswer gives one answer to all requests.
type oneAnswer struct {
	status                 int
	kind, retryAfter, body string
}

// latency is how long an answer is on its way.
const latency = 50 * time.Millisecond

// RoundTrip answers.
func (a oneAnswer) RoundTrip(r *http.Request) (*http.Response, error) {
	select {
	case <-time.After(latency):
	case <-r.Context().Done():
		return nil, context.Cause(r.Context())
	}
	return &http.Response{
		StatusCode: a.status, Body: io.NopCloser(strings.NewReader(a.body)),
		Header: http.Header{"Content-Type": {a.kind}, "Retry-After": {a.retryAfter}},
	}, nil
}

// FuzzAnswers: whatever a server answers, an acquire ends with a lease or an
// error that has a code, in its time, and what it holds ends.
func FuzzAnswers(f *testing.F) {
	grant := wire.Grant{ID: "a", Token: 7, TTL: wire.Duration(time.Minute), Limits: []wire.GrantedLimit{{Name: "db", Slots: 1, Counted: true}}}
	f.Add(200, wire.TypeJSON, "", encode(grant))
	f.Add(202, wire.TypeJSON, "", encode(wire.Waiting{ID: "a", Position: 1}))
	f.Add(200, wire.TypeJSON, "", []byte(`{"token":1,"ttl":"-9223372036.854775808s","waited":"9223372036s"}`))
	f.Add(200, wire.TypeJSON, "", []byte(`{"token":18446744073709551616}`))
	f.Add(200, "text/html", "", []byte(`<html>`))
	for _, c := range wire.Codes() {
		f.Add(c.Status, wire.TypeProblem, "1.5", encode(wire.NewProblem(c.Code, "so it is")))
	}
	f.Add(429, wire.TypeProblem+"; charset=utf-8", "1e300", []byte(`{"code":"overloaded"}`))
	f.Add(503, wire.TypeProblem, "-5", []byte(`{"code":"","retry_after":"x"}`))
	f.Fuzz(func(t *testing.T, status int, kind, retryAfter string, body []byte) {
		synctest.Test(t, func(t *testing.T) {
			c, err := New(Config{Transport: oneAnswer{status, kind, retryAfter, string(body)}, Clocks: fakeClocks()})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			begun := time.Now()
			lease, err := c.Acquire(ctx, Request{Limits: Slots{"db": 1}, Wait: time.Second})
			var e *Error
			switch took := time.Since(begun); {
			case took > 5*time.Second+latency:
				t.Errorf("it took %v", took)
			case err != nil && (!errors.As(err, &e) || e.Code == "" || e.Error() == ""):
				t.Errorf("an error of no known kind: %v", err)
			case err == nil && lease.TTL() > 0 && lease.Err() == nil && !holdsBy(body):
				t.Errorf("a lease of %s", body)
			}
			_ = c.Close()
			if lease != nil && lease.TTL() > 0 && lease.Err() == nil {
				t.Error("a lease outlives its client")
			}
		})
	})
}

// holdsBy tells whether body is a grant with a token.
func holdsBy(body []byte) bool {
	var g wire.Grant
	return json.Unmarshal(body, &g) == nil && g.HasLease()
}

// fakeClocks reads the bubble's clock.
func fakeClocks() func() Clocks {
	began := time.Now()
	return func() Clocks { return goClocks(began) }
}
