package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/limitd/limitd/jepsen/nodes"
	"github.com/limitd/limitd/transport/wire"
)

// failover kills the leader a hundred times, and takes the time from the kill
// to the first write that a survivor answers.
func failover(ctx context.Context, s *stage) error {
	if err := putLimit(ctx, s.cluster.Nodes()[0], "probe", wire.LimitRequest{Slots: 1000}); err != nil {
		return err
	}
	gaps, err := strike(ctx, s, s.times(100), killAndProbe)
	if err != nil {
		return err
	}
	p50, p90, most := gaps[len(gaps)/2], gaps[len(gaps)*9/10], gaps[len(gaps)-1]
	fmt.Printf("   %d kills: first success at a survivor after p50 %s, p90 %s, max %s\n", len(gaps), round(p50), round(p90), round(most))
	if p50 > 600*time.Millisecond || most > time.Second {
		return fmt.Errorf("the aim is p50 under 600ms and max under 1s")
	}
	return atRest(ctx, s.cluster, "probe")
}

// blow ends the leader in some way and returns how long nobody was served.
type blow func(ctx context.Context, c *nodes.Cluster, leader *nodes.Node, turn int) (time.Duration, error)

// strike deals that many blows, each to whoever leads then, and starts the node
// again before the next. It returns the gaps, shortest first.
func strike(ctx context.Context, s *stage, times int, deal blow) (gaps []time.Duration, err error) {
	for turn := range times {
		leader, err := s.cluster.Leader(ctx)
		if err != nil {
			return nil, err
		}
		gap, err := deal(ctx, s.cluster, leader, turn)
		if err != nil {
			return nil, err
		}
		gaps = append(gaps, gap)
		if err := s.cluster.Restart(leader); err != nil {
			return nil, err
		}
		if err := ready(ctx, leader); err != nil {
			return nil, err
		}
		_ = wait(ctx, 300*time.Millisecond)
	}
	slices.Sort(gaps)
	return gaps, nil
}

func round(d time.Duration) time.Duration { return d.Round(time.Millisecond) }

// killAndProbe kills the leader while a call is made at each survivor, and
// returns when the first answer came.
func killAndProbe(ctx context.Context, c *nodes.Cluster, leader *nodes.Node, i int) (time.Duration, error) {
	c.Kill(leader)
	killed := time.Now()
	answers := make(chan error, len(c.Nodes()))
	for _, n := range c.Nodes() {
		if n == leader {
			continue
		}
		go func() { answers <- pair(ctx, n, fmt.Sprintf("probe-%d-%s", i, n.Name)) }()
	}
	err := <-answers
	gap := time.Since(killed)
	return gap, err
}

// pair acquires and releases one slot of the limit probe at a node.
func pair(ctx context.Context, n *nodes.Node, id string) error { return pairOf(ctx, n, "probe", id) }

// pairOf acquires and releases one slot of a limit at a node.
func pairOf(ctx context.Context, n *nodes.Node, limit, id string) error {
	body := wire.AcquireRequest{ID: id, Limits: []wire.Entry{{Name: limit, Slots: 1}}}
	var g wire.Grant
	if _, err := n.Must(ctx, http.MethodPost, "/v1/acquire", body, &g); err != nil {
		return err
	}
	_, err := n.Must(ctx, http.MethodPost, "/v1/release", wire.ReleaseRequest{Token: g.Token}, nil)
	return err
}

// term ends the leader with SIGTERM under load at the other nodes: no call of
// theirs may fail, and the longest call is what the hand-over cost.
func term(ctx context.Context, s *stage) error {
	if err := putLimit(ctx, s.cluster.Nodes()[0], "probe", wire.LimitRequest{Slots: 1000}); err != nil {
		return err
	}
	gaps, err := strike(ctx, s, s.times(20), stopUnderLoad)
	if err != nil {
		return err
	}
	p50, most := gaps[len(gaps)/2], gaps[len(gaps)-1]
	fmt.Printf("   %d SIGTERMs: 0 failed calls, longest time without a success p50 %s, max %s\n", len(gaps), round(p50), round(most))
	if p50 > 50*time.Millisecond {
		return fmt.Errorf("the aim is under 50ms")
	}
	return atRest(ctx, s.cluster, "probe")
}

// stopUnderLoad returns the longest span without a success at the survivors
// around the leader's SIGTERM.
func stopUnderLoad(ctx context.Context, c *nodes.Cluster, leader *nodes.Node, turn int) (time.Duration, error) {
	var stop atomic.Bool
	var mu sync.Mutex
	var first error
	last, longest := time.Now(), time.Duration(0)
	success := func(err error) {
		mu.Lock()
		defer mu.Unlock()
		if err != nil && first == nil {
			first = err
		}
		longest, last = max(longest, time.Since(last)), time.Now()
	}
	var all sync.WaitGroup
	for _, n := range c.Nodes() {
		for lane := range 2 {
			if n == leader {
				continue
			}
			all.Go(func() {
				for i := 0; !stop.Load(); i++ {
					success(pair(ctx, n, fmt.Sprintf("term-%d-%s-%d-%d", turn, n.Name, lane, i)))
				}
			})
		}
	}
	_ = wait(ctx, 200*time.Millisecond)
	err := c.Stop(leader)
	_ = wait(ctx, 200*time.Millisecond)
	stop.Store(true)
	all.Wait()
	if err == nil {
		err = first
	}
	return longest, err
}
