package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/limitd/limitd/cmd/limitd/bench"
	"github.com/limitd/limitd/jepsen/nodes"
	"github.com/limitd/limitd/tools/bench/lean"
	"github.com/limitd/limitd/tools/bench/load"
)

// parkedLimit has a slot for each of the parked.
const parkedLimit = "parked"

// settleFor is how long the parked are left alone before memory is read.
const settleFor = 15 * time.Second

// crew is waiters with an open connection each.
type crew struct {
	conns   []*lean.Conn
	waits   sync.WaitGroup
	granted chan error
}

// parking parks waiters, each with a connection of its own, over all nodes, reads
// what the nodes' memory grew by, and frees all slots at once.
func (g grown) parking(ctx context.Context) error {
	n := g.growth.parked
	if err := put(ctx, g.full, parkedLimit, int64(n)); err != nil {
		return err
	}
	holder := wireAcquire{ID: "all", Limits: []wireEntry{{parkedLimit, n}}, TTL: "1h"}
	if _, err := post(ctx, g.full.Nodes.Nodes()[0], "/v1/acquire", holder); err != nil {
		return err
	}
	before, err := g.memory(ctx)
	if err != nil {
		return err
	}
	start := time.Now()
	var c crew
	defer c.close()
	if err := errors.Join(c.park(g, n), g.allWait(ctx, n)); err != nil {
		return err
	}
	parked := time.Since(start)
	at, err := g.memory(ctx)
	if err != nil {
		return err
	}
	time.Sleep(settleFor)
	after, err := g.memory(ctx)
	if err != nil {
		return err
	}
	freed := time.Now()
	if _, err := post(ctx, g.full.Nodes.Nodes()[0], "/v1/release", wireRelease{"all"}); err != nil {
		return err
	}
	if err := c.wait(n); err != nil {
		return err
	}
	granted := time.Since(freed)
	each := func(m, o float64) float64 { return (m - o) / float64(n) / 1024 }
	fmt.Fprintf(g.out, "\n%d waiters, each with an open connection, %s: parked in %.1f s; then %.1f KiB of the nodes' resident memory each, %.1f KiB after %v more (stacks %.1f, heap %.1f in use); all granted %.2f s after the release was sent.\n",
		n, g.of(), parked.Seconds(), each(at.resident, before.resident), each(after.resident, before.resident), settleFor,
		each(after.stacks, before.stacks), each(after.heap, before.heap), granted.Seconds())
	g.aim(aim{what: fmt.Sprintf("%d parked waiters, %s: KiB of resident memory each", n, g.of()), bound: 16, atMost: true, measured: load.Series{each(after.resident, before.resident)}})
	g.aim(aim{what: fmt.Sprintf("%d parked waiters, %s: s until all are granted", n, g.of()), bound: 1, atMost: true, measured: load.Series{granted.Seconds()}})
	return nil
}

// The requests, as the API reads them.
type (
	wireEntry struct {
		Name  string `json:"name"`
		Slots int    `json:"slots"`
	}
	wireAcquire struct {
		ID     string      `json:"id"`
		Limits []wireEntry `json:"limits"`
		TTL    string      `json:"ttl"`
	}
	wireRelease struct {
		ID string `json:"id"`
	}
)

// post sends one request that has to be answered with 200.
func post(ctx context.Context, n *nodes.Node, path string, body any) ([]byte, error) {
	a, err := n.Call(ctx, http.MethodPost, path, body)
	if err == nil && a.Status != http.StatusOK {
		err = fmt.Errorf("%s: %w: %d %s", path, errRefused, a.Status, a.Body)
	}
	return a.Body, err
}

// park opens the connections, to the nodes in turns, and has each ask for a slot.
func (c *crew) park(g grown, n int) error {
	c.granted = make(chan error, n)
	all := g.full.Nodes.Nodes()
	for i := range n {
		conn, err := lean.Dial(all[i%len(all)].HTTP)
		if err != nil {
			return err
		}
		c.conns = append(c.conns, conn)
		c.waits.Go(func() {
			status, answer, err := conn.Post("/v1/acquire", fmt.Appendf(nil, `{"id":"parked-%d","limits":[{"name":"`+parkedLimit+`"}],"wait":"10m"}`, i))
			if err == nil && (status != http.StatusOK || !bytes.Contains(answer, []byte(`"granted":true`))) {
				err = fmt.Errorf("a parked waiter: %w: %d %s", errRefused, status, answer)
			}
			c.granted <- err
		})
	}
	return nil
}

// wait waits until n are granted.
func (c *crew) wait(n int) error {
	late := time.NewTimer(time.Minute)
	defer late.Stop()
	for range n {
		select {
		case err := <-c.granted:
			if err != nil {
				return err
			}
		case <-late.C:
			return errors.New("not all were granted within a minute")
		}
	}
	return nil
}

func (c *crew) close() {
	for _, conn := range c.conns {
		_ = conn.Close()
	}
	c.waits.Wait()
}

// allWait waits until the queue has n.
func (g grown) allWait(ctx context.Context, n int) error {
	end := time.Now().Add(plantedIn)
	for {
		have, err := bench.Metric(ctx, http.DefaultClient, "http://"+g.full.Leader, "limitd_waiters")
		if err == nil && have >= float64(n) {
			return nil
		}
		if time.Now().After(end) {
			return errors.Join(fmt.Errorf("%.0f of %d waiters are in the queue after %v", have, n, plantedIn), err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// memory is what the nodes of a cluster use, bytes.
type memory struct{ resident, stacks, heap float64 }

func (g grown) memory(ctx context.Context) (m memory, err error) {
	for _, base := range g.full.Nodes.URLs() {
		for name, into := range map[string]*float64{
			"process_resident_memory_bytes": &m.resident, "go_memstats_stack_inuse_bytes": &m.stacks, "go_memstats_heap_inuse_bytes": &m.heap,
		} {
			n, err := bench.Metric(ctx, http.DefaultClient, base, name)
			if err != nil {
				return m, err
			}
			*into += n
		}
	}
	return m, nil
}
