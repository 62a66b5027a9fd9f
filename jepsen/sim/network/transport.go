package network

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

var (
	errSilent  = errors.New("network: no answer in time")
	errOtherID = errors.New("network: another node has this address now")
)

// answerTimeout is how long raft waits for an answer. Over TCP it is 2 s; but
// there a lost packet is sent again, here a lost message is lost.
const answerTimeout = 500 * time.Millisecond

// Transport carries raft's calls between hosts, each a message there and one
// back. It is a raft.Transport.
type Transport struct {
	host     *Host
	id       raft.ServerID
	at       raft.ServerAddress
	consumer chan raft.RPC
	gone     chan struct{} // closed when it is closed, or its host dies
	once     sync.Once

	mu        sync.Mutex
	heartbeat func(raft.RPC) // guarded by mu
}

// Transport returns the host's transport, for the node id.
func (h *Host) Transport(id raft.ServerID, at raft.ServerAddress) *Transport {
	t := &Transport{host: h, id: id, at: at, consumer: make(chan raft.RPC), gone: make(chan struct{})}
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	h.transport = t
	if h.deadLocked() {
		_ = t.Close()
	}
	return t
}

// Consumer returns what others ask of this node.
func (t *Transport) Consumer() <-chan raft.RPC { return t.consumer }

// LocalAddr returns this node's address.
func (t *Transport) LocalAddr() raft.ServerAddress { return t.at }

// EncodePeer writes an address.
func (t *Transport) EncodePeer(_ raft.ServerID, at raft.ServerAddress) []byte { return []byte(at) }

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
	t.once.Do(func() { close(t.gone) })
	return nil
}

// AppendEntriesPipeline is not supported; limitd does not use it.
func (t *Transport) AppendEntriesPipeline(raft.ServerID, raft.ServerAddress) (raft.AppendPipeline, error) {
	return nil, raft.ErrPipelineReplicationNotSupported
}

// AppendEntries sends entries.
func (t *Transport) AppendEntries(id raft.ServerID, to raft.ServerAddress, req *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) error {
	return call(t, id, to, func() raft.RPC { return raft.RPC{Command: withCopies(req)} }, resp)
}

func withCopies(req *raft.AppendEntriesRequest) *raft.AppendEntriesRequest {
	c := *req
	c.Entries = make([]*raft.Log, len(req.Entries))
	for i, e := range req.Entries {
		c.Entries[i] = Copy(e)
	}
	return &c
}

// Copy returns a copy of an entry as it comes out of a wire or a disk: nothing
// is shared, and no monotonic reading of a clock is left in it.
func Copy(e *raft.Log) *raft.Log {
	c := *e
	c.Data, c.Extensions = bytes.Clone(e.Data), bytes.Clone(e.Extensions)
	c.AppendedAt = e.AppendedAt.Round(0)
	return &c
}

// RequestVote asks for a vote.
func (t *Transport) RequestVote(id raft.ServerID, to raft.ServerAddress, req *raft.RequestVoteRequest, resp *raft.RequestVoteResponse) error {
	return call(t, id, to, plain(req), resp)
}

// RequestPreVote asks whether a vote could be won.
func (t *Transport) RequestPreVote(id raft.ServerID, to raft.ServerAddress, req *raft.RequestPreVoteRequest, resp *raft.RequestPreVoteResponse) error {
	return call(t, id, to, plain(req), resp)
}

// TimeoutNow tells a node to stand for election.
func (t *Transport) TimeoutNow(id raft.ServerID, to raft.ServerAddress, req *raft.TimeoutNowRequest, resp *raft.TimeoutNowResponse) error {
	return call(t, id, to, plain(req), resp)
}

// InstallSnapshot sends a snapshot, all of it in one message.
func (t *Transport) InstallSnapshot(id raft.ServerID, to raft.ServerAddress, req *raft.InstallSnapshotRequest, resp *raft.InstallSnapshotResponse, data io.Reader) error {
	content, err := io.ReadAll(io.LimitReader(data, req.Size))
	if err != nil {
		return fmt.Errorf("read the snapshot: %w", err)
	}
	return call(t, id, to, func() raft.RPC {
		sent := *req
		return raft.RPC{Command: &sent, Reader: bytes.NewReader(content)}
	}, resp)
}

// message is what is sent. It shares nothing with the request that it was
// written from: raft uses that again while a late or second message is still
// under way.
type message struct {
	id  raft.ServerID
	to  raft.ServerAddress
	rpc raft.RPC
}

// plain writes a message of a request that points to nothing.
func plain[T any](req *T) func() raft.RPC {
	return func() raft.RPC {
		sent := *req
		return raft.RPC{Command: &sent}
	}
}

// reply is what came back.
type reply struct {
	response any
	err      error
}

// call sends what write writes, anew for each message, and waits for the answer.
func call[T any](t *Transport, id raft.ServerID, to raft.ServerAddress, write func() raft.RPC, resp *T) error {
	answer := make(chan reply, 1)
	for range t.copies(to) {
		go t.deliver(message{id, to, write()}, answer)
	}
	timeout := time.NewTimer(answerTimeout)
	defer timeout.Stop()
	select {
	case a := <-answer:
		if a.err == nil {
			*resp = *a.response.(*T)
		}
		return a.err
	case <-timeout.C:
		return errSilent
	case <-t.gone:
		return ErrDead
	}
}

// copies draws how often a message is sent: once, not at all, or twice.
func (t *Transport) copies(to raft.ServerAddress) int {
	n := t.host.net
	n.mu.Lock()
	defer n.mu.Unlock()
	if t.host.deadLocked() {
		return 0
	}
	n.count.Messages++
	r := n.rules[Link{t.host.name, hostOf(to)}]
	switch {
	case r.Loss > 0 && n.dice.Float64() < r.Loss:
		n.count.Lost++
		return 0
	case r.Dup > 0 && n.dice.Float64() < r.Dup:
		n.count.Doubled++
		return 2
	}
	return 1
}

func hostOf(at raft.ServerAddress) string {
	name, _, _ := bytes.Cut([]byte(at), []byte(":"))
	return string(name)
}
