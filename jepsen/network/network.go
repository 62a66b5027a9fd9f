//go:build linux

// Package network is the ground that a run's nodes stand on: a network between
// processes of one machine in which every directed link can be cut, slowed,
// and made to lose, repeat, reorder or corrupt what it carries.
//
// Where the machine allows it (root, /dev/net/tun), each node gets a network
// namespace of its own, and all packets, TCP and UDP alike, pass through a switch in this
// process (namespace.go, switch.go). Elsewhere the nodes share loopback and
// speak through relays of this process (relay.go): a cut holds back bytes there
// and loses no packet. Variant tells which of the two it is.
//
//	net, err := network.Open(network.Config{Nodes: 3})
//	defer net.Close()
//	net.Start(1, exec.Command("limitd", ...)) // in node 1's place
//	net.Set("halves", 1, 2, network.Rule{Cut: true})
//	net.Clear("halves")
//
// Nothing of it outlives the process: the namespaces have no names, so that the
// kernel takes them away with the last process in them, and the nodes are
// started such that they die with this process, however it ends.
package network

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"
)

// Callers is the place of those who call the nodes. Nodes are 1 to n, and
// n + 1 is the place of the run's own hand: no rule reaches it.
const Callers = 0

// Config says which network to make.
type Config struct {
	Nodes int
	Seed  uint64 // of the chance in rules
	// Loopback asks for relays on loopback where namespaces were possible, too.
	Loopback bool
}

// Addresses are where a node listens, and what it tells others.
type Addresses struct{ HTTP, Peer, Gossip Address }

// Address is one of them, as host:port. In namespaces both are the same.
type Address struct{ Listen, Advertise string }

// Network connects nodes and callers. It is safe for concurrent use.
type Network struct {
	nodes int
	why   string // why there are no namespaces; "": there are
	under ground
	links [][]*link // [from][to], of callers and nodes

	mu     sync.Mutex
	layers map[string]map[pair]Rule
}

type pair struct{ from, to int }

// ground is what differs between namespaces and loopback.
type ground interface {
	addresses(node int) Addresses
	start(node int, cmd *exec.Cmd) error
	dial(ctx context.Context, from int, address string) (net.Conn, error)
	close() error
}

// Open makes the network.
func Open(cfg Config) (*Network, error) {
	n := &Network{nodes: cfg.Nodes, layers: make(map[string]map[pair]Rule)}
	n.makeLinks(cfg.Seed)
	var err error
	switch n.why = whyLoopback(cfg); n.why {
	case "":
		n.under, err = openNamespaces(cfg.Nodes, n.links)
	default:
		n.under, err = openRelays(cfg.Nodes, n.links)
	}
	if err != nil {
		return nil, fmt.Errorf("make the network: %w", err)
	}
	return n, nil
}

func whyLoopback(cfg Config) string {
	if cfg.Loopback {
		return "asked for"
	}
	if os.Geteuid() != 0 {
		return "namespaces need root"
	}
	f, err := os.OpenFile(tunDevice, os.O_RDWR, 0)
	if err != nil {
		return err.Error()
	}
	f.Close()
	return ""
}

func (n *Network) makeLinks(seed uint64) {
	places := n.nodes + 2
	n.links = make([][]*link, places)
	for from := range places {
		n.links[from] = make([]*link, places)
		for to := range places {
			n.links[from][to] = newLink(seed, from, to)
		}
	}
}

// Variant says in a sentence what the network is.
func (n *Network) Variant() string {
	if n.why == "" {
		return "a network namespace for each node, packets through a switch"
	}
	return "loopback, connections through relays (" + n.why + ")"
}

// Packets tells whether faults strike single packets (namespaces), or bytes of
// connections (loopback).
func (n *Network) Packets() bool { return n.why == "" }

// Nodes returns the number of nodes.
func (n *Network) Nodes() int { return n.nodes }

// Hand returns the place of the run's own hand, which no rule reaches.
func (n *Network) Hand() int { return n.nodes + 1 }

// Addresses returns those of node i, from 1.
func (n *Network) Addresses(i int) Addresses { return n.under.addresses(i) }

// Start starts cmd in node i's place, such that it dies with this process.
func (n *Network) Start(i int, cmd *exec.Cmd) error {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = new(syscall.SysProcAttr)
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	return n.under.start(i, cmd)
}

// Dialer returns a function that connects from the place from, for
// http.Transport.
func (n *Network) Dialer(from int) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if network != "tcp" {
			return nil, errors.New("only tcp is dialled here, not " + network)
		}
		return n.under.dial(ctx, from, address)
	}
}

// Counts returns how many packets (on loopback: pieces of connections) went
// from one place to the other, and how many were lost on the way.
func (n *Network) Counts(from, to int) (passed, lost uint64) {
	l := n.links[from][to]
	return l.passed.Load(), l.lost.Load()
}

// Close ends the network. The processes in it must have ended.
func (n *Network) Close() error {
	err := n.under.close()
	for _, row := range n.links {
		for _, l := range row {
			l.close()
		}
	}
	return err
}
