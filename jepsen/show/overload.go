package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/limitd/limitd/jepsen/nodes"
	"github.com/limitd/limitd/transport/wire"
)

// dressOverload gives the scene as many connections as it wants. In its short form
// it may be played on a machine that has no time for it: there elections, which
// are not what it is about, wait for longer, as docs/operations.md tells.
func dressOverload(s *stage, cfg *nodes.Config) error {
	cfg.Transport = &http.Transport{MaxIdleConnsPerHost: 1 << 16}
	if !s.whole() {
		cfg.Extra += "raft {\n  heartbeat_timeout    = \"3s\"\n  election_timeout     = \"3s\"\n  leader_lease_timeout = \"2s\"\n}\n"
	}
	return nil
}

// overload floods one limit while others are used, and parks as many waiters and
// connections as a cluster is promised to hold.
func overload(ctx context.Context, s *stage) error {
	first := s.cluster.Nodes()[0]
	for _, name := range []string{"probe", "kept"} {
		if err := putLimit(ctx, first, name, wire.LimitRequest{Slots: 100_000}); err != nil {
			return err
		}
	}
	for _, name := range []string{"flood", "parked"} {
		if err := putLimit(ctx, first, name, wire.LimitRequest{Slots: 1}); err != nil {
			return err
		}
	}
	for _, play := range []func(context.Context, *stage) error{fairness, crowd} {
		if err := play(ctx, s); err != nil {
			return err
		}
	}
	return atRest(ctx, s.cluster, "probe")
}

// fairness compares how long calls of one caller take beside a flood on another
// limit with how long they take alone. No call but those of the flood is refused.
func fairness(ctx context.Context, s *stage) error {
	alone, err := measure(ctx, s, "alone", s.last(10*time.Second))
	if err != nil {
		return err
	}
	var held wire.Grant // so that nothing of the flood is granted
	body := wire.AcquireRequest{ID: "dam", Limits: []wire.Entry{{Name: "flood", Slots: 1}}, TTL: wire.Duration(time.Hour)}
	if _, err := s.cluster.Nodes()[0].Must(ctx, http.MethodPost, "/v1/acquire", body, &held); err != nil {
		return err
	}
	term, err := termAt(ctx, s.cluster.Nodes()[0])
	if err != nil {
		return err
	}
	f := &flood{}
	f.begin(ctx, s.cluster.Nodes())
	err = f.rises(ctx, s.cluster.Nodes()[0], max(s.last(time.Minute), 8*time.Second))
	if errors.Is(err, errTame) && !s.whole() {
		fmt.Printf("   on this machine %v\n", err)
		err = nil
	}
	if err != nil {
		return errors.Join(err, f.end())
	}
	beside, err := measure(ctx, s, "beside", s.last(20*time.Second))
	if err := errors.Join(err, f.end()); err != nil {
		return err
	}
	fmt.Printf("   flood on one limit by %d callers, %d acquires a request: %d denied, %d refused (503; a single one with Retry-After), %d late (504)\n",
		floodCallers, floodBatch, f.denied.Load(), f.shed.Load(), f.late.Load())
	fmt.Printf("   a request of the flood: %s\n", spread(f.took))
	for _, what := range []string{"acquire", "renew", "release"} {
		fmt.Printf("   %s of others: alone %s, beside the flood %s; none failed\n", what, spread(alone[what]), spread(beside[what]))
	}
	after, err := termAt(ctx, s.cluster.Nodes()[0])
	if err != nil {
		return err
	}
	fmt.Printf("   raft's term went on by %d meanwhile\n", after-term)
	for what, took := range beside {
		if s.whole() && at(took, 50) > at(f.took, 50)/2 {
			return fmt.Errorf("%s of others takes more than half as long as a request of the flood", what)
		}
	}
	return nil
}

// termAt returns raft's term, as a node knows it.
func termAt(ctx context.Context, n *nodes.Node) (uint64, error) {
	var c wire.Cluster
	_, err := n.Must(ctx, http.MethodGet, "/v1/cluster", nil, &c)
	return c.Term, err
}

// measure acquires, renews and releases at a follower for a while, and returns
// how long each took, the shortest first.
func measure(ctx context.Context, s *stage, name string, last time.Duration) (map[string][]time.Duration, error) {
	leader, err := s.cluster.Leader(ctx)
	if err != nil {
		return nil, err
	}
	n := s.cluster.Nodes()[0]
	if n == leader {
		n = s.cluster.Nodes()[1]
	}
	took := map[string][]time.Duration{}
	timed := func(what, path string, body, answer any) error {
		began := time.Now()
		err := s.insist(ctx, n, path, body, answer)
		took[what] = append(took[what], time.Since(began))
		return err
	}
	for i, began := 0, time.Now(); time.Since(began) < last || i < 5; i++ {
		var g wire.Grant
		body := wire.AcquireRequest{ID: fmt.Sprintf("%s-%d", name, i), Limits: []wire.Entry{{Name: "probe", Slots: 1}}}
		if err := timed("acquire", "/v1/acquire", body, &g); err != nil {
			return nil, err
		}
		if err := timed("renew", "/v1/renew", wire.RenewRequest{Tokens: []uint64{g.Token}}, nil); err != nil {
			return nil, err
		}
		if err := timed("release", "/v1/release", wire.ReleaseRequest{Token: g.Token}, nil); err != nil {
			return nil, err
		}
	}
	for _, list := range took {
		slices.Sort(list)
	}
	return took, nil
}

// insist posts to a node, and in the short form asks again for what a machine
// without time has not done in 10 s: release, renew and acquires under an id have
// one effect.
func (s *stage) insist(ctx context.Context, n *nodes.Node, path string, body, answer any) error {
	for try := 1; ; try++ {
		a, err := n.Must(ctx, http.MethodPost, path, body, answer)
		late := a.Status == http.StatusGatewayTimeout || a.Status == http.StatusServiceUnavailable
		if err == nil || !late || s.whole() || try > 5 {
			return err
		}
		fmt.Printf("   asked again: %v\n", err)
	}
}

// at returns a percentile of durations in rising order.
func at(sorted []time.Duration, percent int) time.Duration {
	return sorted[min(len(sorted)-1, len(sorted)*percent/100)].Round(100 * time.Microsecond)
}

func spread(sorted []time.Duration) string {
	return fmt.Sprintf("p50 %s p99 %s", at(sorted, 50), at(sorted, 99))
}

// flood is callers that ask for one slot over and over, and never wait.
type flood struct {
	stop    atomic.Bool
	denied  atomic.Int64 // 429: the limit is full
	shed    atomic.Int64 // 503
	late    atomic.Int64 // 504: it had no turn in 10 s
	callers sync.WaitGroup

	mu   sync.Mutex
	took []time.Duration // guarded by mu; of each request
	err  error           // guarded by mu
}

// The flood wants more at a time than the quarter of the queue that one limit may
// fill, and raft beside it.
const (
	floodCallers = 120
	floodBatch   = 64 // a node plays no more of a batch at a time
	floodPause   = 10 * time.Millisecond
)

// begin has callers flood the nodes.
func (f *flood) begin(ctx context.Context, list []*nodes.Node) {
	one := wire.Operation{Acquire: &wire.AcquireRequest{Limits: []wire.Entry{{Name: "flood", Slots: 1}}}}
	body := wire.BatchRequest{Operations: slices.Repeat([]wire.Operation{one}, floodBatch), Unordered: true}
	for i := range floodCallers {
		n := list[i%len(list)]
		f.callers.Go(func() {
			for !f.stop.Load() && ctx.Err() == nil {
				began := time.Now()
				err := f.pour(ctx, n, body)
				f.mu.Lock()
				f.took, f.err = append(f.took, time.Since(began)), cmp.Or(f.err, err)
				f.mu.Unlock()
				if err != nil {
					return
				}
				_ = wait(ctx, floodPause)
			}
		})
	}
}

// pour sends one request, and counts what became of its acquires.
func (f *flood) pour(ctx context.Context, n *nodes.Node, body wire.BatchRequest) error {
	a, err := n.Call(ctx, http.MethodPost, "/v1/batch", body)
	if err != nil {
		return err
	}
	if a.Status == http.StatusServiceUnavailable {
		f.shed.Add(floodBatch)
		return nil
	}
	var b wire.Batch
	if err := json.Unmarshal(a.Body, &b); err != nil || a.Status != http.StatusOK {
		return fmt.Errorf("a batch: %d %.200s %w", a.Status, a.Body, err)
	}
	for _, r := range b.Results {
		switch r.Status {
		case http.StatusOK, http.StatusTooManyRequests:
			f.denied.Add(1)
		case http.StatusServiceUnavailable:
			f.shed.Add(1)
		case http.StatusGatewayTimeout:
			f.late.Add(1)
		default:
			return fmt.Errorf("an acquire of the flood: %d %s", r.Status, r.Body)
		}
	}
	return nil
}

// singles is how many callers look, one acquire after the other, whether the
// flood's limit is refused more.
const singles = 8

// rises waits until a single acquire of the flood's limit is refused with 503 and
// Retry-After. It is an error where that takes too long, or Retry-After lacks.
func (f *flood) rises(ctx context.Context, n *nodes.Node, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	found := make(chan error, singles)
	for range singles {
		go func() {
			for ctx.Err() == nil {
				if refused, err := single(ctx, n); refused || err != nil {
					found <- err
					return
				}
			}
		}()
	}
	select {
	case err := <-found:
		return err
	case <-ctx.Done():
		return errTame
	}
}

// errTame says that this machine's callers are no flood for its nodes.
var errTame = errors.New("the flood does not fill its part of the queue")

// single asks for a slot of the flood's limit, and tells whether that was refused.
func single(ctx context.Context, n *nodes.Node) (refused bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, n.URL()+"/v1/acquire", strings.NewReader(`{"limits":[{"name":"flood"}]}`))
	if err != nil {
		return false, err
	}
	req.Header.Set("Content-Type", wire.TypeJSON)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false, err
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusServiceUnavailable {
		return false, nil
	}
	if resp.Header.Get("Retry-After") == "" {
		err = errors.New("503 has no Retry-After")
	}
	return true, err
}

func (f *flood) end() error {
	f.stop.Store(true)
	f.callers.Wait()
	slices.Sort(f.took)
	return f.err
}
