package workload

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/limitd/limitd/jepsen/history"
	"github.com/limitd/limitd/transport/wire"
)

// request is what a call sends, try after try.
type request struct {
	method, path string
	body         any    // nil: none
	key          string // of idempotency; "": none, or in the body
	// authorization is the header of that name; "": what the transport shows.
	authorization string
	hold          time.Duration // how long a node may be silent on purpose
	read          func(body []byte, op *history.Op) error
}

// verdict is what one try came to.
type verdict int

const (
	again   verdict = iota // no definite answer: ask again
	queued                 // it stands in the queue: ask again
	settled                // op tells how it ended
)

// grace is how long an answer may be on its way.
const grace = 500 * time.Millisecond

// try sends q once and notes in op what came of it.
func (c *caller) try(ctx context.Context, op *history.Op, q request, node int) verdict {
	op.Node, op.Status, op.Code, op.Detail = fmt.Sprintf("n%d", node+1), 0, "", ""
	answer, body, err := c.send(ctx, q, node)
	if err != nil {
		op.Astray++
		op.Detail = err.Error()
		return again
	}
	if name := answer.Header.Get(wire.HeaderNode); name != "" {
		op.Node = name
	}
	op.Status = answer.StatusCode
	switch {
	case answer.StatusCode == http.StatusAccepted:
		if op.Queued == 0 {
			op.Queued = max(1, c.env.Record.Now()) // 0: never
		}
		return queued
	case answer.StatusCode/100 == 2:
		if err := q.read(body, op); err != nil {
			op.Astray++
			op.Detail = err.Error()
			return again
		}
		return settle(op, answer)
	}
	return failed(op, answer, body)
}

// settle notes that op has its answer, and where in the log that is true.
func settle(op *history.Op, answer *http.Response) verdict {
	op.Outcome, op.Abandoned = history.OK, false
	op.Index, _ = strconv.ParseUint(answer.Header.Get(wire.HeaderIndex), 10, 64)
	op.Time, _ = strconv.ParseInt(answer.Header.Get(wire.HeaderTime), 10, 64)
	return settled
}

// failed judges an answer that is a problem, or what something else than
// limitd sent.
func failed(op *history.Op, answer *http.Response, body []byte) verdict {
	var p wire.Problem
	if err := json.Unmarshal(body, &p); err != nil || p.Code == "" {
		op.Astray++
		op.Detail = "not an answer of limitd: " + answer.Status
		return again
	}
	op.Code, op.Detail = string(p.Code), p.Detail
	switch {
	case p.Effect == wire.EffectUnknown:
		op.Astray++
		return again
	case p.Code.Info().Retry == wire.RetrySameID:
		return again
	case op.Astray > 0 && op.Queued == 0 && forgets(op.Kind, p.Code):
		op.Outcome = history.Unknown
		return settled
	}
	if op.Kind == history.Acquire {
		readDenial(&p, op)
	}
	return settle(op, answer)
}

// forgets tells whether the cluster does not remember that it answered so, as
// nothing happened: a try that went astray may still succeed.
func forgets(kind history.Kind, code wire.Code) bool {
	switch kind {
	case history.Acquire:
		return !slices.Contains([]wire.Code{
			wire.CodeDenied, wire.CodeWaitExpired, wire.CodeLeaseEnded, wire.CodeCancelled, wire.CodeLimitDeleted, wire.CodeIDReused,
		}, code)
	case history.Put, history.Delete, history.Reset:
		return true
	}
	return false
}

// send sends q once to a node and reads the whole answer.
func (c *caller) send(ctx context.Context, q request, node int) (*http.Response, []byte, error) {
	timeout := pick(c, 500*time.Millisecond, time.Second, 2*time.Second, 4*time.Second)
	ctx, cancel := context.WithTimeout(ctx, q.hold+timeout+grace)
	defer cancel()
	var content io.Reader
	if q.body != nil {
		b, err := json.Marshal(q.body)
		if err != nil {
			return nil, nil, fmt.Errorf("encode the body: %w", err)
		}
		content = bytes.NewReader(b)
	}
	r, err := http.NewRequestWithContext(ctx, q.method, c.env.URLs[node]+q.path, content)
	if err != nil {
		return nil, nil, fmt.Errorf("%s %s: %w", q.method, q.path, err)
	}
	if q.body != nil {
		r.Header.Set("Content-Type", wire.TypeJSON)
	}
	if q.key != "" {
		r.Header.Set(wire.HeaderIdempotencyKey, q.key)
	}
	if q.authorization != "" {
		r.Header.Set("Authorization", q.authorization)
	}
	r.Header.Set(wire.HeaderTimeout, wire.Duration(timeout).String())
	answer, err := c.env.HTTP.RoundTrip(r)
	if err != nil {
		return nil, nil, fmt.Errorf("%s %s: %w", q.method, q.path, err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, nil, fmt.Errorf("read the answer of %s: %w", q.path, err)
	}
	return answer, body, nil
}
