package cluster

import (
	"errors"
	"fmt"

	"github.com/hashicorp/raft"
)

// What a call on a Replica can end in. ErrNotLeader, ErrNoLeader, ErrOverloaded, ErrTooBig
// and ErrShutdown are definite: nothing was proposed. ErrOutcomeUnknown is not: the
// record may have been run or may yet be; the same record under the same id
// finds out.
var (
	// ErrNotLeader says that another node leads, or that this one is handing over.
	ErrNotLeader = errors.New("cluster: this node does not lead")
	// ErrNoLeader says that no leader is known.
	ErrNoLeader = errors.New("cluster: no leader is known")
	// ErrOutcomeUnknown wraps what went wrong after the record was proposed.
	ErrOutcomeUnknown = errors.New("cluster: the outcome is unknown")
	// ErrShutdown says that this node is stopping.
	ErrShutdown = errors.New("cluster: this node is shutting down")
	// ErrOverloaded says that too many records wait for their turn.
	ErrOverloaded = errors.New("cluster: too many requests are under way at the leader")
	// ErrTooBig says that a record exceeds command.MaxSize.
	ErrTooBig = errors.New("cluster: the record is too big")
	// ErrNoSuchNode says that no node has this name.
	ErrNoSuchNode = errors.New("cluster: no such node")
	// ErrSameName says that several nodes have this name: the id tells them apart.
	ErrSameName = errors.New("cluster: several nodes have this name: give the id")
	// ErrRole says that a node's role cannot be what was asked for.
	ErrRole = errors.New("cluster: the role is not changed")
	// ErrLastVoter says that a cluster cannot do without its last voter.
	ErrLastVoter = errors.New("cluster: this is the cluster's only voter")
	// ErrTooFewVoters says that without a node too few of the voters would be
	// there to agree on anything.
	ErrTooFewVoters = errors.New("cluster: too few voters would be left")
	// ErrRulesBehind says that not every member knows the rules that the operation
	// takes yet: nodes of an older version are among them.
	ErrRulesBehind = errors.New("cluster: not every member of the cluster knows this operation yet")
	// ErrNoSuccessor says that nobody, or not the node named, can take the
	// leadership over.
	ErrNoSuccessor = errors.New("cluster: the leadership cannot be handed over")
)

// unknown marks err as the end of a call whose record was proposed.
func unknown(err error) error { return fmt.Errorf("%w: %w", ErrOutcomeUnknown, err) }

// classify turns an error of raft's future into one of this package. raft
// answers the first group before the entry reaches the log; anything else may
// have been committed.
func classify(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, raft.ErrNotLeader), errors.Is(err, raft.ErrLeadershipTransferInProgress):
		return fmt.Errorf("%w: %w", ErrNotLeader, err)
	case errors.Is(err, raft.ErrEnqueueTimeout):
		return err
	}
	return unknown(err)
}
