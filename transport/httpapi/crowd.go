package httpapi

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Crowd is a listener that lets no more than a number of connections be open at
// a time. One more is told 503 in plain HTTP/1.1, where its caller waits for
// that, and closed: it costs no goroutine that reads, and no buffers.
//
// Whatever is written to one of its connections has to be taken in time, be it an
// answer, a part of one, or what net/http and TLS say by themselves: a caller who
// reads nothing would else keep the connection, and who serves it, for ever.
type Crowd struct {
	net.Listener
	most    int64
	write   time.Duration
	refusal []byte

	open    atomic.Int64
	refused atomic.Uint64
}

// NewCrowd returns a listener that lets at most most connections of l be open, each
// write to which may last for write. With silent, what is too much is closed
// without a word: behind TLS no caller could read one.
func NewCrowd(l net.Listener, most int, write time.Duration, silent bool) *Crowd {
	c := &Crowd{Listener: l, most: int64(most), write: write}
	if !silent {
		c.refusal = fmt.Appendf(nil, refusal, len(refusalBody), refusalBody)
	}
	return c
}

// refusal is the answer to a connection that is too much. It says its length, because
// the close behind it is a reset for who has sent a request meanwhile.
const refusal = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\nContent-Length: %d\r\nRetry-After: 1\r\nConnection: close\r\n\r\n%s"

const refusalBody = `{"type":"urn:limitd:error:overloaded","title":"Overloaded","status":503,"code":"overloaded","effect":"none",` +
	`"detail":"as many connections are open as http.max_connections allows",` +
	`"hint":"use fewer connections, each for many requests; or ask another node"}` + "\n"

// refusalTime is how long a refusal may take to be written: it fits into the
// socket's buffer.
const refusalTime = 10 * time.Millisecond

// Accept returns the next connection that may be open.
func (c *Crowd) Accept() (net.Conn, error) {
	for {
		conn, err := c.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if c.open.Add(1) <= c.most {
			return &counted{Conn: conn, crowd: c}, nil
		}
		c.open.Add(-1)
		c.refused.Add(1)
		if len(c.refusal) > 0 {
			_ = conn.SetWriteDeadline(time.Now().Add(refusalTime))
			_, _ = conn.Write(c.refusal)
		}
		_ = conn.Close()
	}
}

// Open returns how many connections are open.
func (c *Crowd) Open() int64 { return c.open.Load() }

// Refused returns how many connections were too much, so far.
func (c *Crowd) Refused() uint64 { return c.refused.Load() }

// counted is a connection that leaves the crowd when it closes.
type counted struct {
	net.Conn
	crowd *Crowd
	once  sync.Once

	mu      sync.Mutex
	bounded bool // guarded by mu; its user has set a deadline for writes, which counts
}

// Write writes b, all of which has to be taken in time.
func (c *counted) Write(b []byte) (int, error) {
	if err := c.hurry(); err != nil {
		return 0, err
	}
	n, err := c.Conn.Write(b)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.drop()
	}
	return n, err
}

// drop has the close that follows reset the connection: else the kernel would keep
// what the caller has not read, and the connection, long after the node has let go.
func (c *counted) drop() {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
}

func (c *counted) hurry() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.bounded {
		return nil
	}
	return c.Conn.SetWriteDeadline(time.Now().Add(c.crowd.write))
}

// SetWriteDeadline sets a deadline in place of the crowd's; the zero one: that again.
func (c *counted) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bounded = !t.IsZero()
	return c.Conn.SetWriteDeadline(t)
}

// SetDeadline is SetWriteDeadline, and sets one for reads.
func (c *counted) SetDeadline(t time.Time) error {
	return errors.Join(c.Conn.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// Close closes the connection.
func (c *counted) Close() error {
	c.once.Do(func() { c.crowd.open.Add(-1) })
	return c.Conn.Close()
}
