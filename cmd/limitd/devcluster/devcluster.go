// Package devcluster runs several nodes of a cluster in one process, to try out
// what a cluster does when one of them stops:
//
//	plan, err := devcluster.Plan(config.DevCluster(3), 3, dir)
//	c, err := devcluster.Start(ctx, plan, devcluster.Options{Logger: logger, Version: "0.1.0", Fatal: fatal})
//	...
//	err = c.Kill(ctx, "n1") // the others elect; c.Revive brings it back with its data
//	err = c.Close(ctx)
//
// Each node is a whole one, wired by the package daemon, with listeners and a data
// folder of its own. What the nodes share is the process: for production, run
// each on a machine of its own.
package devcluster

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/hashicorp/go-hclog"
	"github.com/limitd/limitd/cmd/limitd/config"
	"github.com/limitd/limitd/cmd/limitd/daemon"
)

// Options are what the nodes are given besides their configuration.
type Options struct {
	// Logger is the root of all loggers; below it each node has one with its name. Required.
	Logger hclog.Logger
	// Version of limitd, told to callers.
	Version string
	// Fatal is called when a node must not live on; see daemon.Deps. Required.
	Fatal func(error)
}

// Cluster is the nodes of one process. Its methods may be called at any time.
type Cluster struct {
	opts Options

	mu     sync.Mutex // held while nodes start and stop, so that one thing happens after the other
	nodes  []*node
	closed bool
}

// node is one place of the cluster, whether or not its node runs.
type node struct {
	cfg    config.Config  // with the addresses that were bound at the first start
	daemon *daemon.Daemon // nil: it does not run
	plug   *plug
}

// ErrName says that there is no node of that name.
var ErrName = errors.New("no such node")

// ErrState says that the node runs already, or does not run.
var ErrState = errors.New("nothing to do")

// Start starts a node for each configuration. When one does not start, those
// before it are stopped again. ctx bounds the start only.
func Start(ctx context.Context, plan []config.Config, opts Options) (*Cluster, error) {
	c := &Cluster{opts: opts}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, cfg := range plan {
		n := &node{cfg: cfg}
		c.nodes = append(c.nodes, n)
		if err := c.start(ctx, n); err != nil {
			return nil, errors.Join(err, c.closeLocked(ctx))
		}
	}
	return c, nil
}

// start runs n, and has it join those that have run before it.
func (c *Cluster) start(ctx context.Context, n *node) error {
	cfg := n.cfg
	for _, other := range c.nodes {
		if other != n {
			cfg.Cluster.RetryJoin = append(cfg.Cluster.RetryJoin, other.cfg.Gossip.Address)
		}
	}
	n.plug = newPlug()
	d, err := daemon.Start(ctx, cfg, daemon.Deps{
		Logger: c.opts.Logger.Named(cfg.Name), Version: c.opts.Version, Fatal: c.opts.Fatal,
		Machine: daemon.Machine{Listen: n.plug.listen, Dial: n.plug.dial},
	})
	if err != nil {
		return fmt.Errorf("%s: %w", cfg.Name, err)
	}
	n.daemon = d
	n.cfg.HTTP.Address, n.cfg.Peer.Address, n.cfg.Gossip.Address = d.HTTPAddress(), d.PeerAddress(), d.GossipAddress()
	return nil
}

// WaitReady waits until every node that runs can serve, or ctx is over.
func (c *Cluster) WaitReady(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range c.nodes {
		if n.daemon == nil {
			continue
		}
		if err := n.daemon.WaitReady(ctx); err != nil {
			return fmt.Errorf("%s: %w", n.cfg.Name, err)
		}
	}
	return nil
}

// Status is what is known of one node.
type Status struct {
	Name   string
	HTTP   string // host:port at which callers reach it
	URL    string // the same with its scheme
	Runs   bool
	Leader bool
}

// Nodes returns the state of every node, in the order of their start.
func (c *Cluster) Nodes() []Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []Status
	for _, n := range c.nodes {
		list = append(list, Status{
			Name: n.cfg.Name, HTTP: n.cfg.HTTP.Address, URL: n.cfg.TLS.Scheme() + "://" + n.cfg.HTTP.Address,
			Runs: n.daemon != nil, Leader: n.daemon != nil && n.daemon.Leads(),
		})
	}
	return list
}

// Stop stops a node in order: it hands over, and nobody meets an error. It
// returns the node's name. "leader" stands for whichever leads.
func (c *Cluster) Stop(ctx context.Context, name string) (string, error) {
	return c.end(ctx, name, func(*node) {})
}

// Kill ends a node as a crash does: its connections are cut, it hands nothing
// over, and the others have to elect. (Its gossip alone still says goodbye.) It
// returns the node's name. "leader" stands for whichever leads.
func (c *Cluster) Kill(ctx context.Context, name string) (string, error) {
	return c.end(ctx, name, func(n *node) { n.plug.pull() })
}

func (c *Cluster) end(ctx context.Context, name string, first func(*node)) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, err := c.find(name)
	if err != nil {
		return "", err
	}
	name = n.cfg.Name
	if n.daemon == nil {
		return name, fmt.Errorf("%w: %s does not run", ErrState, name)
	}
	first(n)
	err = n.daemon.Close(ctx)
	n.daemon = nil
	return name, err
}

// Revive starts a node again that was stopped or killed, with the data that it had.
func (c *Cluster) Revive(ctx context.Context, name string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, err := c.find(name)
	switch {
	case err != nil:
		return err
	case n.daemon != nil:
		return fmt.Errorf("%w: %s runs", ErrState, name)
	case c.closed:
		return fmt.Errorf("%w: the cluster is closed", ErrState)
	}
	return c.start(ctx, n)
}

func (c *Cluster) find(name string) (*node, error) {
	var names []string
	for _, n := range c.nodes {
		if n.cfg.Name == name || name == "leader" && n.daemon != nil && n.daemon.Leads() {
			return n, nil
		}
		names = append(names, n.cfg.Name)
	}
	if name == "leader" {
		return nil, fmt.Errorf("%w: nobody leads now", ErrState)
	}
	return nil, fmt.Errorf("%w: %q; the nodes are %s", ErrName, name, strings.Join(names, ", "))
}

// Close stops all nodes, and waits for them. Open calls may end until ctx is
// over. It may be called twice.
func (c *Cluster) Close(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closeLocked(ctx)
}

func (c *Cluster) closeLocked(ctx context.Context) error {
	c.closed = true
	errs := make([]error, len(c.nodes))
	var stopped sync.WaitGroup
	for i, n := range c.nodes {
		if n.daemon != nil {
			stopped.Go(func() { errs[i] = n.daemon.Close(ctx) })
		}
	}
	stopped.Wait()
	return errors.Join(errs...)
}
