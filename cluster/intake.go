package cluster

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"sync"

	"github.com/hashicorp/raft"
	"github.com/limitd/limitd/cluster/store"
)

// raft 1.7 takes what its leader sends as news, which it is not where this node
// got ahead of what the leader knows of it: by a snapshot of the leader before,
// or because an answer was lost. Two things go wrong then.
//
//   - A snapshot is installed whatever the node has. An older one puts its state
//     back, and the log keeps a gap between the two where raft has promised
//     entries: the next commit index is a panic.
//   - A node looks for the entry before those that are sent in its log alone. The
//     log lacks what a snapshot brought. So the leader, refused, goes back entry
//     by entry until it has no older one, and sends the snapshot that it has.
//
// The intake stands between the transport and raft, and gives the answer that
// the leader goes on from: this node holds that already.
//
// That holds only of a state which the cluster agreed to, and a restored backup
// may be one that it never did: raft gives it to the leader first, and to one
// follower after the other. Where that leader is lost, and the next one comes
// without the backup, the nodes that have it must not go on from it. A leader of
// a later term that speaks of entries before it is such a one.
//
// Heartbeats go another way, past what waits for a disk (beat).
type intake struct {
	node    holdings
	started chan struct{} // closed once node is set
	out     chan raft.RPC // to raft
	beats   chan raft.RPC // has room for one: a heartbeat that was answered, for raft to note
	done    chan struct{}
	once    sync.Once
	tasks   sync.WaitGroup
}

// holdings is what a node holds. What it has applied stays applied.
type holdings interface {
	AppliedIndex() uint64
	LastIndex() uint64 // of its log, or of its snapshot where that reaches further
	// LogTerm returns the term of an entry of the log; false where the log lacks it.
	LogTerm(index uint64) (term uint64, ok bool)
	// Follows tells whether the node follows this leader, in this term.
	Follows(leader raft.ServerID, term uint64) bool
	// Contradicts tells whether the log has another entry of the same place and term.
	Contradicts(*raft.Log) bool
	// Contradicted is called where it has: the node must not go on.
	Contradicted(*raft.Log)
	// Brought returns the place of the backup that was restored, where nothing was
	// applied behind it yet.
	Brought() (index, term uint64, ok bool)
	// Disowned is called where the cluster went on without that backup.
	Disowned()
	// Lose is called before a snapshot up to the entry after is installed: what the log
	// has behind it, up to its last entry, will be gone.
	Lose(after, last uint64)
}

func newIntake() *intake {
	return &intake{started: make(chan struct{}), out: make(chan raft.RPC), beats: make(chan raft.RPC, 1), done: make(chan struct{})}
}

// start begins to take what comes for node.
func (n *intake) start(in <-chan raft.RPC, node holdings) {
	n.node = node
	close(n.started)
	n.tasks.Go(func() { n.run(in) })
}

// close ends the intake. It may be called twice.
func (n *intake) close() {
	n.once.Do(func() { close(n.done) })
	n.tasks.Wait()
}

func (n *intake) run(in <-chan raft.RPC) {
	for {
		select {
		case rpc := <-in:
			switch req := rpc.Command.(type) {
			case *raft.InstallSnapshotRequest:
				rpc = n.judged(rpc, req)
			case *raft.AppendEntriesRequest:
				before := req.PrevLogEntry > 0 || len(req.Entries) > 0 // a heartbeat names no place
				if before && n.isDisowned(req.Term, req.PrevLogEntry, req.PrevLogTerm) {
					rpc.Respond(nil, errDisowned)
					continue
				}
				if at := slices.IndexFunc(req.Entries, n.node.Contradicts); at >= 0 {
					n.node.Contradicted(req.Entries[at])
					rpc.Respond(nil, errContradicted)
					continue
				}
				n.trim(req)
			}
			if !n.pass(rpc) {
				return
			}
		case rpc := <-n.beats:
			if !n.pass(rpc) {
				return
			}
		case <-n.done:
			return
		}
	}
}

// beat takes a heartbeat, on a goroutine of the transport.
//
// raft has a way of its own for them, lest they wait while it writes to its disk: a
// handler that changes its term and state on the spot, on another goroutine than the
// one that alone may. A leader that learns so that there is a next one goes on in the
// middle of what it does: the next proposal comes into its log under the new term,
// where the new leader has another entry, and as both have one index and one term,
// nobody ever compares them (raft 1.7.3; jepsen found it).
//
// So raft's handler is not used. A heartbeat of the leader that this node follows
// changes nothing, and is answered here; raft hears of it when it has the time, and
// notes that its leader lives. Any other waits for raft.
func (n *intake) beat(rpc raft.RPC) {
	select {
	case <-n.started:
	case <-n.done:
		return
	}
	req, ok := rpc.Command.(*raft.AppendEntriesRequest)
	if !ok || !n.node.Follows(raft.ServerID(req.ID), req.Term) {
		n.pass(rpc)
		return
	}
	rpc.Respond(&raft.AppendEntriesResponse{Term: req.Term, LastLog: n.node.LastIndex(), Success: true}, nil)
	rpc.RespChan = make(chan raft.RPCResponse, 1) // nobody's
	select {
	case n.beats <- rpc:
	default: // raft notes the one before it, or what it is at
	}
}

// errContradicted is the answer of a node whose log is not its leader's.
var errContradicted = errors.New("cluster: this node's log has another entry of the same place and term")

// pass gives raft a request; false where the intake was closed first.
func (n *intake) pass(rpc raft.RPC) bool {
	select {
	case n.out <- rpc:
		return true
	case <-n.done:
		return false
	}
}

// trim leaves out the entries that this node has applied, where the one before
// them is not in its log. What was applied is committed, and a leader has all
// that is committed: raft, which judges the leader's term, need not compare.
//
// raft commits up to the end of its own log, for it knows the log before the
// entries to be the leader's. Here it may have a tail that is not: nothing
// behind the entries sent may be committed by them.
func (n *intake) trim(req *raft.AppendEntriesRequest) {
	applied := n.node.AppliedIndex()
	if req.PrevLogEntry == 0 || req.PrevLogEntry > applied || req.PrevLogEntry == n.node.LastIndex() {
		return
	}
	if _, ok := n.node.LogTerm(req.PrevLogEntry); ok {
		return
	}
	sent := uint64(len(req.Entries))
	req.LeaderCommitIndex = min(req.LeaderCommitIndex, req.PrevLogEntry+sent)
	req.Entries = req.Entries[min(sent, applied-req.PrevLogEntry):]
	req.PrevLogEntry, req.PrevLogTerm = 0, 0 // raft then appends without a look
}

// errDisowned is the answer of a node that must not go on from its state.
var errDisowned = errors.New("cluster: this node has a backup that the cluster did not take")

// isDisowned tells whether a leader that speaks of an entry, and of its term, has
// not the backup that this node's state is.
func (n *intake) isDisowned(leader, entry, entryTerm uint64) bool {
	index, term, ok := n.node.Brought()
	if !ok || leader <= term || entry > index || entry == index && entryTerm == term {
		return false
	}
	n.node.Disowned()
	return true
}

// holds tells whether this node holds all that a snapshot up to an entry brings:
// the entry is in its state, or, and so are those before it, in its log. A log
// that has another entry there is none that was ever committed from there on.
func (n *intake) holds(index, term uint64) bool {
	have, ok := n.node.LogTerm(index)
	return index <= n.node.AppliedIndex() || ok && have == term
}

// errHeld is what raft reads in place of a snapshot that is held.
var errHeld = errors.New("cluster: this node holds what the snapshot brings")

// judged returns rpc, a snapshot's, as raft is to see it.
func (n *intake) judged(rpc raft.RPC, req *raft.InstallSnapshotRequest) raft.RPC {
	answer, to := make(chan raft.RPCResponse, 1), rpc.RespChan
	n.tasks.Go(func() {
		select {
		case a := <-answer:
			if resp, ok := a.Response.(*raft.InstallSnapshotResponse); ok && errors.Is(a.Error, errHeld) {
				resp.Success, a.Error = true, nil
			}
			to <- a
		case <-n.done:
		}
	})
	rpc.RespChan = answer
	rpc.Reader = &content{Reader: rpc.Reader, refuse: func() error {
		switch {
		case n.isDisowned(req.Term, req.LastLogIndex, req.LastLogTerm):
			return errDisowned
		case n.holds(req.LastLogIndex, req.LastLogTerm):
			return errHeld
		}
		n.node.Lose(req.LastLogIndex, n.node.LastIndex())
		return nil
	}}
	return rpc
}

// content is a snapshot's. Its first read tells whether it is refused: raft reads
// on the goroutine that alone moves its indexes, when it has judged the sender's
// term and before it has changed anything. An earlier look could be out of date
// when raft comes to the request.
type content struct {
	io.Reader
	refuse func() error
	read   bool
}

// Read reads the content, or drains it, for the sake of the requests behind it,
// and returns why it is refused.
func (c *content) Read(p []byte) (int, error) {
	if !c.read {
		c.read = true
		if why := c.refuse(); why != nil {
			_, err := io.Copy(io.Discard, c.Reader)
			return 0, cmp.Or(err, why)
		}
	}
	return c.Reader.Read(p)
}

// inventory is what raft says that this node holds.
type inventory struct {
	*raft.Raft
	replica *Replica
}

// AppliedIndex returns the last entry that raft gave the state machine, once it
// is on the disk; 0 where it will not be.
func (i inventory) AppliedIndex() uint64 {
	applied := i.Raft.AppliedIndex()
	if i.replica.logs.Await(applied) != nil {
		return 0
	}
	return applied
}

// Brought returns the place of the backup that was restored, where nothing was
// applied behind it yet.
func (i inventory) Brought() (index, term uint64, ok bool) {
	if !i.replica.last.Load().brought {
		return 0, 0, false
	}
	stats := i.Stats() // raft tells it nowhere else
	index, err := strconv.ParseUint(stats["last_snapshot_index"], 10, 64)
	term, terr := strconv.ParseUint(stats["last_snapshot_term"], 10, 64)
	return index, term, err == nil && terr == nil
}

// Disowned stops this node for good: also when it is started again.
func (i inventory) Disowned() {
	i.replica.fatal(errors.Join(store.ErrHalfRestored, i.replica.cfg.Stores.MarkRestore(true)))
}

// Follows tells whether this node follows the leader, in the term. It may have
// changed when the caller reads it.
func (i inventory) Follows(leader raft.ServerID, term uint64) bool {
	_, id := i.LeaderWithID()
	return i.State() == raft.Follower && id == leader && i.CurrentTerm() == term
}

// Contradicts tells whether the log has another entry of the same place and term:
// raft holds two such for one, and reads the second one no further.
func (i inventory) Contradicts(e *raft.Log) bool {
	if e.Index > i.LastIndex() {
		return false
	}
	var own raft.Log
	return i.replica.logs.GetLog(e.Index, &own) == nil && own.Term == e.Term && !bytes.Equal(own.Extensions, e.Extensions)
}

// Contradicted stops this node.
func (i inventory) Contradicted(e *raft.Log) {
	i.replica.fatal(fmt.Errorf("%w: entry %d of term %d is not the one of the leader", store.ErrDamaged, e.Index, e.Term))
}

// Lose has the log show what raft is about to lose without noticing.
func (i inventory) Lose(after, last uint64) { i.replica.tail.Lose(after, last) }

// LogTerm returns the term of an entry of the log; false where the log lacks it.
func (i inventory) LogTerm(index uint64) (term uint64, ok bool) {
	var e raft.Log
	err := i.replica.logs.GetLog(index, &e)
	return e.Term, err == nil
}
