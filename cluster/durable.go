package cluster

import (
	"errors"
	"sync/atomic"

	"github.com/hashicorp/raft"
	"github.com/limitd/limitd/cluster/store"
)

// durable is the state machine as raft drives it: it applies what is on this
// node's disk, and waits for what is not there yet (see store.Deferred).
type durable struct {
	raft.BatchingFSM
	logs  *store.Deferred
	ended atomic.Bool // what came will never be on the disk
}

var _ raft.BatchingFSM = (*durable)(nil)

// Apply plays one record.
func (s *durable) Apply(l *raft.Log) any { return s.ApplyBatch([]*raft.Log{l})[0] }

// ApplyBatch plays records in order. Where they could not be written it gives no
// answers: the process is about to stop.
func (s *durable) ApplyBatch(logs []*raft.Log) []any {
	if s.ended.Load() || s.logs.Await(logs[len(logs)-1].Index) != nil {
		s.ended.Store(true)
		return make([]any, len(logs))
	}
	return s.BatchingFSM.ApplyBatch(logs)
}

// errEnded says that the state is behind what raft takes for applied.
var errEnded = errors.New("cluster: the log could not be written")

// Snapshot returns the present state for raft to persist.
func (s *durable) Snapshot() (raft.FSMSnapshot, error) {
	if s.ended.Load() {
		return nil, errEnded
	}
	return s.BatchingFSM.Snapshot()
}
