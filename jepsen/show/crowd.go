package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"sync"
	"time"

	"github.com/limitd/limitd/jepsen/nodes"
	"github.com/limitd/limitd/transport/wire"
)

// A cluster holds so many waiters and connections in so much memory of each node.
const (
	crowdWaiters     = 10_000
	crowdConnections = 5_000
	crowdMemory      = 1 << 30
)

// crowd parks waiters at the leader, half of them on a connection each that waits
// for the answer, the others told to come again; and looks at the memory of all
// nodes meanwhile.
func crowd(ctx context.Context, s *stage) error {
	leader, err := s.cluster.Leader(ctx)
	if err != nil {
		return err
	}
	before := memoryOf(s.cluster)
	waiting, stop := context.WithCancel(ctx)
	defer stop()
	var g wire.Grant
	body := wire.AcquireRequest{ID: "first", Limits: []wire.Entry{{Name: "parked", Slots: 1}}, TTL: wire.Duration(time.Hour)}
	if _, err := leader.Must(ctx, http.MethodPost, "/v1/acquire", body, &g); err != nil {
		return err
	}
	var polls sync.WaitGroup
	open := s.times(crowdConnections)
	for i := range open {
		polls.Go(func() { _, _ = leader.Call(waiting, http.MethodPost, "/v1/acquire", parked("open", i, nil)) }) // the queue tells
	}
	if err := park(ctx, leader, s.times(crowdWaiters)-open); err != nil {
		return err
	}
	err = soon(ctx, func() error { return inQueue(ctx, leader, s.times(crowdWaiters), open) })
	if err == nil {
		err = frugal(ctx, s, before, open)
	}
	stop()
	polls.Wait()
	if err != nil {
		return err
	}
	if _, err := leader.Must(ctx, http.MethodDelete, "/v1/limits/parked", nil, nil); err != nil {
		return err
	}
	return nil
}

// parked is an acquire that waits for long.
func parked(kind string, i int, hold *wire.Duration) wire.AcquireRequest {
	return wire.AcquireRequest{
		ID: fmt.Sprintf("%s-%d", kind, i), Limits: []wire.Entry{{Name: "parked", Slots: 1}},
		Wait: wire.Duration(time.Hour), Hold: hold, Linger: wire.Duration(time.Minute),
	}
}

// park puts waiters into the queue that keep no connection.
func park(ctx context.Context, n *nodes.Node, count int) error {
	zero := wire.Duration(0)
	for done := 0; done < count; {
		list := wire.BatchRequest{Unordered: true}
		for ; done < count && len(list.Operations) < 500; done++ {
			one := parked("away", done, &zero)
			list.Operations = append(list.Operations, wire.Operation{Acquire: &one})
		}
		var b wire.Batch
		if _, err := n.Must(ctx, http.MethodPost, "/v1/batch", list, &b); err != nil {
			return err
		}
		for _, r := range b.Results {
			if r.Status != http.StatusAccepted {
				return fmt.Errorf("an acquire that has to wait: %d %s", r.Status, r.Body)
			}
		}
	}
	return nil
}

// inQueue checks that all stand in the queue, and how many connections are open.
func inQueue(ctx context.Context, n *nodes.Node, waiters, connections int) error {
	var l wire.Limit
	if _, err := n.Must(ctx, http.MethodGet, "/v1/limits/parked", nil, &l); err != nil {
		return err
	}
	a, err := n.Must(ctx, http.MethodGet, "/metrics", nil, nil)
	if err != nil {
		return err
	}
	open := 0
	if m := regexp.MustCompile(`(?m)^limitd_http_connections (\d+)$`).FindSubmatch(a.Body); m != nil {
		open, _ = strconv.Atoi(string(m[1]))
	}
	if l.Status.Waiting < int64(waiters) || open < connections {
		return fmt.Errorf("%d waiters of %d, %d connections of %d", l.Status.Waiting, waiters, open, connections)
	}
	fmt.Printf("   %d waiters parked, %d connections open at the leader\n", l.Status.Waiting, open)
	return nil
}

// frugal looks at the memory of the nodes with the crowd waiting, and at whether
// others are served.
func frugal(ctx context.Context, s *stage, before map[string]memory, open int) error {
	served, err := measure(ctx, s, "crowd", s.last(5*time.Second))
	if err != nil {
		return err
	}
	for name, now := range memoryOf(s.cluster) {
		fmt.Printf("   %s: %d MiB resident, %d before; at most %d so far\n", name, now.resident>>20, before[name].resident>>20, now.peak>>20)
		if now.resident == 0 || now.peak > crowdMemory {
			return errors.New("that is more than 1 GiB, or unknown")
		}
	}
	fmt.Printf("   meanwhile acquires of others take %s\n", spread(served["acquire"]))
	return nil
}

// memory of a process, in bytes.
type memory struct{ resident, peak int64 }

// memoryOf reads the memory of all nodes from /proc.
func memoryOf(c *nodes.Cluster) map[string]memory {
	all := map[string]memory{}
	for _, n := range c.Nodes() {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", n.PID())) // none: 0
		read := func(key string) int64 {
			m := regexp.MustCompile(key + `:\s+(\d+) kB`).FindSubmatch(text)
			if m == nil {
				return 0
			}
			kib, _ := strconv.ParseInt(string(m[1]), 10, 64)
			return kib << 10
		}
		all[n.Name] = memory{read("VmRSS"), read("VmHWM")}
	}
	return all
}
