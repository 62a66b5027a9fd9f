//go:build linux

package network

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"sync"
	"sync/atomic"
	"time"
)

// relays is the ground of a network on loopback. What a node tells others are
// addresses of this process, which passes on to where the node listens. Who
// dials is found out by whose socket the other end is (owner.go); a packet of
// gossip bears its sender's address.
type relays struct {
	links   [][]*link
	starter *thread
	owner   atomic.Pointer[func(net.Conn) int] // tells the place that dialled

	mu     sync.Mutex
	pids   map[int]int // of a node's process: the node
	nodes  []*relayed  // from 1
	conns  map[net.Conn]bool
	closed bool
	all    sync.WaitGroup
}

// relayed is one node's relays.
type relayed struct {
	at     Addresses
	gossip net.PacketConn
	listen []net.Listener
}

// pause is how often a held connection looks whether it may go on.
const pause = 10 * time.Millisecond

// again is what a lost piece of a connection costs: TCP would send it again.
const again = 200 * time.Millisecond

func openRelays(nodes int, links [][]*link) (*relays, error) {
	starter, err := newThread(func() error { return nil })
	if err != nil {
		return nil, err
	}
	r := &relays{links: links, starter: starter, pids: make(map[int]int), conns: make(map[net.Conn]bool)}
	owner := r.dialled
	r.owner.Store(&owner)
	r.nodes = make([]*relayed, nodes+1)
	for i := 1; i <= nodes; i++ {
		n, err := openRelayed()
		if err != nil {
			return nil, errors.Join(err, r.close())
		}
		r.nodes[i] = n
	}
	for i := 1; i <= nodes; i++ {
		r.serve(i)
	}
	return r, nil
}

func openRelayed() (*relayed, error) {
	n := new(relayed)
	for _, a := range []*Address{&n.at.HTTP, &n.at.Peer, &n.at.Gossip} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("open a relay: %w", err)
		}
		n.listen = append(n.listen, l)
		if a.Listen, err = freeAddress(); err != nil {
			return nil, err
		}
		a.Advertise = l.Addr().String()
	}
	var err error
	if n.gossip, err = net.ListenPacket("udp", n.at.Gossip.Advertise); err != nil {
		return nil, fmt.Errorf("open a relay: %w", err)
	}
	return n, nil
}

// freeAddress returns one that nobody listens on now.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("look for a free port: %w", err)
	}
	return l.Addr().String(), l.Close()
}

func (r *relays) serve(i int) {
	n := r.nodes[i]
	r.all.Go(func() { r.accept(n.listen[0], i, n.at.HTTP.Listen, func(net.Conn) int { return Callers }) })
	r.all.Go(func() { r.accept(n.listen[1], i, n.at.Peer.Listen, r.whose) })
	r.all.Go(func() { r.accept(n.listen[2], i, n.at.Gossip.Listen, r.whose) })
	r.all.Go(func() { r.passPackets(i) })
}

// whose returns the place that dialled.
func (r *relays) whose(c net.Conn) int { return (*r.owner.Load())(c) }

func (r *relays) accept(l net.Listener, to int, address string, who func(net.Conn) int) {
	for {
		c, err := l.Accept()
		if err != nil {
			return // closed
		}
		if r.keep(c) {
			r.all.Go(func() { r.relay(c, who(c), to, address) })
		}
	}
}

// keep notes a connection, to be closed at the end at the latest.
func (r *relays) keep(c net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		c.Close()
		return false
	}
	r.conns[c] = true
	return true
}

func (r *relays) drop(c net.Conn) {
	r.mu.Lock()
	delete(r.conns, c)
	r.mu.Unlock()
	c.Close()
}

// relay passes a connection on, in both directions, until either end closes.
func (r *relays) relay(c net.Conn, from, to int, address string) {
	defer r.drop(c)
	there, back := r.links[from][to], r.links[to][from]
	if !there.hold(r.isClosed) || !back.hold(r.isClosed) {
		return
	}
	d, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil || !r.keep(d) {
		return
	}
	defer r.drop(d)
	var both sync.WaitGroup
	both.Go(func() { r.pump(c, d, there) })
	both.Go(func() { r.pump(d, c, back) })
	both.Wait()
}

func (r *relays) isClosed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closed
}

// pump copies one direction. An end is news like any other: it waits for a cut
// to end.
func (r *relays) pump(from, to net.Conn, l *link) {
	defer to.Close()
	b := make([]byte, 32<<10)
	for {
		k, err := from.Read(b)
		if !l.hold(r.isClosed) || err != nil {
			return
		}
		time.Sleep(l.toll())
		if _, err := to.Write(b[:k]); err != nil {
			return
		}
		l.passed.Add(1)
	}
}

// hold waits while the link is cut; false: stopped.
func (l *link) hold(stopped func() bool) bool {
	for {
		r := l.rule.Load()
		if r == nil || !r.Cut {
			return true
		}
		if stopped() {
			return false
		}
		time.Sleep(pause)
	}
}

// toll is how long a piece of a connection takes.
func (l *link) toll() time.Duration {
	r := l.rule.Load()
	if r == nil {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	d := l.delayLocked(r)
	if l.rng.Float64() < r.Loss {
		l.lost.Add(1)
		d += again
	}
	return d
}

// passPackets relays the gossip packets that are meant for a node. They arrive
// as if from the sender's own relay, so that the answer comes this way, too.
func (r *relays) passPackets(to int) {
	n := r.nodes[to]
	target, err := net.ResolveUDPAddr("udp", n.at.Gossip.Listen)
	if err != nil {
		return
	}
	b := make([]byte, 1<<16)
	for {
		k, sender, err := n.gossip.ReadFrom(b)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		from := r.sender(sender.String())
		if err != nil || from == 0 {
			continue // a refused port shows as an error of the next read
		}
		out := r.nodes[from].gossip
		r.links[from][to].send(b[:k], func(b []byte) { _, _ = out.WriteTo(b, target) })
	}
}

func (r *relays) sender(address string) int {
	for i, n := range r.nodes {
		if n != nil && n.at.Gossip.Listen == address {
			return i
		}
	}
	return 0
}

func (r *relays) addresses(node int) Addresses { return r.nodes[node].at }

func (r *relays) start(node int, cmd *exec.Cmd) error {
	err := r.starter.start(cmd)
	if err == nil {
		r.mu.Lock()
		r.pids[cmd.Process.Pid] = node
		r.mu.Unlock()
	}
	return err
}

// dial connects callers through the relays, and the hand to the node itself.
func (r *relays) dial(ctx context.Context, from int, address string) (net.Conn, error) {
	if from == len(r.nodes) {
		for _, n := range r.nodes[1:] {
			if n.at.HTTP.Advertise == address {
				address = n.at.HTTP.Listen
			}
		}
	}
	return new(net.Dialer).DialContext(ctx, "tcp", address)
}

func (r *relays) close() error {
	r.mu.Lock()
	r.closed = true
	for c := range r.conns {
		c.Close()
	}
	r.mu.Unlock()
	var errs []error
	for _, n := range r.nodes {
		if n == nil {
			continue
		}
		for _, l := range n.listen {
			errs = append(errs, l.Close())
		}
		errs = append(errs, n.gossip.Close())
	}
	r.all.Wait()
	r.starter.close()
	return errors.Join(errs...)
}
