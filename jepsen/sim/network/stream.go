package network

import (
	"io"
	"net"
	"os"
	"slices"
	"syscall"
	"time"
)

// conn is one end of a stream.
type conn struct {
	host          *Host
	local, remote *net.TCPAddr
	peer          *conn

	// Guarded by host.net.mu.
	in, out   *pipe
	closed    bool
	reset     bool          // broken from outside
	wake      chan struct{} // closed when a deadline changes or this end is closed
	deadlines [2]time.Time  // for reading, for writing
}

// pipe is one direction of a stream.
type pipe struct {
	link     Link
	segments []segment
	size     int       // bytes on their way
	last     time.Time // when the newest segment arrives: none overtakes another
	deaf     bool      // the reading end is closed
	moved    chan struct{}
}

// segment is what one Write sent, or the end of the stream.
type segment struct {
	at   time.Time
	data []byte
	end  error // io.EOF or a reset
}

// window is how many bytes may be on their way before a writer waits.
const window = 256 << 10

// pairLocked makes a stream between two hosts.
func (n *Network) pairLocked(from, to *Host, address string) (here, there *conn) {
	remote, _ := n.addressLocked(address) // a listener has it
	local := &net.TCPAddr{IP: net.IPv4(10, 0, 0, n.numbers[from.name]), Port: 32768 + int(n.count.Streams%28000)}
	forth := &pipe{link: Link{from.name, to.name}, moved: make(chan struct{})}
	back := &pipe{link: Link{to.name, from.name}, moved: make(chan struct{})}
	here = &conn{host: from, local: local, remote: remote, in: back, out: forth, wake: make(chan struct{})}
	there = &conn{host: to, local: remote, remote: local, in: forth, out: back, wake: make(chan struct{})}
	here.peer, there.peer = there, here
	from.conns, to.conns = append(from.conns, here), append(to.conns, there)
	return here, there
}

func renew(ch *chan struct{}) {
	close(*ch)
	*ch = make(chan struct{})
}

// Read reads what has arrived.
func (c *conn) Read(b []byte) (int, error) {
	return c.loop(0, func(now time.Time) (int, time.Time, error) { return c.readLocked(b, now) })
}

// Write sends a copy of b.
func (c *conn) Write(b []byte) (sent int, err error) {
	for len(b) > 0 {
		part := b[:min(len(b), window)]
		n, err := c.loop(1, func(now time.Time) (int, time.Time, error) { return c.writeLocked(part, now) })
		sent += n
		if err != nil {
			return sent, err
		}
		b = b[n:]
	}
	return sent, nil
}

// again is what an attempt returns that has to wait.
const again = syscall.EAGAIN

// loop attempts something until it is done, this end is closed, or its deadline
// has passed. An attempt that has to wait may say until when at most.
func (c *conn) loop(kind int, attempt func(now time.Time) (int, time.Time, error)) (int, error) {
	n := c.host.net
	for {
		n.mu.Lock()
		now := time.Now()
		if err := c.brokenLocked(kind, now); err != nil {
			n.mu.Unlock()
			return 0, err
		}
		done, until, err := attempt(now)
		if err != again {
			n.mu.Unlock()
			return done, err
		}
		if d := c.deadlines[kind]; !d.IsZero() && (until.IsZero() || d.Before(until)) {
			until = d
		}
		changed, wake, moved := n.changed, c.wake, c.in.moved
		if kind == 1 {
			moved = c.out.moved
		}
		n.mu.Unlock()
		await(until, changed, wake, moved)
	}
}

// await waits for one of three signals, or an instant.
func await(until time.Time, a, b, c <-chan struct{}) {
	var at <-chan time.Time
	if !until.IsZero() {
		timer := time.NewTimer(time.Until(until))
		defer timer.Stop()
		at = timer.C
	}
	select {
	case <-a:
	case <-b:
	case <-c:
	case <-at:
	}
}

func (c *conn) brokenLocked(kind int, now time.Time) error {
	switch d := c.deadlines[kind]; {
	case c.closed:
		return net.ErrClosed
	case c.reset:
		return syscall.ECONNRESET
	case !d.IsZero() && !now.Before(d):
		return os.ErrDeadlineExceeded
	}
	return nil
}

func (c *conn) readLocked(b []byte, now time.Time) (int, time.Time, error) {
	p := c.in
	if len(p.segments) == 0 || c.host.net.blockedLocked(p.link) {
		return 0, time.Time{}, again
	}
	head := &p.segments[0]
	if now.Before(head.at) {
		return 0, head.at, again
	}
	if head.end != nil {
		return 0, time.Time{}, head.end
	}
	n := copy(b, head.data)
	if head.data = head.data[n:]; len(head.data) == 0 {
		p.segments = p.segments[1:]
	}
	if p.size -= n; p.size < window && p.size+n >= window {
		renew(&p.moved)
	}
	return n, time.Time{}, nil
}

func (c *conn) writeLocked(b []byte, now time.Time) (int, time.Time, error) {
	p := c.out
	if p.deaf && c.hungUpLocked(now) {
		return 0, time.Time{}, syscall.EPIPE
	}
	if p.size >= window {
		return 0, time.Time{}, again
	}
	p.sendLocked(c.host.net, segment{data: slices.Clone(b)}, now)
	p.size += len(b)
	return len(b), time.Time{}, nil
}

// hungUpLocked tells whether the end of the other direction has arrived.
func (c *conn) hungUpLocked(now time.Time) bool {
	for _, s := range c.in.segments {
		if s.end != nil && !now.Before(s.at) {
			return true
		}
	}
	return false
}

func (p *pipe) sendLocked(n *Network, s segment, now time.Time) {
	s.at = now.Add(n.delayLocked(p.link))
	if s.at.Before(p.last) {
		s.at = p.last
	}
	p.last = s.at
	p.segments = append(p.segments, s)
	renew(&p.moved)
}

// Close ends the stream; what was written still arrives.
func (c *conn) Close() error {
	c.host.net.mu.Lock()
	defer c.host.net.mu.Unlock()
	if c.closed {
		return net.ErrClosed
	}
	c.closeLocked(io.EOF)
	return nil
}

// closeLocked ends this end; the other one finds end behind what was written.
func (c *conn) closeLocked(end error) {
	if c.closed {
		return
	}
	c.closed = true
	if i := slices.Index(c.host.conns, c); i >= 0 {
		c.host.conns = slices.Delete(c.host.conns, i, i+1)
	}
	c.in.deaf, c.in.segments, c.in.size = true, nil, 0
	c.out.sendLocked(c.host.net, segment{end: end}, time.Now())
	renew(&c.wake)
	renew(&c.in.moved)
}

func (c *conn) resetLocked() {
	c.reset = true
	renew(&c.wake)
}

// CloseWrite ends the direction from here; the other goes on.
func (c *conn) CloseWrite() error {
	c.host.net.mu.Lock()
	defer c.host.net.mu.Unlock()
	c.out.sendLocked(c.host.net, segment{end: io.EOF}, time.Now())
	return nil
}

// LocalAddr returns this end's address.
func (c *conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr returns the other end's address.
func (c *conn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline bounds reads and writes.
func (c *conn) SetDeadline(t time.Time) error { return c.bound(t, 0, 1) }

// SetReadDeadline bounds reads.
func (c *conn) SetReadDeadline(t time.Time) error { return c.bound(t, 0) }

// SetWriteDeadline bounds writes.
func (c *conn) SetWriteDeadline(t time.Time) error { return c.bound(t, 1) }

func (c *conn) bound(t time.Time, kinds ...int) error {
	c.host.net.mu.Lock()
	defer c.host.net.mu.Unlock()
	for _, k := range kinds {
		c.deadlines[k] = t
	}
	renew(&c.wake)
	return nil
}
