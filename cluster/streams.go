package cluster

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

// Raft's streams begin with a greeting, for raft itself trusts whoever answers
// at an address. A node whose disk was lost and which came back as another one
// at the same address would vote in its old name, and two clusters that share
// an address by accident would merge.
//
//	dialer     1 byte    format, always 1
//	           36 bytes  the id of the node that it means to reach
//	           36 bytes  its own id
//	           16 bytes  its cluster's id, zero where it knows none yet
//	acceptor   1 byte    0: go on; 1: another node lives here; 2: another cluster
//
// A node that knows no cluster yet takes the dialer's: it was called by its id,
// so that cluster has taken it in.
const (
	greetingFormat = 1
	uuidSize       = 36
	greetingSize   = 1 + 2*uuidSize + 16

	welcome      = 0
	otherNode    = 1
	otherCluster = 2

	greetingTimeout = 2 * time.Second
	rpcTimeout      = 2 * time.Second // for one answer of another node's raft
	pooledStreams   = 3               // idle connections kept to each node
)

// ErrOtherNode says that the address belongs to another node by now.
var ErrOtherNode = errors.New("cluster: another node has this address")

// greeter adds the greeting to a stream layer. Its addresses are id@host:port.
type greeter struct {
	raft.StreamLayer
	self     string
	identity *identity
	log      hclog.Logger
}

// newTransport returns raft's transport over layer.
func newTransport(layer raft.StreamLayer, self string, id *identity, log hclog.Logger) raft.Transport {
	return raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
		Logger: log, Stream: &greeter{StreamLayer: layer, self: self, identity: id, log: log},
		MaxPool: pooledStreams, MaxRPCsInFlight: 1, Timeout: rpcTimeout, MsgpackUseNewTimeFormat: true,
	})
}

// addressed joins an id to the address where it is to be reached.
func addressed(id raft.ServerID, addr raft.ServerAddress) raft.ServerAddress {
	return raft.ServerAddress(id) + "@" + addr
}

// Dial opens a stream to the node whose id stands before the address.
func (g *greeter) Dial(to raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	id, addr, ok := strings.Cut(string(to), "@")
	if !ok {
		return nil, fmt.Errorf("cluster: the address %q names no node", to)
	}
	conn, err := g.StreamLayer.Dial(raft.ServerAddress(addr), timeout)
	if err != nil {
		return nil, err
	}
	if err := g.greet(conn, id); err != nil {
		return nil, errors.Join(fmt.Errorf("greet %s at %s: %w", id, addr, err), conn.Close())
	}
	return conn, nil
}

// hello returns the greeting of a call for the node id.
func (g *greeter) hello(id string) []byte {
	hello := make([]byte, 0, greetingSize)
	hello = append(hello, greetingFormat)
	hello = append(hello, pad(id)...)
	hello = append(hello, pad(g.self)...)
	cluster := g.identity.get()
	return append(hello, cluster[:]...)
}

func (g *greeter) greet(conn net.Conn, id string) error {
	var answer [1]byte
	err := conn.SetDeadline(time.Now().Add(greetingTimeout))
	if err == nil {
		_, err = conn.Write(g.hello(id))
	}
	if err == nil {
		_, err = io.ReadFull(conn, answer[:])
	}
	if err != nil {
		return err
	}
	switch answer[0] {
	case welcome:
		return conn.SetDeadline(time.Time{})
	case otherCluster:
		return ErrOtherCluster
	}
	return ErrOtherNode
}

// pad brings an id to the size of a UUID, which it has unless a test made it up.
func pad(id string) []byte { return fmt.Appendf(nil, "%-*.*s", uuidSize, uuidSize, id) }

// Accept returns the next stream; its greeting is judged at the first read, so
// that a silent caller holds up nobody.
func (g *greeter) Accept() (net.Conn, error) {
	conn, err := g.StreamLayer.Accept()
	if err != nil {
		return nil, err
	}
	return &greeted{Conn: conn, by: g}, nil
}

// greeted is a stream whose greeting is still to be read.
type greeted struct {
	net.Conn
	by   *greeter
	once sync.Once
	err  error
}

// Read reads what comes after the greeting.
func (c *greeted) Read(p []byte) (int, error) {
	c.once.Do(func() { c.err = c.by.judge(c.Conn) })
	if c.err != nil {
		return 0, c.err
	}
	return c.Conn.Read(p)
}

// judge reads a greeting and answers it.
func (g *greeter) judge(conn net.Conn) error {
	hello := make([]byte, greetingSize)
	if err := conn.SetDeadline(time.Now().Add(greetingTimeout)); err != nil {
		return err
	}
	if _, err := io.ReadFull(conn, hello); err != nil {
		return fmt.Errorf("read a greeting: %w", err)
	}
	code, refusal := g.verdict(hello)
	if refusal != nil {
		g.log.Warn("a stream is refused", "from", conn.RemoteAddr(), "err", refusal)
	}
	_, err := conn.Write([]byte{code})
	return errors.Join(refusal, err, conn.SetDeadline(time.Time{}))
}

func (g *greeter) verdict(hello []byte) (code byte, refusal error) {
	meant, from := hello[1:1+uuidSize], hello[1+uuidSize:1+2*uuidSize]
	if hello[0] != greetingFormat || !bytes.Equal(meant, pad(g.self)) {
		return otherNode, fmt.Errorf("%w: node %s calls for %s (greeting %d)", ErrOtherNode, from, meant, hello[0])
	}
	var cluster [16]byte
	copy(cluster[:], hello[1+2*uuidSize:])
	if cluster == ([16]byte{}) {
		return welcome, nil
	}
	if err := g.identity.learn(cluster); err != nil {
		return otherCluster, fmt.Errorf("node %s: %w", from, err)
	}
	return welcome, nil
}
