package client

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/limitd/limitd/transport/wire"
)

const (
	// lanes is how many acquires, releases and cancels are under way as requests
	// of their own at a time. What comes while all lanes are taken is gathered, and
	// goes in one request as soon as a lane is free.
	lanes = 8
	// laneTime is how long an acquire that may wait in the queue takes a lane up.
	laneTime = 10 * time.Millisecond
	// maxGathered and maxGatheredBytes bound one gathered request.
	maxGathered      = 256
	maxGatheredBytes = 256 << 10
	maxGatheredEach  = 16 << 10
)

// gather sends short operations: alone while few are under way, so that nobody
// waits for company, and otherwise together.
type gather struct {
	c *Client

	mu      sync.Mutex
	free    int         // lanes; guarded by mu
	waiting []*gathered // for a lane, in the order of arrival; guarded by mu
}

// gathered is an operation that goes together with others.
type gathered struct {
	x    exchange
	done chan gatheredEnd // gets one
}

// gatheredEnd is what became of it.
type gatheredEnd struct {
	result wire.Result
	err    error // of the whole request
	alone  bool  // it has to be sent alone
}

// send sends x, an operation, as Client.send does.
func (g *gather) send(ctx context.Context, x exchange, out, late any) (status int, err error) {
	o := g.enter(ctx, x)
	if o == nil {
		return g.alone(ctx, x, out, late)
	}
	select {
	case end := <-o.done:
		switch {
		case end.alone:
			return g.c.sendAlone(ctx, x, out, late)
		case end.err != nil:
			return 0, end.err
		}
		a := gatheredAnswer(end.result)
		return a.status, a.decode(out, late)
	case <-ctx.Done():
		e := unreached(context.Cause(ctx))
		if g.withdraw(o) {
			e.Effect = wire.EffectNone
		}
		return 0, e
	}
}

// alone sends x in the lane that it has.
func (g *gather) alone(ctx context.Context, x exchange, out, late any) (int, error) {
	leave := sync.OnceFunc(g.leave)
	defer leave()
	if x.waits {
		timer := time.AfterFunc(laneTime, leave)
		defer timer.Stop()
	}
	return g.c.sendAlone(ctx, x, out, late)
}

// enter takes a lane for x, or a place among those that wait for one. What
// comes after Close (it is soon over) and what is long goes without.
func (g *gather) enter(ctx context.Context, x exchange) *gathered {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.free > 0 || g.c.ctx.Err() != nil || ctx.Err() != nil || len(x.body) > maxGatheredEach {
		g.free--
		return nil
	}
	o := &gathered{x: x, done: make(chan gatheredEnd, 1)}
	g.waiting = append(g.waiting, o)
	return o
}

// withdraw takes o back; false: it is on its way.
func (g *gather) withdraw(o *gathered) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	i := slices.Index(g.waiting, o)
	if i < 0 {
		return false
	}
	g.waiting = slices.Delete(g.waiting, i, i+1)
	return true
}

// leave gives a lane to those who wait, or back.
func (g *gather) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.free++; g.free <= 0 || len(g.waiting) == 0 {
		return
	}
	g.free--
	some := g.takeLocked()
	g.c.wait.Go(func() { // a call of each of some is under way
		for len(some) > 0 {
			g.sendTogether(some)
			some = g.next()
		}
	})
}

// next returns who goes in a lane that is free again, or gives it back.
func (g *gather) next() []*gathered {
	g.mu.Lock()
	defer g.mu.Unlock()
	some := g.takeLocked()
	if len(some) == 0 {
		g.free++
	}
	return some
}

// takeLocked takes what fits into one request.
func (g *gather) takeLocked() []*gathered {
	n, bytes := 0, 0
	for n < min(len(g.waiting), maxGathered) && bytes < maxGatheredBytes {
		bytes += len(g.waiting[n].x.body)
		n++
	}
	some := g.waiting[:n:n]
	g.waiting = g.waiting[n:]
	return some
}

// sendTogether sends some in one request, and tells each what became of it.
func (g *gather) sendTogether(some []*gathered) {
	results, err := g.exchange(some)
	for i, o := range some {
		end := gatheredEnd{err: err}
		switch {
		case err == nil:
			end.result = results[i]
		case !asError(err).retry: // the fault of one of them, perhaps
			end.alone = true
		}
		o.done <- end
	}
}

// exchange sends some to one node.
func (g *gather) exchange(some []*gathered) ([]wire.Result, error) {
	x := g.c.exchange(http.MethodPost, "/v1/batch")
	x.body, x.operations = batchBody(some), len(some)
	k, u := g.c.nodes.pick(time.Now())
	var batch wire.Batch
	err := g.c.exchanged(g.c.ctx, u, x, func() error {
		_, err := g.c.roundTrip(g.c.ctx, u, x, &batch, nil)
		return err
	})
	if err == nil && len(batch.Results) != len(some) {
		err = foreign(http.StatusOK, nil)
	}
	fault := err
	for _, r := range batch.Results {
		if r.Status >= http.StatusInternalServerError {
			fault = gatheredAnswer(r).problem()
		}
	}
	g.c.judge(g.c.ctx, k, u, fault)
	return batch.Results, err
}

// batchBody is a wire.BatchRequest of bodies that are encoded already.
func batchBody(some []*gathered) []byte {
	b := []byte(`{"unordered":true,"operations":[`)
	for i, o := range some {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(b, `{"`...), o.x.operation...)
		b = append(append(append(b, `":`...), o.x.body...), '}')
	}
	return append(b, `]}`...)
}

// gatheredAnswer is r as it would have been answered alone.
func gatheredAnswer(r wire.Result) answer {
	kind := wire.TypeJSON
	if r.Status >= http.StatusBadRequest {
		kind = wire.TypeProblem
	}
	return answer{status: r.Status, header: http.Header{"Content-Type": {kind}}, body: r.Body}
}
