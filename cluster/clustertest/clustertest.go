// Package clustertest runs whole clusters in one process for tests: real
// replicas on raft, with a network, stores, gossip and clocks in memory. Inside
// a testing/synctest bubble an hour of cluster life takes a second.
//
//	synctest.Test(t, func(t *testing.T) {
//		c := clustertest.Start(t, clustertest.Options{Nodes: 3})
//		leader := c.Leader()
//		c.Kill(leader)
//		...
//	})
package clustertest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	"github.com/limitd/limitd/cluster"
	"github.com/limitd/limitd/cluster/store"
	"github.com/limitd/limitd/fsm"
	"github.com/limitd/limitd/fsm/command"
)

// Options say what cluster to start.
type Options struct {
	Nodes    int // voters that form it
	Settings command.Settings
	Raft     cluster.RaftOptions
	Seed     uint64
	// Change changes a node's config before it starts.
	Change func(n *Node, c *cluster.Config)
}

// Cluster is a cluster under test.
type Cluster struct {
	t    testing.TB
	opts Options
	net  *Network
	hub  *hub
	rand chance

	mu    sync.Mutex
	nodes []*Node
}

// chance is a seeded source of random bytes for all nodes.
type chance struct {
	mu   sync.Mutex
	from *rand.ChaCha8
}

// Read fills p.
func (c *chance) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.from.Read(p)
}

// Node is one of its nodes.
type Node struct {
	Name   string
	Addr   raft.ServerAddress
	Clock  *Clock
	Stores *store.Stores

	replica atomic.Pointer[cluster.Replica]
	closing sync.WaitGroup
}

// R returns the node's replica, nil while it is down.
func (n *Node) R() *cluster.Replica { return n.replica.Load() }

// Start starts a cluster and stops it when the test ends. It returns before a
// leader is elected: see Leader.
func Start(t testing.TB, o Options) *Cluster {
	var seed [32]byte
	binary.LittleEndian.PutUint64(seed[:], o.Seed)
	c := &Cluster{t: t, opts: o, net: NewNetwork(), hub: newHub(), rand: chance{from: rand.NewChaCha8(seed)}}
	t.Cleanup(c.close)
	for range o.Nodes {
		c.Add()
	}
	return c
}

func (c *Cluster) close() {
	for _, n := range c.Live() {
		c.Kill(n)
	}
	for _, n := range c.Nodes() {
		n.closing.Wait()
	}
}

// Add starts a node with empty stores.
func (c *Cluster) Add() *Node {
	place := len(c.Nodes()) + 1
	name := fmt.Sprintf("n%d", place)
	n := &Node{Name: name, Addr: raft.ServerAddress(name + ":7481"), Clock: NewClock(int64(place) * 1e12)}
	n.Stores = store.Memory(c.newID())
	c.mu.Lock()
	c.nodes = append(c.nodes, n)
	c.mu.Unlock()
	c.Restart(n)
	return n
}

func (c *Cluster) newID() string {
	id, err := store.NewID(&c.rand)
	if err != nil {
		c.t.Fatal(err)
	}
	return id
}

// Wipe gives a node that is down empty stores: it comes back as a new node.
func (c *Cluster) Wipe(n *Node) { n.Stores = store.Memory(c.newID()) }

// Restart starts a node that is down, on the stores that it has.
func (c *Cluster) Restart(n *Node) {
	c.t.Helper()
	n.closing.Wait()
	c.Heal(n)
	for _, o := range c.Nodes() {
		if o != n && o.R() == nil {
			c.Isolate(o) // what is left of it may not meet a node that it did not know
		}
	}
	cfg := c.config(n)
	if c.opts.Change != nil {
		c.opts.Change(n, &cfg)
	}
	c.hub.put(n.Stores.ID, setAlive(true))
	r, err := cluster.Start(cfg)
	if err != nil {
		c.t.Fatalf("start %s: %v", n.Name, err)
	}
	n.replica.Store(r)
}

func (c *Cluster) config(n *Node) cluster.Config {
	o := c.opts.Raft
	if o.Commit == 0 {
		o.Commit = 20 * time.Millisecond
	}
	return cluster.Config{
		Node: cluster.Identity{Name: n.Name, Peer: string(n.Addr), HTTP: n.Name + ":7480", Version: "test"},
		Raft: o, Form: cluster.Formation{Expect: c.opts.Nodes}, Settings: c.opts.Settings,
		Logger: c.logger(n), Stores: n.Stores, Clock: n.Clock, Rand: &c.rand,
		Transport: c.net.Join(raft.ServerID(n.Stores.ID), n.Addr), Gossip: voice{c.hub, n.Stores.ID},
		Gone: func(ctx context.Context, peer string) bool { return c.gone(ctx, n, raft.ServerAddress(peer)) },
		Reach: func(ctx context.Context, peer, id string) error {
			return c.reach(ctx, n, raft.ServerAddress(peer), id)
		},
		Fatal: func(err error) { c.t.Errorf("%s: fatal: %v", n.Name, err) },
	}
}

// gone tells whether the node at an address was killed or stopped: a call takes
// a round trip, and is lost where the node is alive and cut off.
func (c *Cluster) gone(ctx context.Context, from *Node, at raft.ServerAddress) bool {
	select {
	case <-time.After(2 * latency):
	case <-ctx.Done():
		return false
	}
	for _, n := range c.Nodes() {
		if n.Addr == at {
			return n != from && n.replica.Load() == nil
		}
	}
	return false
}

// reach calls the node with that id at an address: a round trip, which is lost
// where the node is not there, or a link is cut.
func (c *Cluster) reach(ctx context.Context, from *Node, at raft.ServerAddress, id string) error {
	answer := time.NewTimer(2 * latency)
	defer answer.Stop()
	back := answer.C
	there := slices.ContainsFunc(c.Live(), func(n *Node) bool { return n.Addr == at && n.Stores.ID == id })
	if !there || !c.net.open(from.Addr, at) || !c.net.open(at, from.Addr) {
		back = nil
	}
	select {
	case <-back:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (c *Cluster) logger(n *Node) hclog.Logger {
	level := hclog.Off
	if testing.Verbose() {
		level = hclog.Debug
	}
	return hclog.New(&hclog.LoggerOptions{Name: n.Name, Level: level, Output: output{c.t}, TimeFormat: "05.000000", DisableTime: false})
}

// output writes log lines to the test's log.
type output struct{ t testing.TB }

// Write takes one line.
func (o output) Write(p []byte) (int, error) {
	o.t.Log(string(p[:len(p)-1]))
	return len(p), nil
}

// Kill cuts a node off at once, as if its process had died; what is left of it
// is put away in the background. Its stores stay.
func (c *Cluster) Kill(n *Node) {
	c.Isolate(n)
	c.hub.put(n.Stores.ID, setAlive(false))
	r := n.replica.Swap(nil)
	n.closing.Go(func() {
		if err := r.Close(); err != nil {
			c.t.Errorf("%s: close: %v", n.Name, err)
		}
	})
}

// Stop closes a node as SIGTERM does, and waits for it.
func (c *Cluster) Stop(n *Node) {
	r := n.replica.Swap(nil)
	if err := r.Close(); err != nil {
		c.t.Errorf("%s: close: %v", n.Name, err)
	}
	c.hub.put(n.Stores.ID, setAlive(false))
}

// Stranger returns an end of the network that is no node's: through it a test
// says to a node's raft what it likes.
func (c *Cluster) Stranger(at raft.ServerAddress) *Transport { return c.net.Join("", at) }

// Cut cuts the link from one node to another; the way back stays.
func (c *Cluster) Cut(from, to *Node) { c.net.Cut(from.Addr, to.Addr) }

// Isolate cuts all links of a node.
func (c *Cluster) Isolate(n *Node) { c.each(n, c.net.Cut) }

// Heal mends all links of a node.
func (c *Cluster) Heal(n *Node) { c.each(n, c.net.Mend) }

func (c *Cluster) each(n *Node, do func(from, to raft.ServerAddress)) {
	for _, o := range c.Nodes() {
		if o != n {
			do(n.Addr, o.Addr)
			do(o.Addr, n.Addr)
		}
	}
}

// Nodes returns all nodes, in the order in which they were added.
func (c *Cluster) Nodes() []*Node {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.nodes)
}

// Live returns the nodes that run.
func (c *Cluster) Live() (live []*Node) {
	for _, n := range c.Nodes() {
		if n.R() != nil {
			live = append(live, n)
		}
	}
	return live
}

// patience is how long, in fake time, Leader and Run wait before the test fails.
const patience = time.Minute

// Leader waits for a node that leads and is open for business.
func (c *Cluster) Leader() *Node {
	c.t.Helper()
	var leader *Node
	c.Eventually("a leader", func() bool {
		for _, n := range c.Live() {
			if r := n.R(); r != nil && r.IsLeader() {
				leader = n
				return true
			}
		}
		return false
	})
	return leader
}

// Followers waits for a leader and returns the other nodes that run.
func (c *Cluster) Followers() (others []*Node) {
	leader := c.Leader()
	for _, n := range c.Live() {
		if n != leader {
			others = append(others, n)
		}
	}
	return others
}

// Eventually waits until is holds.
func (c *Cluster) Eventually(what string, is func() bool) {
	c.t.Helper()
	limit := time.Now().Add(patience)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !is() {
		if time.Now().After(limit) {
			c.t.Fatalf("waited in vain for %s", what)
		}
		<-tick.C
	}
}

// Run brings a command through the log as a forwarding node does: it looks for
// the leader and repeats the same record until it has an answer.
func (c *Cluster) Run(ctx context.Context, cmd command.Command, hold time.Duration) (fsm.Answer, error) {
	record := command.Encode(cmd)
	for {
		for _, n := range c.Live() {
			r := n.R()
			if r == nil || !r.IsLeader() {
				continue
			}
			a, err := r.Run(ctx, record, hold)
			if err == nil || ctx.Err() != nil {
				return a, err
			}
			if !errors.Is(err, cluster.ErrNotLeader) && !errors.Is(err, cluster.ErrNoLeader) &&
				!errors.Is(err, cluster.ErrOutcomeUnknown) && !errors.Is(err, cluster.ErrShutdown) {
				return a, err
			}
		}
		if err := pause(ctx, time.Millisecond); err != nil {
			return fsm.Answer{}, err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
