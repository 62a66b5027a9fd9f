package cluster

import (
	"context"
	"fmt"

	"github.com/hashicorp/raft"
)

// RemoveNode takes the node with this name (or id) out of the cluster. Its
// entries stay on its disk; it may be started anew and is then taken in again.
// This node must lead: a leader that is to remove itself hands over first and
// returns ErrNotLeader, for the next leader to be asked.
//
// It returns ErrNoSuchNode and ErrLastVoter. Nothing else ever removes a node:
// not gossip, not time.
func (r *Replica) RemoveNode(ctx context.Context, name string) error {
	t, err := r.leading(ctx)
	if err != nil {
		return err
	}
	n, err := r.nodeNamed(name)
	if err != nil {
		return fmt.Errorf("%w: %q", err, name)
	}
	if n.Role == Voter && r.voters() == 1 {
		return fmt.Errorf("%w: %q", ErrLastVoter, name)
	}
	if n.ID == r.ID() {
		if err := r.Transfer(ctx, ""); err != nil {
			return err
		}
		return fmt.Errorf("%w: it handed over in order to be removed", ErrNotLeader)
	}
	r.noteMembers() // so that its absence will be noticed, however new it is
	if err := t.r.await(ctx, r.raft.RemoveServer(raft.ServerID(n.ID), 0, changeTimeout)); err != nil {
		return fmt.Errorf("remove %q: %w", name, classify(err))
	}
	r.log.Info("membership", "change", "removed", "id", n.ID, "name", n.Name)
	r.membership.notify()
	return nil
}

// Leave takes this node out of the cluster where it leads, else it returns
// ErrNotLeader: then the leader's RemoveNode with this node's name does it.
func (r *Replica) Leave(ctx context.Context) error { return r.RemoveNode(ctx, r.cfg.Node.Name) }
