// Package bench measures running nodes with pairs of acquire and release, and
// checks meanwhile that no limit is ever over-granted.
//
// Each connection is one caller with an open keep-alive connection: it picks a
// limit, acquires a slot, waiting where it must, releases it, and begins again.
// Latencies are what the caller sees, queueing included; the load is closed
// (nobody asks before they were answered), so that a slow node is asked less.
// Callers follow the contract of the API: each acquire has an id, and what gets
// no answer is asked again under it.
//
//	report, err := bench.Run(ctx, bench.Options{Bases: []string{"http://127.0.0.1:7480"}, ...})
//	report.Write(os.Stdout)
//	if !report.Passed() { ... }
package bench

import (
	"context"
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/limitd/limitd/transport/wire"
)

// Options say what is run.
type Options struct {
	Bases       []string // http://host:port of the nodes, at least one
	Token       string   // to authenticate with; may be empty
	Connections int      // callers at once
	Duration    time.Duration
	Limits      int   // limits that are made for the run, and deleted after it
	Slots       int64 // of each limit
	// Hold is how long a caller keeps its slot. With 0 hardly two are ever held
	// at once, and the check finds little.
	Hold time.Duration
}

// ttl is the leases' TTL: far longer than any pair takes.
const ttl = wire.Duration(60 * time.Second)

// patience is how long a caller waits for a slot, and tries again what got no
// answer, before it counts an error.
const patience = 30 * time.Second

// firstCall is how long the nodes are asked to make a limit: where none answers,
// the run is over.
const firstCall = 5 * time.Second

// lastCalls is how long pairs that are under way may go on when a run is ended early.
const lastCalls = 5 * time.Second

// cleanup bounds the end of a run: the last look, and deleting the limits.
const cleanup = 5 * time.Second

// run is one run under way.
type run struct {
	Options
	name   string // prefix of the limits and of the ids
	client *http.Client
	limits []*watched
	ids    atomic.Uint64
}

// watched is one limit with what its callers know for certain: who has been
// granted a slot and has not yet sent the release holds it.
type watched struct {
	name string
	held atomic.Int64
	peak atomic.Int64
}

func (l *watched) granted() {
	now := l.held.Add(1)
	for peak := l.peak.Load(); now > peak && !l.peak.CompareAndSwap(peak, now); peak = l.peak.Load() {
	}
}

// Run makes the limits, runs the callers, looks at what is left, and deletes
// the limits. The end of ctx ends the run early, and lets pairs that are under
// way come to their end. An error means that the run could not be carried out; what the
// callers met is in the report.
func Run(ctx context.Context, o Options) (*Report, error) {
	transport := &http.Transport{MaxIdleConnsPerHost: o.Connections, MaxConnsPerHost: o.Connections, DisableCompression: true}
	defer transport.CloseIdleConnections()
	r := &run{Options: o, name: "bench-" + strings.ToLower(rand.Text()[:8]), client: &http.Client{Transport: transport}}
	for i := range o.Limits {
		r.limits = append(r.limits, &watched{name: fmt.Sprintf("%s-%d", r.name, i)})
	}
	if err := r.makeLimits(ctx); err != nil {
		return nil, err
	}
	calls, abandon := context.WithCancel(context.WithoutCancel(ctx))
	defer abandon()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(lastCalls, abandon) })()
	callers, elapsed := r.work(ctx, calls)
	report := newReport(o, callers, elapsed)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanup)
	defer cancel()
	err := r.inspect(ctx, report)
	r.deleteLimits(ctx)
	return report, err
}

// work runs all callers for the duration, or until ctx ends. Their calls go on
// until calls ends.
func (r *run) work(ctx, calls context.Context) ([]*caller, time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, r.Duration)
	defer cancel()
	callers := make([]*caller, r.Connections)
	var all sync.WaitGroup
	start := time.Now()
	for i := range callers {
		callers[i] = &caller{run: r, base: i % len(r.Bases)}
		all.Go(func() {
			for ctx.Err() == nil {
				callers[i].pair(calls, r.limits[mathrand.IntN(len(r.limits))])
			}
		})
	}
	all.Wait()
	return callers, time.Since(start)
}

func (r *run) makeLimits(ctx context.Context) error {
	c := &caller{run: r}
	for _, l := range r.limits {
		ctx, cancel := context.WithTimeout(ctx, firstCall)
		err := c.call(ctx, http.MethodPut, "/v1/limits/"+l.name, wire.LimitRequest{
			Name: l.name, Slots: r.Slots, Description: "made by limitd bench", Labels: map[string]string{"made-by": "limitd-bench"},
		}, nil)
		cancel()
		if err != nil {
			r.deleteLimits(context.WithoutCancel(ctx))
			return fmt.Errorf("make the limit %s: %w", l.name, err)
		}
	}
	return nil
}

// deleteLimits removes what makeLimits made. A limit that is left over carries
// a label by which people find it.
func (r *run) deleteLimits(ctx context.Context) {
	c := &caller{run: r}
	for _, l := range r.limits {
		_ = c.call(ctx, http.MethodDelete, "/v1/limits/"+l.name, nil, nil)
	}
}

// inspect looks at the limits when all callers have released what they held.
func (r *run) inspect(ctx context.Context, report *Report) error {
	c := &caller{run: r}
	for _, l := range r.limits {
		report.Peak = max(report.Peak, l.peak.Load())
	}
	for _, l := range r.limits {
		var now wire.Limit
		if err := c.call(ctx, http.MethodGet, "/v1/limits/"+l.name, nil, &now); err != nil {
			return fmt.Errorf("look at the limit %s: %w", l.name, err)
		}
		report.Left += now.Status.Occupied
	}
	report.Inspected = true
	return nil
}
