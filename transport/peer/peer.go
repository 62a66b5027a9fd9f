// Package peer is the node-to-node port of limitd: one TCP listener that
// carries two kinds of streams, raft's and those of transport/forward.
//
// The side that dials sends a hello, the side that accepts answers it
// (hello.go draws both), and from then on the stream belongs to its kind:
//
//	 dialling node                        accepting node
//	'R' or 'F', version, ids   ----->
//	                           <-----    verdict, version, ids
//	raft or forward bytes      <---->
//
// What it promises:
//
//   - Two clusters never meet: where both sides know their cluster's id and
//     the ids differ, the stream is refused, with ErrOtherCluster at the
//     dialler and a log line at the accepter. A node that knows no id yet is
//     let in; a stream opened so ends by itself once the node learns an id
//     that the other side did not show.
//   - A slow or silent stranger holds nobody up: hellos have a deadline, are
//     answered beside each other, and the oldest one gives way past a bound.
//   - With a Guard, nothing of a stream is read before the other end has shown
//     that it is a node, and streams whose proof no longer counts can be ended.
//   - The number of open streams is bounded.
//   - Close ends all streams and returns when no goroutine is left.
//
// For example:
//
//	port, err := peer.Start(peer.Config{Listener: l, Advertise: "10.0.0.1:7481", NodeID: id, ClusterID: replica.ClusterID})
//	transport := raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{Stream: port.Raft(), ...})
//	node := forward.Start(forward.Config{Streams: port.Forward(), ...})
//	defer port.Close()
package peer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
)

// ErrClosed says that the port, or this kind of stream, was closed.
var ErrClosed = fmt.Errorf("peer: the port is closed: %w", net.ErrClosed)

// Config is what a Port needs. Listener, Advertise and NodeID must be set.
type Config struct {
	// Listener accepts the other nodes' connections. The port closes it.
	Listener net.Listener
	// Advertise is the address at which other nodes reach Listener, host:port.
	// It must not be a wildcard: the caller sees to that.
	Advertise string
	// NodeID is this node's id, 1 to 64 bytes.
	NodeID string
	// ClusterID returns the id of this node's cluster, zero while it has none.
	// It is called for every stream, and for every write on a stream that was
	// opened before the id was known; it must be quick. Nil: always zero.
	ClusterID func() [16]byte
	// Dial opens a connection to another node's Advertise address. Default: TCP.
	Dial func(ctx context.Context, address string) (net.Conn, error)
	// Guard makes every stream one of TLS, between nodes that have shown who they
	// are. Default: streams are plain, and believe whoever can reach the port.
	Guard Guard
	// Logger hears of refused streams. Default: none.
	Logger hclog.Logger
	// HelloTimeout bounds the exchange of hellos. Default 3 s. Too short, and a
	// busy node cannot be joined; too long, and a dead one is noticed late.
	HelloTimeout time.Duration
	// MaxStreams bounds the accepted streams that are open at once. Default
	// 1,024. Past it new ones are refused.
	MaxStreams int
	// MaxHellos bounds the accepted connections whose hello is under way.
	// Default 128. Past it the oldest is dropped.
	MaxHellos int
}

func (c Config) withDefaults() (Config, error) {
	if c.Listener == nil || c.Advertise == "" {
		return c, errors.New("peer: a listener and the address to advertise are needed")
	}
	if len(c.NodeID) == 0 || len(c.NodeID) > maxNodeID {
		return c, fmt.Errorf("peer: a node id has 1 to %d bytes, not %d", maxNodeID, len(c.NodeID))
	}
	if c.ClusterID == nil {
		c.ClusterID = func() [16]byte { return [16]byte{} }
	}
	if c.Dial == nil {
		dialer := &net.Dialer{KeepAlive: 15 * time.Second}
		c.Dial = func(ctx context.Context, address string) (net.Conn, error) {
			return dialer.DialContext(ctx, "tcp", address)
		}
	}
	if c.Logger == nil {
		c.Logger = hclog.NewNullLogger()
	}
	c.HelloTimeout = orDefault(c.HelloTimeout, 3*time.Second)
	c.MaxStreams = orDefault(c.MaxStreams, 1024)
	c.MaxHellos = orDefault(c.MaxHellos, 128)
	return c, nil
}

func orDefault[T time.Duration | int](v, otherwise T) T {
	if v > 0 {
		return v
	}
	return otherwise
}

// Port is the open node-to-node port. It is safe for concurrent use.
type Port struct {
	cfg     Config
	raft    *Streams
	forward *Streams
	refused *refusals

	ctx  context.Context // ends at Close; dials under way hang on it
	stop context.CancelFunc
	wait sync.WaitGroup // the accept loop and the hellos

	mu       sync.Mutex
	closed   bool             // guarded by mu
	hellos   []net.Conn       // guarded by mu; oldest first
	streams  map[*stream]bool // guarded by mu; true: accepted
	accepted int              // guarded by mu; how many of streams are accepted
}

// Start begins to accept streams on cfg.Listener.
func Start(cfg Config) (*Port, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	p := &Port{cfg: cfg, refused: newRefusals(cfg.Logger), streams: make(map[*stream]bool)}
	p.ctx, p.stop = context.WithCancel(context.Background())
	p.raft = newStreams(p, kindRaft)
	p.forward = newStreams(p, kindForward)
	p.wait.Go(p.acceptLoop)
	return p, nil
}

// Raft returns the streams of raft; they are a raft.StreamLayer.
func (p *Port) Raft() *Streams { return p.raft }

// Forward returns the streams of transport/forward.
func (p *Port) Forward() *Streams { return p.forward }

// Close closes the listener and all streams, and waits until no goroutine of
// the port is left. It may be called twice.
func (p *Port) Close() error {
	p.mu.Lock()
	var open []net.Conn
	if !p.closed {
		p.closed = true
		open = append(open, p.hellos...)
		for s := range p.streams {
			open = append(open, s.Conn)
		}
	}
	p.mu.Unlock()
	p.stop()
	p.raft.shut()
	p.forward.shut()
	err := p.cfg.Listener.Close()
	for _, c := range open {
		_ = cut(c)
	}
	p.wait.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// acceptLoop takes connections until Close. Faults of accepting (too many open
// files) are waited out, so that they do not cut the node off for ever.
func (p *Port) acceptLoop() {
	const shortest, longest = 5 * time.Millisecond, time.Second
	pause := shortest
	for {
		c, err := p.cfg.Listener.Accept()
		switch {
		case err == nil:
			pause = shortest
			p.welcome(c)
			continue
		case p.ctx.Err() != nil:
			return
		case errors.Is(err, net.ErrClosed):
			p.cfg.Logger.Error("the node-to-node listener was closed by somebody else", "err", err)
			return
		}
		p.cfg.Logger.Warn("a connection of another node could not be accepted", "err", err, "again_in", pause)
		select {
		case <-time.After(pause):
			pause = min(2*pause, longest)
		case <-p.ctx.Done():
			return
		}
	}
}

// welcome starts the exchange of hellos with c.
func (p *Port) welcome(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		_ = c.Close()
		return
	}
	if len(p.hellos) >= p.cfg.MaxHellos {
		_ = p.hellos[0].Close()
		p.hellos = p.hellos[1:]
	}
	p.hellos = append(p.hellos, c)
	p.wait.Go(func() { p.answer(c) })
}
