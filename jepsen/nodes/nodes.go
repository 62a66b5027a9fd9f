// Package nodes runs the real limitd binary: a cluster of processes, each from
// its own HCL file, that can be killed, stopped, paused and started again. They
// are on loopback, unless Config.Places puts them elsewhere.
//
//	c, err := nodes.Start(nodes.Config{Binary: "bin/limitd", Dir: dir, Size: 3})
//	defer c.Close()
//	leader, err := c.Leader(ctx)
//	c.Kill(leader)
//	c.Restart(leader)
package nodes

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"syscall"
	"time"
)

// Config says which cluster to run.
type Config struct {
	Binary string // the limitd binary
	Dir    string // where configuration, data and logs go
	Size   int    // how many nodes
	Extra  string // HCL that every node's file gets
	// Each returns HCL that the file of one node gets. Default: none.
	Each func(name string) string
	// GossipKeys is the file of the keys that encrypt gossip. Default: it is plain.
	GossipKeys string
	// Scheme is how nodes serve callers. Default: http.
	Scheme string
	// Guarded: TLS and tokens are on, so that nodes need not be told to do without.
	Guarded bool
	// Places of the nodes, n1's first. Default: free ports of loopback.
	Places []Place
	// Transport carries Node.Call. Default: the standard library's.
	Transport http.RoundTripper
}

// Place is where a node runs.
type Place struct {
	HTTP, Peer, Gossip Address
	// Start starts the node's process. Default: as any child of this one.
	Start func(*exec.Cmd) error
}

// Address is where a node listens, and what it tells others, as host:port.
type Address struct{ Listen, Advertise string }

// Cluster is a cluster of processes.
type Cluster struct {
	cfg    Config
	caller *http.Client
	nodes  []*Node
}

// Start writes the HCL files and starts all nodes.
func Start(cfg Config) (*Cluster, error) {
	c := &Cluster{cfg: cfg, caller: &http.Client{Transport: cfg.Transport}}
	if c.cfg.Scheme == "" {
		c.cfg.Scheme = "http"
	}
	if c.cfg.Each == nil {
		c.cfg.Each = func(string) string { return "" }
	}
	if c.cfg.Places == nil {
		places, err := Loopback(cfg.Size)
		if err != nil {
			return nil, err
		}
		c.cfg.Places = places
	}
	for i, p := range c.cfg.Places {
		m := Member{Name: fmt.Sprintf("n%d", i+1), Expect: len(c.cfg.Places)}
		for j, other := range c.cfg.Places {
			if j != i {
				m.Join = append(m.Join, other.Gossip.Advertise)
			}
		}
		if _, err := c.place(m, p); err != nil {
			return nil, err
		}
	}
	for _, n := range c.nodes {
		if err := c.Restart(n); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	return c, nil
}

// Loopback returns places on loopback: it asks the system for ports that nobody listens on now.
func Loopback(nodes int) ([]Place, error) {
	places := make([]Place, nodes)
	for i := range places {
		for _, a := range []*Address{&places[i].HTTP, &places[i].Peer, &places[i].Gossip} {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return nil, fmt.Errorf("look for a free port: %w", err)
			}
			defer l.Close()
			*a = Address{Listen: l.Addr().String(), Advertise: l.Addr().String()}
		}
	}
	return places, nil
}

// Nodes returns all nodes.
func (c *Cluster) Nodes() []*Node { return c.nodes }

// URLs returns the nodes' base URLs.
func (c *Cluster) URLs() (urls []string) {
	for _, n := range c.nodes {
		urls = append(urls, n.URL())
	}
	return urls
}

// Restart starts a node that is not running.
func (c *Cluster) Restart(n *Node) error { return n.start() }

// Kill ends a node with SIGKILL and waits for its end.
func (c *Cluster) Kill(n *Node) { n.kill() }

// Stop ends a node with SIGTERM and waits for its end. It returns an error
// unless the process ends with code 0.
func (c *Cluster) Stop(n *Node) error {
	p := n.process()
	if err := p.signal(n.Name, syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-p.done:
		return p.err
	case <-time.After(20 * time.Second):
		c.Kill(n)
		return fmt.Errorf("%s did not end within 20s of SIGTERM", n.Name)
	}
}

// Signal sends any signal to a node.
func (c *Cluster) Signal(n *Node, s syscall.Signal) error { return n.process().signal(n.Name, s) }

// Close ends all nodes. Their files stay.
func (c *Cluster) Close() error {
	for _, n := range c.nodes {
		if n.Running() {
			c.Kill(n)
		}
	}
	return nil
}

// Leader waits until all running nodes name the same running leader.
func (c *Cluster) Leader(ctx context.Context) (*Node, error) {
	for {
		if n := c.agreedLeader(ctx); n != nil {
			return n, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("no leader that all nodes name: %w", ctx.Err())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func (c *Cluster) agreedLeader(ctx context.Context) (leader *Node) {
	name := ""
	for _, n := range c.nodes {
		if !n.Running() {
			continue
		}
		said, err := n.NamedLeader(ctx)
		if err != nil || said == "" || name != "" && said != name {
			return nil
		}
		name = said
	}
	for _, n := range c.nodes {
		if n.Name == name && n.Running() {
			leader = n
		}
	}
	return leader
}
