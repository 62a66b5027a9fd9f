package cluster

import (
	"context"
	"fmt"

	"github.com/hashicorp/raft"
)

// SetRole gives the node with this name (or id, or peer address) a vote, or takes
// it away; nothing is done where it stands so already. This node must lead: a
// leader that is to lose its own vote hands over first and returns ErrNotLeader,
// for the next leader to be asked.
//
// What a node's configuration says of its role is not changed. By it a node that
// joins is given a vote or not, so that one whose role is voter cannot be demoted:
// it would be given its vote back. One whose role is nonvoter keeps the vote that
// it is given here until it is demoted or removed.
//
// It returns ErrNoSuchNode, ErrSameName, ErrRole, ErrLastVoter and ErrTooFewVoters.
func (r *Replica) SetRole(ctx context.Context, name string, role Role) error {
	t, err := r.leading(ctx)
	if err != nil {
		return err
	}
	n, err := r.nodeNamed(name)
	if err != nil {
		return err
	}
	switch {
	case role == NonVoter:
		return t.demote(ctx, n)
	case n.Role == Voter:
		return nil
	}
	return t.promote(ctx, n)
}

// promote gives n a vote, if it could use it at once.
func (t *tenure) promote(ctx context.Context, n Node) error {
	members := t.health()
	m := t.roster(members)
	k, known := m.member(n.ID)
	for _, h := range members {
		if h.ID == n.ID && !h.Healthy {
			return fmt.Errorf("%w: %q would vote at once, and %s: try again when it does", ErrRole, n.Name, h.Why)
		}
	}
	if known && k.Rules < m.rules {
		return fmt.Errorf("%w: %q knows rules up to version %d, and %d is in force: upgrade it", ErrRole, n.Name, k.Rules, m.rules)
	}
	return t.vote(ctx, n, "promoted by an operator", t.r.raft.AddVoter(raft.ServerID(n.ID), raft.ServerAddress(n.Peer), 0, changeTimeout))
}

// demote takes n's vote away, if it will not be given back and the others can go
// on without. A node that is about to be given its first vote is refused as well.
func (t *tenure) demote(ctx context.Context, n Node) error {
	r := t.r
	k, known := t.roster(nil).member(n.ID)
	switch {
	case n.Role == NonVoter && (!known || !k.Alive || k.NonVoter):
		return nil
	case !known || !k.Alive:
		return fmt.Errorf("%w: %q is not there: remove it, if it is gone for good", ErrRole, n.Name)
	case !k.NonVoter:
		return fmt.Errorf(`%w: the role of %q is voter by its configuration, and so it would be given its vote, or given it back: set role = "nonvoter" in its cluster block, restart it, and demote it then`, ErrRole, n.Name)
	}
	if err := spared(n, r.Nodes(), r.cfg.Autopilot.LastContact); err != nil {
		return err
	}
	if n.ID == r.ID() {
		if err := r.Transfer(ctx, ""); err != nil {
			return err
		}
		return fmt.Errorf("%w: it handed over in order to be demoted", ErrNotLeader)
	}
	return t.vote(ctx, n, "demoted by an operator", r.raft.DemoteVoter(raft.ServerID(n.ID), 0, changeTimeout))
}

// vote waits for a change of n's vote.
func (t *tenure) vote(ctx context.Context, n Node, change string, f raft.Future) error {
	if err := t.r.await(ctx, f); err != nil {
		return fmt.Errorf("change the role of %q: %w", n.Name, classify(err))
	}
	t.r.log.Info("membership", "change", change, "id", n.ID, "name", n.Name)
	t.r.membership.notify()
	return nil
}
