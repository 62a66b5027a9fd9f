package workload

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/limitd/limitd/jepsen/history"
)

// gate carries the requests of one holder's library. It holds them back, and
// their answers, while the holder is stopped: a stopped process renews nothing.
// It loses them while the holder has no contact.
type gate struct {
	to     http.RoundTripper
	record *history.Recorder

	mu      sync.Mutex
	stopped time.Duration // guarded by mu; until then
	cut     time.Duration // guarded by mu; until then
}

// errNoContact is what a holder without contact meets.
var errNoContact = errors.New("the holder has no contact")

// stop holds all exchanges back for d.
func (g *gate) stop(d time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.stopped = g.record.Now() + d
}

// lose loses all exchanges for d.
func (g *gate) lose(d time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.cut = g.record.Now() + d
}

// lost tells whether the holder had no contact at some instant since then.
func (g *gate) lost(since time.Duration) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.cut > since
}

// pass returns when the holder is not stopped, or ctx has ended. Its error says
// that nothing passes.
func (g *gate) pass(ctx context.Context) error {
	for {
		g.mu.Lock()
		now := g.record.Now()
		left, cut := g.stopped-now, g.cut > now
		g.mu.Unlock()
		switch {
		case left > 0:
			sleep(ctx, left)
		case cut:
			return errNoContact
		default:
			return ctx.Err()
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// RoundTrip carries one request.
func (g *gate) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := g.pass(r.Context()); err != nil {
		return nil, err
	}
	answer, err := g.to.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if err := g.pass(r.Context()); err != nil {
		_ = answer.Body.Close()
		return nil, err
	}
	return answer, nil
}
