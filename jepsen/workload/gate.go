package workload

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/limitd/limitd/jepsen/history"
)

// gate carries the requests of one holder's library, and holds them back, and
// their answers, while the holder is stopped: a stopped process renews nothing.
type gate struct {
	to     http.RoundTripper
	record *history.Recorder

	mu    sync.Mutex
	until time.Duration // guarded by mu; when the holder goes on
}

// stop stops all exchanges for d.
func (g *gate) stop(d time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.until = g.record.Now() + d
}

// wait returns when the holder is not stopped, or ctx has ended.
func (g *gate) wait(ctx context.Context) error {
	for {
		g.mu.Lock()
		left := g.until - g.record.Now()
		g.mu.Unlock()
		if left <= 0 {
			return ctx.Err()
		}
		if !sleep(ctx, left) {
			return ctx.Err()
		}
	}
}

// RoundTrip carries one request.
func (g *gate) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := g.wait(r.Context()); err != nil {
		return nil, err
	}
	answer, err := g.to.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if err := g.wait(r.Context()); err != nil {
		_ = answer.Body.Close()
		return nil, err
	}
	return answer, nil
}
