package cluster

import (
	"encoding/hex"
	"errors"
	"io"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/limitd/limitd/cluster/store"
)

// Remains is what a node that does not run has of its cluster.
type Remains struct {
	NodeID    string
	ClusterID [16]byte
	Index     uint64 // of the last entry
	Term      uint64 // of that
	Members   []Node // as far as raft knows them: ID, Peer and Role

	Limits, Leases, Waiters int
	LongestTTL              time.Duration // of the leases
}

// ErrAlone says that a node needs no recovery: nobody else has a vote.
var ErrAlone = errors.New("cluster: this node is the only voter already: start it")

// Inspect reads what the stores of a node that does not run hold, all of it, and
// changes nothing. It returns store.ErrDamaged where not all can be read.
func Inspect(s *store.Stores, log hclog.Logger) (Remains, error) {
	return (&salvage{stores: s, log: log}).run(false)
}

// Recover makes the node whose stores these are, and which does not run, the only
// voter of a cluster that goes on with its state: for a cluster most of whose
// voters are lost for good. The node is started afterwards, and others join it
// with empty data directories.
//
// All entries that the node has are taken for agreed to. What the lost majority
// agreed to beyond them is lost; so the tokens go on 2^40 further, and the cluster
// has a new id, made of bytes from random: should a node of before come back, it
// belongs to another cluster, and neither side hears the other (streams.go).
//
// The id is kept first. A crash in between leaves a node that is cut off from the
// old cluster, and Recover does the same again.
//
// self is the node's peer address, where it is not a member any more.
func Recover(s *store.Stores, self string, random io.Reader, log hclog.Logger) (Remains, error) {
	before, err := Inspect(s, log)
	if err != nil {
		return before, err
	}
	voters := 0
	for _, m := range before.Members {
		if m.Role == Voter {
			voters++
		}
		if m.ID == s.ID {
			self = m.Peer
		}
	}
	if len(before.Members) == 1 && voters == 1 && before.Members[0].ID == s.ID {
		return before, ErrAlone
	}
	v := &salvage{stores: s, log: log, self: self}
	if err := randomID(random, &v.id); err != nil {
		return before, err
	}
	if err := s.SetClusterID(hex.EncodeToString(v.id[:])); err != nil {
		return before, err
	}
	return v.run(true)
}
