package cluster

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/raft"
	"github.com/limitd/limitd/cluster/clock"
)

// links is raft's transport, watched: it notes how far each follower has come
// and when it last answered, which raft does not tell, and by which a leader
// knows when a new node has caught up.
//
// It also says where a node is to be reached: raft knows its members by the
// addresses of its configuration, gossip knows newer ones. What comes in passes
// the intake.
type links struct {
	raft.Transport
	clock  clock.Source
	local  raft.ServerAddress
	locate func(raft.ServerID, raft.ServerAddress) raft.ServerAddress
	stored func() uint64 // the last entry that is on this node's disk
	intake *intake
	bereft func() bool // raft believes in entries that this node's log has lost: see store.Tail
	fatal  func(error)

	mu    sync.Mutex
	peers map[raft.ServerID]link
	since int64 // guarded by mu; when this node first wanted to be elected while it was bereft; 0: it does not
}

// link is what this node, leading, knows of a follower.
type link struct {
	term    uint64 // in which it answered
	match   uint64 // the last entry that it is known to have
	contact int64  // instant of its last answer, by the monotonic clock
}

func newLinks(c Config, t raft.Transport, stored func() uint64, locate func(raft.ServerID, raft.ServerAddress) raft.ServerAddress) *links {
	return &links{
		Transport: t, clock: c.Clock, local: raft.ServerAddress(c.Node.Peer), locate: locate, stored: stored,
		intake: newIntake(), peers: make(map[raft.ServerID]link), bereft: func() bool { return false },
	}
}

// Consumer returns what others ask of this node, once receive was called.
func (l *links) Consumer() <-chan raft.RPC { return l.intake.out }

// SetHeartbeatHandler has heartbeats come to the intake; raft's handler is not safe.
func (l *links) SetHeartbeatHandler(func(raft.RPC)) { l.Transport.SetHeartbeatHandler(l.intake.beat) }

// receive lets in what others ask of this node.
func (l *links) receive(node holdings) { l.intake.start(l.Transport.Consumer(), node) }

// LocalAddr returns the address that this node advertises.
func (l *links) LocalAddr() raft.ServerAddress { return l.local }

// EncodePeer writes an address as raft's configuration has it.
func (l *links) EncodePeer(_ raft.ServerID, addr raft.ServerAddress) []byte { return []byte(addr) }

// DecodePeer reads what EncodePeer wrote.
func (l *links) DecodePeer(b []byte) raft.ServerAddress { return raft.ServerAddress(b) }

// AppendEntries sends entries and notes the answer. What is not on this node's
// own disk yet is not committed: see store.Deferred.
func (l *links) AppendEntries(id raft.ServerID, to raft.ServerAddress, req *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) error {
	req.LeaderCommitIndex = min(req.LeaderCommitIndex, l.stored())
	err := l.Transport.AppendEntries(id, l.locate(id, to), req, resp)
	if errors.Is(err, net.ErrClosed) { // an idle stream that this side has closed meanwhile; others may be alike
		l.reopen()
		err = l.Transport.AppendEntries(id, l.locate(id, to), req, resp)
	}
	if err != nil {
		return err
	}
	last := req.PrevLogEntry
	if n := len(req.Entries); n > 0 {
		last = req.Entries[n-1].Index
	}
	l.note(id, req.Term, last, resp.Success)
	return nil
}

// note takes an answer. A heartbeat names no entry, and teaches of no match.
func (l *links) note(id raft.ServerID, term, last uint64, success bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.peers[id]
	if p.term != term {
		p = link{term: term}
	}
	p.contact = l.clock.Monotonic()
	if success {
		p.match = max(p.match, last)
	}
	l.peers[id] = p
}

// peer returns what is known of a follower in the given term.
func (l *links) peer(id raft.ServerID, term uint64) (link, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p, ok := l.peers[id]
	return p, ok && p.term == term
}

// AppendEntriesPipeline refuses: pipelining can leave a follower without
// entries for ever while its heartbeats go on, and answers would pass unseen.
func (l *links) AppendEntriesPipeline(raft.ServerID, raft.ServerAddress) (raft.AppendPipeline, error) {
	return nil, raft.ErrPipelineReplicationNotSupported
}

// errBereft is why a node does not stand for election.
var errBereft = errors.New("cluster: raft takes this node's log for longer than it is: start the node again, and it reads its log anew")

// bereftTime is how long others may take to elect one of them, where this node must
// not be elected. Then they cannot without it.
const bereftTime = 10 * time.Second

// stand returns an error where this node must not be elected: raft would append
// behind entries that are gone. One that would have to be, ends, to be started anew:
// that takes a leader that was lost in the moment between its snapshot, of a backup
// that only this node got, and its next entry.
func (l *links) stand() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.clock.Monotonic()
	switch {
	case !l.bereft():
		l.since = 0
		return nil
	case l.since == 0:
		l.since = now
	case now-l.since > int64(bereftTime):
		l.since = now
		go l.fatal(errBereft) // it may close this transport
	}
	return errBereft
}

// RequestPreVote asks whether a vote could be won.
func (l *links) RequestPreVote(id raft.ServerID, to raft.ServerAddress, req *raft.RequestPreVoteRequest, resp *raft.RequestPreVoteResponse) error {
	if err := l.stand(); err != nil {
		return err
	}
	return l.Transport.(raft.WithPreVote).RequestPreVote(id, l.locate(id, to), req, resp)
}

// RequestVote asks for a vote.
func (l *links) RequestVote(id raft.ServerID, to raft.ServerAddress, req *raft.RequestVoteRequest, resp *raft.RequestVoteResponse) error {
	if err := l.stand(); err != nil {
		return err
	}
	return l.Transport.RequestVote(id, l.locate(id, to), req, resp)
}

// TimeoutNow tells a node to stand for election at once.
func (l *links) TimeoutNow(id raft.ServerID, to raft.ServerAddress, req *raft.TimeoutNowRequest, resp *raft.TimeoutNowResponse) error {
	return l.Transport.TimeoutNow(id, l.locate(id, to), req, resp)
}

// InstallSnapshot sends a snapshot and notes the answer.
func (l *links) InstallSnapshot(id raft.ServerID, to raft.ServerAddress, req *raft.InstallSnapshotRequest, resp *raft.InstallSnapshotResponse, data io.Reader) error {
	if err := l.Transport.InstallSnapshot(id, l.locate(id, to), req, resp, data); err != nil {
		return err
	}
	l.note(id, req.Term, req.LastLogIndex, resp.Success)
	return nil
}

// reopen ends the streams to other nodes, idle ones too; calls open new ones.
func (l *links) reopen() {
	if c, ok := l.Transport.(interface{ CloseStreams() }); ok {
		c.CloseStreams()
	}
}

// Close closes the transport, its idle connections too.
func (l *links) Close() error {
	l.intake.close()
	l.reopen()
	if c, ok := l.Transport.(raft.WithClose); ok {
		return c.Close()
	}
	return nil
}
