package cluster

import (
	"errors"
	"fmt"

	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
	"github.com/limitd/limitd/cluster/store"
)

// The keys under which raft keeps its term and vote.
const (
	keyTerm     = "CurrentTerm"
	keyVoteTerm = "LastVoteTerm"
)

// prepare readies what the disk holds for raft, and reads what this node knows
// of itself and its cluster.
func (r *Replica) prepare(logs raft.LogStore) error {
	if err := r.identity.load(r.cfg.Stores); err != nil {
		return err
	}
	promise, err := r.cfg.Stores.Promise()
	if err != nil {
		return err
	}
	r.promise.Store(promise)
	if r.session, err = store.NewID(r.cfg.Rand); err != nil {
		return err
	}
	if err := r.emptyStaleLog(logs); err != nil {
		return err
	}
	return r.redoBootstrap(logs)
}

// emptyStaleLog removes what the log has from before the newest snapshot, unless
// the two fit together: where that snapshot came from a leader, a crash may have
// come before the log was emptied (see store.Logs.IsMonotonic).
func (r *Replica) emptyStaleLog(logs raft.LogStore) error {
	snapshots, err := r.cfg.Stores.Snapshot.List()
	if err != nil {
		return fmt.Errorf("list the snapshots: %w", err)
	}
	first, ferr := logs.FirstIndex()
	last, lerr := logs.LastIndex()
	if err := errors.Join(ferr, lerr); err != nil {
		return fmt.Errorf("read the log: %w", err)
	}
	if len(snapshots) == 0 || first == 0 || snapshots[0].Index < first {
		return nil
	}
	var e raft.Log
	newest := snapshots[0]
	switch err := logs.GetLog(newest.Index, &e); {
	case err == nil && e.Term == newest.Term:
		return nil
	case errors.Is(err, raft.ErrLogNotFound):
		last = min(last, newest.Index)
	case err != nil:
		return fmt.Errorf("read the log: %w", err)
	}
	r.log.Info("removed entries from before the newest snapshot, which they do not lead to", "from", first, "to", last, "snapshot", newest.Index)
	if err := logs.DeleteRange(first, last); err != nil {
		return fmt.Errorf("remove old entries: %w", err)
	}
	return nil
}

// redoBootstrap undoes half a bootstrap. raft writes term 1, then the first
// entry; a crash in between leaves a node that believes to have state and never
// gets any. Term 1 without log, snapshot and vote comes of nothing else.
func (r *Replica) redoBootstrap(logs raft.LogStore) error {
	stable := r.guard.Stable()
	term, err := optional(stable.GetUint64([]byte(keyTerm)))
	if err != nil || term != 1 {
		return err
	}
	vote, err := optional(stable.GetUint64([]byte(keyVoteTerm)))
	if err != nil || vote != 0 {
		return err
	}
	last, err := logs.LastIndex()
	if err != nil {
		return fmt.Errorf("read the log: %w", err)
	}
	snapshots, err := r.cfg.Stores.Snapshot.List()
	if err != nil {
		return fmt.Errorf("list the snapshots: %w", err)
	}
	if last > 0 || len(snapshots) > 0 {
		return nil
	}
	r.log.Info("an earlier start was cut short while it formed the cluster: once more")
	return stable.SetUint64([]byte(keyTerm), 0)
}

// optional turns the error of a missing key into a zero value.
func optional(v uint64, err error) (uint64, error) {
	if errors.Is(err, raftboltdb.ErrKeyNotFound) {
		return 0, nil
	}
	return v, err
}
