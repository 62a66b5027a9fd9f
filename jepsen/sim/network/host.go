package network

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// ErrDead says that the host of the caller is dead.
var ErrDead = errors.New("network: this host is dead")

// Host is one start of a machine. A new one under the same name takes the
// place of a dead one.
type Host struct {
	net  *Network
	name string
	dead chan struct{} // closed by Kill

	// Guarded by net.mu.
	held      bool // it is stopped: nothing goes in or out
	listeners map[string]*listener
	conns     []*conn
	transport *Transport
}

// Host starts a machine's network.
func (n *Network) Host(name string) *Host {
	h := &Host{net: n, name: name, dead: make(chan struct{}), listeners: make(map[string]*listener)}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.numbers[name] == 0 {
		n.numbers[name] = byte(len(n.numbers) + 1)
	}
	n.hosts[name] = h
	n.wakeLocked()
	return h
}

// Kill ends the host at once. Those at the other ends of its streams find them
// closed, as the kernel of a machine sees to whose process was killed.
func (h *Host) Kill() {
	n := h.net
	n.mu.Lock()
	defer n.mu.Unlock()
	if h.deadLocked() {
		return
	}
	close(h.dead)
	if h.transport != nil {
		_ = h.transport.Close()
	}
	for _, l := range h.listeners {
		l.closeLocked()
	}
	for _, c := range slices.Clone(h.conns) {
		c.closeLocked(syscall.ECONNRESET)
	}
	if n.hosts[h.name] == h {
		delete(n.hosts, h.name)
	}
	n.wakeLocked()
}

func (h *Host) deadLocked() bool {
	select {
	case <-h.dead:
		return true
	default:
		return false
	}
}

// Hold stops all that goes into the host or out of it, until Release; nothing
// of it is lost.
func (h *Host) Hold() { h.hold(true) }

// Release lets go on what Hold stopped.
func (h *Host) Release() { h.hold(false) }

func (h *Host) hold(held bool) {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	h.held = held
	h.net.wakeLocked()
}

// Break resets the streams between two hosts, as a firewall that forgot them
// does. It returns how many there were.
func (n *Network) Break(a, b string) (broken int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	h := n.hosts[a]
	if h == nil {
		return 0
	}
	for _, c := range slices.Clone(h.conns) {
		if c.out.link.To == b {
			c.resetLocked()
			c.peer.resetLocked()
			broken++
		}
	}
	n.count.Broken += uint64(broken)
	n.wakeLocked()
	return broken
}

// connectTimeout is how long Dial tries to reach a host that does not answer.
const connectTimeout = 5 * time.Second

// Dial opens a stream to the listener at address, host:port.
func (h *Host) Dial(ctx context.Context, address string) (net.Conn, error) {
	name, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	if err := h.reach(ctx, name); err != nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: err}
	}
	n := h.net
	n.mu.Lock()
	defer n.mu.Unlock()
	to := n.hosts[name]
	var l *listener
	if to != nil {
		l = to.listeners[address]
	}
	if l == nil || h.deadLocked() {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	here, there := n.pairLocked(h, to, address)
	l.come = append(l.come, there)
	renew(&l.moved)
	n.count.Streams++
	return here, nil
}

// reach waits for a round trip to a host.
func (h *Host) reach(ctx context.Context, name string) error {
	n, there, back := h.net, Link{h.name, name}, Link{name, h.name}
	n.mu.Lock()
	trip := n.delayLocked(there) + n.delayLocked(back)
	n.mu.Unlock()
	timer := time.NewTimer(trip)
	defer timer.Stop()
	arrived := timer.C
	for {
		n.mu.Lock()
		changed, blocked := n.changed, n.blockedLocked(there) || n.blockedLocked(back)
		n.mu.Unlock()
		if arrived == nil && !blocked {
			return nil
		}
		select {
		case <-arrived:
			arrived = nil
		case <-changed:
		case <-h.dead:
			return ErrDead
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Listen opens a listener at address, host:port.
func (h *Host) Listen(_ context.Context, address string) (net.Listener, error) {
	n := h.net
	n.mu.Lock()
	defer n.mu.Unlock()
	at, err := n.addressLocked(address)
	if err != nil {
		return nil, err
	}
	if h.deadLocked() {
		return nil, ErrDead
	}
	if h.listeners[address] != nil {
		return nil, syscall.EADDRINUSE
	}
	l := &listener{host: h, name: address, at: at, moved: make(chan struct{})}
	h.listeners[address] = l
	return l, nil
}

// addressLocked returns the numeric address of a name.
func (n *Network) addressLocked(address string) (*net.TCPAddr, error) {
	name, text, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("network: %w", err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return nil, fmt.Errorf("network: the port of %q: %w", address, err)
	}
	return &net.TCPAddr{IP: net.IPv4(10, 0, 0, n.numbers[name]), Port: port}, nil
}

func renew(ch *chan struct{}) {
	close(*ch)
	*ch = make(chan struct{})
}

// listener takes the streams that others open.
type listener struct {
	host *Host
	name string
	at   *net.TCPAddr

	// Guarded by net.mu.
	come   []*conn
	moved  chan struct{} // closed when come or closed changes
	closed bool
}

// Accept returns the next stream.
func (l *listener) Accept() (net.Conn, error) {
	n := l.host.net
	for {
		n.mu.Lock()
		if l.closed {
			n.mu.Unlock()
			return nil, net.ErrClosed
		}
		if len(l.come) > 0 {
			c := l.come[0]
			l.come = l.come[1:]
			n.mu.Unlock()
			return c, nil
		}
		moved := l.moved
		n.mu.Unlock()
		<-moved
	}
}

// Close closes the listener; streams that were not taken are reset.
func (l *listener) Close() error {
	l.host.net.mu.Lock()
	defer l.host.net.mu.Unlock()
	if l.closed {
		return net.ErrClosed
	}
	l.closeLocked()
	return nil
}

func (l *listener) closeLocked() {
	l.closed = true
	if l.host.listeners[l.name] == l {
		delete(l.host.listeners, l.name)
	}
	for _, c := range l.come {
		c.closeLocked(syscall.ECONNRESET)
	}
	l.come = nil
	renew(&l.moved)
}

// Addr returns where it listens.
func (l *listener) Addr() net.Addr { return l.at }
