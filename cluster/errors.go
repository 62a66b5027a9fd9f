package cluster

import (
	"errors"
	"fmt"

	"github.com/hashicorp/raft"
)

// What a call on a Replica can end in. ErrNotLeader, ErrNoLeader, ErrTooBig and
// ErrShutdown are definite: nothing was proposed. ErrOutcomeUnknown is not: the
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
	// ErrTooBig says that a record exceeds command.MaxSize.
	ErrTooBig = errors.New("cluster: the record is too big")
	// ErrNoSuchNode says that no node has this name.
	ErrNoSuchNode = errors.New("cluster: no such node")
	// ErrLastVoter says that a cluster cannot do without its last voter.
	ErrLastVoter = errors.New("cluster: this is the cluster's only voter")
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
