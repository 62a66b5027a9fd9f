package daemon

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/limitd/limitd/cluster"
	"github.com/limitd/limitd/fsm"
	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
	"github.com/limitd/limitd/transport/forward"
	"github.com/limitd/limitd/transport/httpapi"
	"github.com/limitd/limitd/transport/wire"
)

// backend gives the HTTP API what it runs on: this node, wherever the leader is.
type backend struct{ node *forward.Node }

// Run has cmd applied exactly once for its id (forward.Node.Run).
func (b backend) Run(ctx context.Context, cmd command.Command, hold time.Duration) (fsm.Answer, error) {
	return b.node.Run(ctx, cmd, hold)
}

// Read calls read with the state as it is now, or as this node has it.
func (b backend) Read(ctx context.Context, stale bool, read func(*limit.State)) (httpapi.Position, error) {
	at, err := b.node.Read(ctx, stale, read)
	return httpapi.Position(at), err
}

// prefectBackend gives the Prefect API what it runs on.
type prefectBackend struct {
	node    *forward.Node
	replica *cluster.Replica
}

// Run has cmd applied exactly once for its id (forward.Node.Run).
func (b prefectBackend) Run(ctx context.Context, cmd command.Command, hold time.Duration) (fsm.Answer, error) {
	return b.node.Run(ctx, cmd, hold)
}

// Read calls read with the state as it is now.
func (b prefectBackend) Read(ctx context.Context, read func(*limit.State)) error {
	_, err := b.node.Read(ctx, false, read)
	return err
}

// ReadAt calls read with a state of this node that has applied the record at
// index.
func (b prefectBackend) ReadAt(ctx context.Context, index uint64, read func(*limit.State)) error {
	if err := b.replica.AwaitApplied(ctx, index); err != nil {
		return fmt.Errorf("wait until this node has applied record %d: %w", index, err)
	}
	b.replica.View(read)
	return nil
}

// snapshots saves and restores the whole state through the HTTP API.
type snapshots struct {
	node    *forward.Node
	replica *cluster.Replica
}

// Save writes the state as it is now to w, without stalling anybody: all that was
// answered before Save was called is in it.
func (s snapshots) Save(ctx context.Context, w io.Writer) error {
	if err := s.node.Refresh(ctx); err != nil {
		return err
	}
	return s.replica.Freeze().Write(w)
}

// Restore has the leader replace the cluster's state by the snapshot in r.
func (s snapshots) Restore(ctx context.Context, r io.Reader, longestTTL time.Duration) error {
	return s.node.Restore(ctx, r, longestTTL)
}

// operations are what the API's routes about the cluster do.
type operations struct {
	name    string // of this node
	replica *cluster.Replica
	node    *forward.Node
}

// askTimeout bounds how long the other nodes are asked how they are.
const askTimeout = 300 * time.Millisecond

// Status tells of the cluster as this node knows it, and asks the nodes that it
// believes alive how far they are.
func (o *operations) Status(ctx context.Context) (wire.Cluster, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	var c wire.Cluster
	o.replica.View(func(s *limit.State) {
		c.Time, c.Rules = fmt.Sprint(s.Time()), s.Rules()
	})
	c.Term = o.replica.Status().Term // raft's: that of the state is a backup's, or 0, before a record
	c.ClusterID = wire.UUID(o.replica.ClusterID())
	nodes := o.replica.Nodes()
	c.Nodes = make([]wire.Node, len(nodes))
	var asked sync.WaitGroup
	for i, n := range nodes {
		c.Nodes[i] = describe(n)
		if n.Leader {
			c.Leader = n.Name
		}
		if n.Alive {
			asked.Go(func() { o.ask(ctx, n, &c.Nodes[i]) })
		}
	}
	asked.Wait()
	return c, nil
}

// ask completes what is known of n by what it says itself.
func (o *operations) ask(ctx context.Context, n cluster.Node, into *wire.Node) {
	status, err := o.node.Status(ctx, n)
	if err != nil {
		into.State = wire.StateUnknown
		return
	}
	into.AppliedIndex, into.Version = max(into.AppliedIndex, status.AppliedIndex), status.Version
}

func describe(n cluster.Node) wire.Node {
	w := wire.Node{
		ID: n.ID, Name: n.Name, HTTP: n.HTTP, Peer: n.Peer, Role: string(n.Role), State: wire.StateFollower,
		Alive: n.Alive, Version: n.Version, AppliedIndex: n.Applied,
	}
	switch {
	case n.Leader:
		w.State = wire.StateLeader
	case !n.Alive:
		w.State = wire.StateUnknown
	}
	if n.LastContact >= 0 {
		w.LastContact = wire.Duration(n.LastContact).Ptr()
	}
	return w
}

// Digests asks every node for its digest at the record at index.
func (o *operations) Digests(ctx context.Context, index uint64) (map[string]string, []string, error) {
	nodes := o.replica.Nodes()
	sums := make([]string, len(nodes))
	var asked sync.WaitGroup
	for i, n := range nodes {
		asked.Go(func() {
			if sum, ok, err := o.node.Digest(ctx, n, index); err == nil && ok {
				sums[i] = hex.EncodeToString(sum[:])
			}
		})
	}
	asked.Wait()
	digests, missing := map[string]string{}, []string{}
	for i, label := range cluster.Labels(nodes) {
		if sums[i] == "" {
			missing = append(missing, label)
		} else {
			digests[label] = sums[i]
		}
	}
	return digests, missing, nil
}

// Transfer hands the leadership to the named node, "" for any.
func (o *operations) Transfer(ctx context.Context, to string) error { return o.node.Transfer(ctx, to) }

// Leave takes this node out of the cluster.
func (o *operations) Leave(ctx context.Context) error { return o.node.RemoveNode(ctx, o.name) }

// Remove takes the named node out of the cluster.
func (o *operations) Remove(ctx context.Context, name string) error {
	return o.node.RemoveNode(ctx, name)
}

// failure pairs an error of the rooms below with the code that callers see.
type failure struct {
	err  error
	code wire.Code
}

// failures is the table by which errors get their code. The first match
// counts: an unknown outcome wraps its cause.
func failures() []failure {
	return []failure{
		{forward.ErrOutcomeUnknown, wire.CodeOutcomeUnknown},
		{cluster.ErrOutcomeUnknown, wire.CodeOutcomeUnknown},
		{forward.ErrNoLeader, wire.CodeNoLeader},
		{cluster.ErrNoLeader, wire.CodeNoLeader},
		{cluster.ErrNotLeader, wire.CodeNoLeader},
		{forward.ErrOverloaded, wire.CodeOverloaded},
		{cluster.ErrOverloaded, wire.CodeOverloaded},
		{forward.ErrClosed, wire.CodeShuttingDown},
		{cluster.ErrShutdown, wire.CodeShuttingDown},
		{cluster.ErrTooBig, wire.CodeBodyTooLarge},
		{cluster.ErrNoSuchNode, wire.CodeNodeNotFound},
		{cluster.ErrLastVoter, wire.CodeMembershipRefused},
		{cluster.ErrTooFewVoters, wire.CodeMembershipRefused},
		{cluster.ErrNoSuccessor, wire.CodeMembershipRefused},
		{cluster.ErrSameName, wire.CodeMembershipRefused},
		{cluster.ErrRole, wire.CodeMembershipRefused},
		{cluster.ErrRulesBehind, wire.CodeNotInForce},
		{forward.ErrRefused, wire.CodeMembershipRefused},
	}
}

// classify names the code of an error; "" where the table lacks it.
func classify(err error) wire.Code {
	for _, f := range failures() {
		if errors.Is(err, f.err) {
			return f.code
		}
	}
	return ""
}

// late is a cluster id whose source is known only once the replica runs; the
// peer port, which the replica needs, asks for it from the start.
type late struct {
	source atomic.Pointer[func() [16]byte]
}

func (l *late) set(source func() [16]byte) { l.source.Store(&source) }

func (l *late) get() [16]byte {
	if source := l.source.Load(); source != nil {
		return (*source)()
	}
	return [16]byte{}
}
