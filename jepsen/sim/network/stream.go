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
	in, out          *pipe
	reading, writing side
	closed           bool
	reset            bool // broken from outside
}

// pipe is one direction of a stream.
type pipe struct {
	link     Link
	segments []segment
	size     int       // bytes on their way
	last     time.Time // when the newest segment arrives: none overtakes another
	deaf     bool      // the reading end is closed

	reader, writer *side // at its ends
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
	here, there = &conn{host: from, local: local, remote: remote}, &conn{host: to, local: remote, remote: local}
	here.out = &pipe{link: Link{from.name, to.name}, writer: &here.writing, reader: &there.reading}
	there.out = &pipe{link: Link{to.name, from.name}, writer: &there.writing, reader: &here.reading}
	here.in, there.in = there.out, here.out
	here.peer, there.peer = there, here
	from.conns, to.conns = append(from.conns, here), append(to.conns, there)
	return here, there
}

// Read reads what has arrived.
func (c *conn) Read(b []byte) (int, error) {
	return c.loop(&c.reading, func(now time.Time) (int, time.Time, error) { return c.readLocked(b, now) })
}

// Write sends a copy of b.
func (c *conn) Write(b []byte) (sent int, err error) {
	for len(b) > 0 {
		part := b[:min(len(b), window)]
		n, err := c.loop(&c.writing, func(now time.Time) (int, time.Time, error) { return c.writeLocked(part, now) })
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
func (c *conn) loop(s *side, attempt func(now time.Time) (int, time.Time, error)) (int, error) {
	mu := &c.host.net.mu
	mu.Lock()
	defer mu.Unlock()
	for {
		now := time.Now()
		if err := c.brokenLocked(s, now); err != nil {
			return 0, err
		}
		done, until, err := attempt(now)
		if err != again {
			return done, err
		}
		s.awaitLocked(mu, earlier(until, s.deadline))
	}
}

func (c *conn) brokenLocked(s *side, now time.Time) error {
	switch {
	case c.closed:
		return net.ErrClosed
	case c.reset:
		return syscall.ECONNRESET
	case !s.deadline.IsZero() && !now.Before(s.deadline):
		return os.ErrDeadlineExceeded
	}
	return nil
}

// wakeLocked has who reads and who writes look again.
func (c *conn) wakeLocked() {
	c.reading.wakeLocked()
	c.writing.wakeLocked()
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
		p.writer.wakeLocked()
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
	p.reader.alertLocked(s.at)
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
	c.in.writer.wakeLocked()
	c.wakeLocked()
}

func (c *conn) resetLocked() {
	c.reset = true
	c.wakeLocked()
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
func (c *conn) SetDeadline(t time.Time) error { return c.bound(t, &c.reading, &c.writing) }

// SetReadDeadline bounds reads.
func (c *conn) SetReadDeadline(t time.Time) error { return c.bound(t, &c.reading) }

// SetWriteDeadline bounds writes.
func (c *conn) SetWriteDeadline(t time.Time) error { return c.bound(t, &c.writing) }

func (c *conn) bound(t time.Time, sides ...*side) error {
	c.host.net.mu.Lock()
	defer c.host.net.mu.Unlock()
	for _, s := range sides {
		s.deadline = t
		s.wakeLocked()
	}
	return nil
}
