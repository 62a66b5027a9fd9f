// Package bench measures running nodes, and checks meanwhile that no limit is
// ever over-granted.
//
// Each connection is one caller with an open keep-alive connection. What the
// callers do is the Mode:
//
//	pairs      acquire a slot of one of many limits, release it
//	contended  the same, all on one limit with few slots
//	rate       acquire from one limit whose slots come back by decay alone
//	waiters    stand in one queue, all at once, and be granted all at once
//
// The load is closed (nobody asks before they were answered), so that a slow
// node is asked less; or, with Options.Rate, open: operations are due at fixed
// instants, and a latency counts from the instant at which its operation was
// due, also where all connections were busy then. So a node that stalls is
// charged for all that it held up.
//
// Callers follow the contract of the API: each acquire has an id, and what gets
// no answer is asked again under it.
//
//	report, err := bench.Run(ctx, bench.Options{Mode: bench.Pairs, Bases: []string{"http://127.0.0.1:7480"}, ...})
//	report.Write(os.Stdout)
//	if !report.Check.Passed { ... }
package bench

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/limitd/limitd/transport/wire"
)

// Mode is what the callers do.
type Mode string

// The modes. Contended is Pairs on one limit.
const (
	Pairs     Mode = "pairs"
	Contended Mode = "contended"
	Rate      Mode = "rate"
	Waiters   Mode = "waiters"
)

// Options say what is run.
type Options struct {
	Mode  Mode
	Bases []string // http://host:port of the nodes, at least one
	Token string   // to authenticate with; may be empty
	// TLS is for bases of https. Default: the system's authorities, no certificate.
	TLS         *tls.Config
	Connections int // callers at once; for Waiters how many wait
	// Duration is how long operations are begun; for Waiters how long all of them
	// may take to stand in the queue.
	Duration time.Duration
	// Rate is how many operations are begun a second; 0: as many as are answered.
	Rate   float64
	Limits int   // limits that are made for the run, and deleted after it
	Slots  int64 // of each limit
	Decay  int64 // of Rate's limit: slots that come back each second
	// Hold is how long a caller keeps its slot. With 0 hardly two are ever held
	// at once, and the check finds little.
	Hold time.Duration
}

// Bounds of a rate run, so that the check's sums fit 64 bits.
const (
	maxDecay    = 1_000_000
	maxDuration = time.Hour
)

// ErrOptions says what is wrong with the options.
var ErrOptions = errors.New("bench")

// Check returns an ErrOptions where the options make no sense.
func (o Options) Check() error {
	switch {
	case len(o.Bases) == 0:
		return fmt.Errorf("%w: one address is needed", ErrOptions)
	case o.Connections < 1 || o.Limits < 1 || o.Slots < 1 || o.Hold < 0:
		return fmt.Errorf("%w: connections, limits and slots have to be above 0", ErrOptions)
	case o.Duration <= 0 || o.Duration > maxDuration:
		return fmt.Errorf("%w: the duration has to be above 0 and at most %v", ErrOptions, maxDuration)
	case o.Rate < 0 || math.IsNaN(o.Rate) || o.Rate > 1e9:
		return fmt.Errorf("%w: the rate has to be 0 (as fast as they are answered) to 10^9 operations a second", ErrOptions)
	case o.Mode == Rate && (o.Decay < 1 || o.Decay > maxDecay):
		return fmt.Errorf("%w: the decay has to be 1 to %d slots a second", ErrOptions, maxDecay)
	}
	return nil
}

// ttl is the leases' TTL: far longer than any pair takes.
const ttl = wire.Duration(60 * time.Second)

// patience is how long a caller waits for a slot, and tries again what got no
// answer, before it counts an error.
const patience = 30 * time.Second

// firstCall is how long the nodes are asked to make a limit: where none answers,
// the run is over.
const firstCall = 5 * time.Second

// lastCalls is how long operations that are under way may go on when a run is
// ended early.
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
	seen   atomic.Int64 // the newest cluster time that an answer told
}

// Run makes the limits, runs the callers, looks at what is left, and deletes
// the limits. The end of ctx ends the run early, and lets operations that are
// under way come to their end. An error means that the run could not be carried
// out; what the callers met is in the report.
func Run(ctx context.Context, o Options) (*Report, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	transport := newTransport(o.Connections)
	transport.TLSClientConfig = o.TLS
	defer transport.CloseIdleConnections()
	return runOver(ctx, transport, o)
}

// runOver is Run with what carries the calls.
func runOver(ctx context.Context, transport http.RoundTripper, o Options) (*Report, error) {
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
	report, err := r.measure(ctx, calls)
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanup)
	defer cancel()
	if err == nil && o.Mode != Rate {
		err = r.inspect(last, report)
	}
	r.deleteLimits(last)
	return report, err
}

// measure has the callers do what the mode says. Their calls go on until calls ends.
func (r *run) measure(ctx, calls context.Context) (*Report, error) {
	switch r.Mode {
	case Rate:
		return r.rate(ctx, calls), nil
	case Waiters:
		return r.wait(ctx, calls)
	default:
		return r.pairs(ctx, calls), nil
	}
}

// dialsAtOnce keeps a run from filling the node's backlog of connections.
const dialsAtOnce = 128

func newTransport(connections int) *http.Transport {
	turns := make(chan struct{}, dialsAtOnce)
	return &http.Transport{
		MaxIdleConns: connections, MaxIdleConnsPerHost: connections, MaxConnsPerHost: connections + 1, DisableCompression: true,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			turns <- struct{}{}
			defer func() { <-turns }()
			return new(net.Dialer).DialContext(ctx, network, address)
		},
	}
}

// work runs all callers for the duration, or until ctx ends: each does one
// operation after the other, told the instant from which its latency counts.
func (r *run) work(ctx context.Context, do func(c *caller, due time.Time)) ([]*caller, time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, r.Duration)
	defer cancel()
	callers := make([]*caller, r.Connections)
	var all sync.WaitGroup
	start := time.Now()
	turns := &schedule{start: start, rate: r.Rate}
	for i := range callers {
		callers[i] = newCaller(r, i)
		all.Go(func() {
			for due, ok := turns.next(ctx); ok; due, ok = turns.next(ctx) {
				do(callers[i], due)
			}
		})
	}
	all.Wait()
	return callers, time.Since(start)
}

func (r *run) makeLimits(ctx context.Context) error {
	c := newCaller(r, 0)
	for _, l := range r.limits {
		ctx, cancel := context.WithTimeout(ctx, firstCall)
		err := c.call(ctx, http.MethodPut, "/v1/limits/"+l.name, wire.LimitRequest{
			Name: l.name, Slots: r.Slots, Rate: fmt.Sprintf("%d/s", r.Decay),
			Description: "made by limitd bench", Labels: map[string]string{"made-by": "limitd-bench"},
		}, nil)
		cancel()
		if err != nil {
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanup)
			defer cancel()
			r.deleteLimits(last)
			return fmt.Errorf("make the limit %s: %w", l.name, err)
		}
	}
	return nil
}

// deleteLimits removes what makeLimits made. A limit that is left over carries
// a label by which people find it.
func (r *run) deleteLimits(ctx context.Context) {
	c := newCaller(r, 0)
	for _, l := range r.limits {
		_ = c.call(ctx, http.MethodDelete, "/v1/limits/"+l.name, nil, nil)
	}
}

// inspect looks at the limits when all callers have released what they held.
// Failed operations leave slots to their TTL, so that with them what is left
// says nothing.
func (r *run) inspect(ctx context.Context, report *Report) error {
	c := newCaller(r, 0)
	left := int64(0)
	for _, l := range r.limits {
		var now wire.Limit
		if err := c.call(ctx, http.MethodGet, "/v1/limits/"+l.name, nil, &now); err != nil {
			report.Check.wrong("nobody could be asked what is left")
			return fmt.Errorf("look at the limit %s: %w", l.name, err)
		}
		left += now.Status.Occupied
	}
	report.Check.saw("%d slots occupied at the end", left)
	if left > 0 && report.Failed == 0 {
		report.Check.wrong("%d slots are occupied though all were released", left)
	}
	return nil
}
