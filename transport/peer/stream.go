package peer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// errUnproven ends a stream that was opened before this node knew its cluster.
var errUnproven = fmt.Errorf("peer: this node has learned its cluster's id since the stream was opened; dial again: %w", net.ErrClosed)

// Streams are the streams of one kind: those that other nodes open (Accept)
// and those to other nodes (Dial). It implements raft.StreamLayer.
type Streams struct {
	port *Port
	kind kind
	come chan *stream  // accepted, not yet taken
	done chan struct{} // closed by Close
	once sync.Once
}

func newStreams(p *Port, k kind) *Streams {
	return &Streams{port: p, kind: k, come: make(chan *stream), done: make(chan struct{})}
}

// Accept returns the next stream that another node opened, or ErrClosed.
func (s *Streams) Accept() (net.Conn, error) {
	c, _, err := s.AcceptNode()
	return c, err
}

// AcceptNode is Accept, and tells which node opened the stream.
func (s *Streams) AcceptNode() (c net.Conn, node string, err error) {
	select {
	case c := <-s.come:
		return c, c.node, nil
	case <-s.done:
		return nil, "", ErrClosed
	}
}

// Dial opens a stream to the node that advertises address.
func (s *Streams) Dial(address raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	ctx := s.port.ctx
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	return s.DialContext(ctx, string(address))
}

// DialContext opens a stream to the node that advertises address. Beside
// faults of the network it returns ErrOtherCluster, ErrOtherVersion, ErrFull,
// ErrNotServed, ErrNoHello or ErrClosed.
func (s *Streams) DialContext(ctx context.Context, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, s.port.cfg.HelloTimeout)
	defer cancel()
	defer context.AfterFunc(s.port.ctx, cancel)()
	c, err := s.port.cfg.Dial(ctx, address)
	if err != nil {
		return nil, fmt.Errorf("dial node at %s: %w", address, err)
	}
	st, err := s.greet(ctx, c)
	if err != nil {
		_ = c.Close()
		return nil, fmt.Errorf("dial node at %s: %w", address, err)
	}
	return st, nil
}

// Reach opens a stream to the node with that id as another member would, and ends
// it without a word. It returns what DialContext does, or ErrOtherNode; the text names no port of
// this side, so that equal causes read alike.
func (p *Port) Reach(ctx context.Context, address, node string) error {
	c, err := p.forward.DialContext(ctx, address)
	var op *net.OpError
	switch {
	case errors.As(err, &op):
		return fmt.Errorf("%s: %w", op.Op, op.Err)
	case err != nil:
		return err
	}
	if there := c.(*stream).node; there != node {
		err = fmt.Errorf("%w: %s", ErrOtherNode, there)
	}
	return errors.Join(err, c.Close())
}

// greet sends the hello on c and judges the answer.
func (s *Streams) greet(ctx context.Context, c net.Conn) (*stream, error) {
	// The end of ctx, early or late, cuts the exchange short.
	raw := c
	unhook := context.AfterFunc(ctx, func() { _ = raw.SetDeadline(time.Unix(1, 0)) })
	defer unhook()
	c, err := s.port.trusted(c)
	if err != nil {
		return nil, err
	}
	own := s.port.cfg.ClusterID()
	mine := hello{first: byte(s.kind), version: version, cluster: own, node: s.port.cfg.NodeID}
	if _, err := c.Write(mine.bytes()); err != nil {
		return nil, fmt.Errorf("send the hello: %w", err)
	}
	theirs, err := readHello(c)
	if err != nil {
		return nil, err
	}
	if err := verdict(theirs.first).err(); err != nil {
		return nil, fmt.Errorf("%w (there: node %s, cluster %s, version %d; here: cluster %s, version %d)",
			err, theirs.node, clusterText(theirs.cluster), theirs.version, clusterText(own), version)
	}
	if v := judge(theirs, own); v != verdictWelcome {
		return nil, v.err()
	}
	if !unhook() {
		return nil, context.Cause(ctx)
	}
	st := newStream(s.port, c, theirs, own)
	return st, s.port.admit(st, false)
}

// Addr returns the address that this node advertises.
func (s *Streams) Addr() net.Addr { return address(s.port.cfg.Advertise) }

// Close ends Accept, and refuses streams of this kind from now on. Streams
// that are open stay so until the port is closed. It may be called twice.
func (s *Streams) Close() error {
	s.shut()
	return nil
}

func (s *Streams) shut() { s.once.Do(func() { close(s.done) }) }

// address is a host:port that another node can dial.
type address string

func (address) Network() string  { return "tcp" }
func (a address) String() string { return string(a) }

// stream is one open stream, known to its port until it is closed.
type stream struct {
	net.Conn
	port *Port
	node string // the node at the other end
	// unproven: this node knew no cluster when it said hello, so the other
	// side could not judge it; theirs is what that side showed.
	unproven bool
	theirs   [16]byte
}

func newStream(p *Port, c net.Conn, theirs hello, own [16]byte) *stream {
	return &stream{Conn: c, port: p, node: theirs.node, unproven: own == [16]byte{}, theirs: theirs.cluster}
}

// Write refuses to speak for a cluster that the other side was not told of.
func (s *stream) Write(b []byte) (int, error) {
	if s.unproven {
		if own := s.port.cfg.ClusterID(); own != [16]byte{} && own != s.theirs {
			_ = s.Close()
			return 0, errUnproven
		}
	}
	return s.Conn.Write(b)
}

// Close closes the stream.
func (s *stream) Close() error {
	s.port.forget(s)
	return s.Conn.Close()
}
