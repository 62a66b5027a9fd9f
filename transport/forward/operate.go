package forward

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/limitd/limitd/cluster"
)

// Status is what a node tells of itself.
type Status struct {
	AppliedIndex uint64 // the last record that its state has applied
	Time         int64  // cluster time of its state, ns
	Version      string // of limitd
}

// Transfer has the leader hand over to the node named to, "" for any. It
// returns ErrOutcomeUnknown where the hop broke: look who leads. Else
// cluster.ErrNoSuchNode, cluster.ErrNoSuccessor, ErrNoLeader, ErrRefused.
func (n *Node) Transfer(ctx context.Context, to string) error {
	_, err := atLeader(ctx, n, order(frameTransfer, to, false, n.cfg.Operator.Transfer))
	return err
}

// RemoveNode has the leader take the node of that name out of the cluster. A
// node that leaves asks for itself by its own name. It is repeated until it is
// known to be done; errors are cluster.ErrNoSuchNode, cluster.ErrLastVoter,
// cluster.ErrTooFewVoters, ErrNoLeader, ErrRefused and ErrOutcomeUnknown.
func (n *Node) RemoveNode(ctx context.Context, name string) error {
	_, err := atLeader(ctx, n, order(frameRemove, name, true, n.cfg.Operator.RemoveNode))
	if errors.Is(err, ErrOutcomeUnknown) && errors.Is(err, cluster.ErrNoSuchNode) {
		return nil // it is gone: by an earlier try
	}
	return err
}

// SetRole has the leader give the node of that name a vote, or take it away. It
// is repeated until it is known to be done; errors are those of
// cluster.Replica.SetRole, ErrNoLeader, ErrRefused and ErrOutcomeUnknown.
func (n *Node) SetRole(ctx context.Context, name string, role cluster.Role) error {
	kind := framePromote
	if role == cluster.NonVoter {
		kind = frameDemote
	}
	_, err := atLeader(ctx, n, order(kind, name, true, func(ctx context.Context, name string) error {
		return n.cfg.Operator.SetRole(ctx, name, role)
	}))
	return err
}

// Autopilot returns how the members stand, as the leader sees it.
func (n *Node) Autopilot(ctx context.Context) (cluster.Report, error) {
	return atLeader(ctx, n, op[cluster.Report]{
		kind:  frameAutopilot,
		again: true,
		body:  func() [][]byte { return nil },
		local: n.cfg.Operator.Autopilot,
		decode: func(body []byte) (report cluster.Report, err error) {
			err = json.Unmarshal(body, &report)
			return report, err
		},
	})
}

// order is an op that names a node and is answered by nothing.
func order(kind frameKind, name string, again bool, run func(context.Context, string) error) op[struct{}] {
	return op[struct{}]{
		kind:   kind,
		again:  again,
		body:   func() [][]byte { return [][]byte{[]byte(name)} },
		local:  func(ctx context.Context) (struct{}, error) { return struct{}{}, run(ctx, name) },
		decode: func([]byte) (struct{}, error) { return struct{}{}, nil },
	}
}

// Digest returns the digest that node took at the Verify record at index,
// waiting until it has applied it; false where it keeps it no more. It is not
// repeated: any error means that the node did not tell before ctx ended.
func (n *Node) Digest(ctx context.Context, node cluster.Node, index uint64) (sum [32]byte, ok bool, err error) {
	if node.ID == n.cfg.Self {
		return n.cfg.Operator.Digest(ctx, index)
	}
	body, err := n.links.call(ctx, node.Peer, request{kind: frameDigest, body: [][]byte{encodeIndex(index)}})
	if err != nil {
		return sum, false, fmt.Errorf("ask node %s for its digest: %w", node.Name, err)
	}
	return decodeDigest(body)
}

// Digests asks nodes side by side for the digest that they took at the Verify
// record at index. It returns those of the nodes that told it before ctx ended,
// by name, and the names of the others.
func (n *Node) Digests(ctx context.Context, nodes []cluster.Node, index uint64) (digests map[string][32]byte, missing []string) {
	var mu sync.Mutex
	var wait sync.WaitGroup
	digests = make(map[string][32]byte, len(nodes))
	for _, node := range nodes {
		wait.Go(func() {
			sum, ok, err := n.Digest(ctx, node, index)
			mu.Lock()
			defer mu.Unlock()
			if err == nil && ok {
				digests[node.Name] = sum
			} else {
				missing = append(missing, node.Name)
			}
		})
	}
	wait.Wait()
	slices.Sort(missing)
	return digests, missing
}

// Status asks node how far it is. It is not repeated: any error means that the
// node did not tell before ctx ended.
func (n *Node) Status(ctx context.Context, node cluster.Node) (Status, error) {
	if node.ID == n.cfg.Self {
		return status(n.cfg), nil
	}
	body, err := n.links.call(ctx, node.Peer, request{kind: frameStatus})
	if err != nil {
		return Status{}, fmt.Errorf("ask node %s for its status: %w", node.Name, err)
	}
	return decodeStatus(body)
}
