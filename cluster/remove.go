package cluster

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/raft"
)

// RemoveNode takes the node with this name (or id, or peer address) out of the cluster. Its
// entries stay on its disk; it may be started anew and is then taken in again.
// This node must lead: a leader that is to remove itself hands over first and
// returns ErrNotLeader, for the next leader to be asked.
//
// It returns ErrNoSuchNode, ErrSameName, ErrLastVoter and ErrTooFewVoters. Nothing
// else ever removes a node, unless Autopilot.Cleanup is set.
func (r *Replica) RemoveNode(ctx context.Context, name string) error {
	t, err := r.leading(ctx)
	if err != nil {
		return err
	}
	n, err := r.nodeNamed(name)
	if err != nil {
		return err
	}
	if n.Role == Voter {
		if err := spared(n, r.Nodes(), r.cfg.Autopilot.LastContact); err != nil {
			return err
		}
	}
	if n.ID == r.ID() {
		if err := r.Transfer(ctx, ""); err != nil {
			return err
		}
		return fmt.Errorf("%w: it handed over in order to be removed", ErrNotLeader)
	}
	return t.remove(ctx, n)
}

// remove takes n, another node, out of the cluster.
func (t *tenure) remove(ctx context.Context, n Node) error {
	r := t.r
	r.noteRemovals() // so that its absence will be noticed, however new it is
	f := r.raft.RemoveServer(raft.ServerID(n.ID), 0, changeTimeout)
	if err := t.r.await(ctx, f); err != nil {
		return fmt.Errorf("remove %q: %w", cmp.Or(n.Name, n.ID), classify(err))
	}
	t.farewell(n, f.Index())
	r.log.Info("membership", "change", "removed", "id", n.ID, "name", n.Name)
	r.membership.notify()
	return nil
}

// spared tells whether the voters that are left without n can go on: a majority
// of them must have answered within the last while. The change itself takes a
// majority of them, so that one which lacks it could not be undone either.
func spared(n Node, members []Node, while time.Duration) error {
	var left int
	var silent []string
	for _, m := range members {
		if m.Role != Voter || m.ID == n.ID {
			continue
		}
		left++
		if m.LastContact < 0 || m.LastContact > while {
			silent = append(silent, strconv.Quote(cmp.Or(m.Name, m.ID)))
		}
	}
	switch answer := left - len(silent); {
	case left == 0:
		return fmt.Errorf("%w: %q", ErrLastVoter, cmp.Or(n.Name, n.ID))
	case answer <= left/2:
		return fmt.Errorf("%w: without %q, %d of %d would answer; bring %s back first, or remove what is gone for good",
			ErrTooFewVoters, cmp.Or(n.Name, n.ID), answer, left, strings.Join(silent, ", "))
	}
	return nil
}

// farewell sends a removed node the entry by which it was removed, at index.
// raft tries that too, but not where another request to the node was on its
// way; the node would then not know, and seek votes until it is stopped. To
// raft there this is one more AppendEntries of the leader.
func (t *tenure) farewell(n Node, index uint64) {
	r, id := t.r, raft.ServerID(n.ID)
	from := index
	if p, ok := r.links.peer(id, t.term); ok && p.match > 0 && p.match < index {
		from = p.match + 1
	}
	if index-from >= uint64(r.cfg.Raft.MaxAppend) {
		return // it is far behind, or dead; it will say that it finds no leader
	}
	var before raft.Log
	if err := r.logs.GetLog(from-1, &before); err != nil {
		return
	}
	self := r.links.EncodePeer("", r.links.local)
	req := &raft.AppendEntriesRequest{
		RPCHeader: raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte(r.ID()), Addr: self},
		Term:      t.term, PrevLogEntry: before.Index, PrevLogTerm: before.Term, LeaderCommitIndex: index,
	}
	for i := from; i <= index; i++ {
		e := new(raft.Log)
		if err := r.logs.GetLog(i, e); err != nil {
			return
		}
		req.Entries = append(req.Entries, e)
	}
	if err := r.links.AppendEntries(id, raft.ServerAddress(n.Peer), req, new(raft.AppendEntriesResponse)); err != nil {
		r.log.Debug("the removed node was not told", "name", n.Name, "err", err)
	}
}

// Leave takes this node out of the cluster where it leads, else it returns
// ErrNotLeader: then the leader's RemoveNode with this node's name does it.
func (r *Replica) Leave(ctx context.Context) error { return r.RemoveNode(ctx, r.cfg.Node.Name) }
