package clustertest

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

var (
	errCut     = errors.New("clustertest: the link is cut")
	errTimeout = errors.New("clustertest: no answer in time")
	errClosed  = errors.New("clustertest: the transport is closed")
	errOtherID = errors.New("clustertest: another node has this address now")
)

const (
	latency    = 200 * time.Microsecond // one way
	rpcTimeout = 500 * time.Millisecond
)

// Network joins transports in memory. Everything that travels is copied, as a
// wire would: raft's own transport in memory shares entries between nodes.
type Network struct {
	mu    sync.Mutex
	nodes map[raft.ServerAddress]*Transport
	cut   map[[2]raft.ServerAddress]bool
}

// NewNetwork returns a network without nodes.
func NewNetwork() *Network {
	return &Network{nodes: make(map[raft.ServerAddress]*Transport), cut: make(map[[2]raft.ServerAddress]bool)}
}

// Cut cuts the directed link from one address to another.
func (n *Network) Cut(from, to raft.ServerAddress) { n.set(from, to, true) }

// Mend mends it.
func (n *Network) Mend(from, to raft.ServerAddress) { n.set(from, to, false) }

func (n *Network) set(from, to raft.ServerAddress, cut bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut[[2]raft.ServerAddress{from, to}] = cut
}

// open tells whether messages pass.
func (n *Network) open(from, to raft.ServerAddress) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return !n.cut[[2]raft.ServerAddress{from, to}]
}

func (n *Network) at(addr raft.ServerAddress) *Transport {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.nodes[addr]
}

// Join adds a node; it takes the place of an older one at the same address.
func (n *Network) Join(id raft.ServerID, addr raft.ServerAddress) *Transport {
	t := &Transport{net: n, id: id, addr: addr, consumer: make(chan raft.RPC, 16), closed: make(chan struct{})}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.nodes[addr] = t
	return t
}

// Transport is one node's end of a Network. It is a raft.Transport.
type Transport struct {
	net      *Network
	id       raft.ServerID
	addr     raft.ServerAddress
	consumer chan raft.RPC
	once     sync.Once
	closed   chan struct{}

	mu        sync.Mutex
	heartbeat func(raft.RPC)
}

// Consumer returns what others ask of this node.
func (t *Transport) Consumer() <-chan raft.RPC { return t.consumer }

// LocalAddr returns this node's address.
func (t *Transport) LocalAddr() raft.ServerAddress { return t.addr }

// EncodePeer writes an address.
func (t *Transport) EncodePeer(_ raft.ServerID, addr raft.ServerAddress) []byte { return []byte(addr) }

// DecodePeer reads an address.
func (t *Transport) DecodePeer(b []byte) raft.ServerAddress { return raft.ServerAddress(b) }

// SetHeartbeatHandler takes the short way of heartbeats past the disk.
func (t *Transport) SetHeartbeatHandler(f func(raft.RPC)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.heartbeat = f
}

// Close ends the transport.
func (t *Transport) Close() error {
	t.once.Do(func() { close(t.closed) })
	return nil
}

// AppendEntriesPipeline is not supported.
func (t *Transport) AppendEntriesPipeline(raft.ServerID, raft.ServerAddress) (raft.AppendPipeline, error) {
	return nil, raft.ErrPipelineReplicationNotSupported
}

// AppendEntries sends copies of entries.
func (t *Transport) AppendEntries(id raft.ServerID, to raft.ServerAddress, req *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) error {
	sent := *req
	sent.Entries = nil
	for _, e := range req.Entries {
		c := *e
		c.Data, c.Extensions = bytes.Clone(e.Data), bytes.Clone(e.Extensions)
		c.AppendedAt = e.AppendedAt.Round(0) // no monotonic reading crosses a wire
		sent.Entries = append(sent.Entries, &c)
	}
	return call(t, id, to, raft.RPC{Command: &sent}, resp)
}

// RequestVote asks for a vote.
func (t *Transport) RequestVote(id raft.ServerID, to raft.ServerAddress, req *raft.RequestVoteRequest, resp *raft.RequestVoteResponse) error {
	sent := *req
	return call(t, id, to, raft.RPC{Command: &sent}, resp)
}

// RequestPreVote asks whether a vote could be won.
func (t *Transport) RequestPreVote(id raft.ServerID, to raft.ServerAddress, req *raft.RequestPreVoteRequest, resp *raft.RequestPreVoteResponse) error {
	sent := *req
	return call(t, id, to, raft.RPC{Command: &sent}, resp)
}

// TimeoutNow tells a node to stand for election.
func (t *Transport) TimeoutNow(id raft.ServerID, to raft.ServerAddress, req *raft.TimeoutNowRequest, resp *raft.TimeoutNowResponse) error {
	sent := *req
	return call(t, id, to, raft.RPC{Command: &sent}, resp)
}

// InstallSnapshot sends a snapshot.
func (t *Transport) InstallSnapshot(id raft.ServerID, to raft.ServerAddress, req *raft.InstallSnapshotRequest, resp *raft.InstallSnapshotResponse, data io.Reader) error {
	b, err := io.ReadAll(data)
	if err != nil {
		return err
	}
	sent := *req
	sent.Configuration = bytes.Clone(req.Configuration)
	return call(t, id, to, raft.RPC{Command: &sent, Reader: bytes.NewReader(b)}, resp)
}

// call carries one request there and its answer back.
func call[T any](t *Transport, id raft.ServerID, to raft.ServerAddress, rpc raft.RPC, resp *T) error {
	timeout := time.NewTimer(rpcTimeout)
	defer timeout.Stop()
	if err := t.travel(t.addr, to, timeout.C); err != nil {
		return err
	}
	peer := t.net.at(to)
	if peer == nil {
		return errCut
	}
	if peer.id != id {
		return errOtherID
	}
	answer := make(chan raft.RPCResponse, 1)
	rpc.RespChan = answer
	if err := peer.take(rpc, timeout.C); err != nil {
		return err
	}
	select {
	case a := <-answer:
		if err := t.travel(to, t.addr, timeout.C); err != nil {
			return err
		}
		if a.Error != nil {
			return a.Error
		}
		*resp = *a.Response.(*T)
		return nil
	case <-timeout.C:
		return errTimeout
	case <-t.closed:
		return errClosed
	}
}

// travel takes a message's time; on a cut link it is lost.
func (t *Transport) travel(from, to raft.ServerAddress, timeout <-chan time.Time) error {
	pass := time.NewTimer(latency)
	defer pass.Stop()
	lost := pass.C
	if !t.net.open(from, to) {
		lost = nil
	}
	select {
	case <-lost:
		return nil
	case <-timeout:
		return errTimeout
	case <-t.closed:
		return errClosed
	}
}

// take gives a request to this node's raft.
func (t *Transport) take(rpc raft.RPC, timeout <-chan time.Time) error {
	if a, ok := rpc.Command.(*raft.AppendEntriesRequest); ok && isHeartbeat(a) {
		t.mu.Lock()
		beat := t.heartbeat
		t.mu.Unlock()
		if beat != nil {
			beat(rpc)
			return nil
		}
	}
	select {
	case t.consumer <- rpc:
		return nil
	case <-timeout:
		return errTimeout
	case <-t.closed:
		return errClosed
	}
}

func isHeartbeat(a *raft.AppendEntriesRequest) bool {
	return a.Term != 0 && a.PrevLogEntry == 0 && a.PrevLogTerm == 0 && len(a.Entries) == 0 && a.LeaderCommitIndex == 0
}
