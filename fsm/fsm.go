// Package fsm adapts the rules of fsm/limit to hashicorp/raft. (Being written;
// signatures are settled.)
package fsm

import (
	"io"

	"github.com/hashicorp/raft"
	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
)

// Answer is what a record got, true at its index and cluster time. It is what
// raft's ApplyFuture.Response returns.
type Answer struct {
	Result command.Result
	Index  uint64
	Time   int64 // cluster time, ns, after the record
}

// Event tells an observer of one applied record. It is called in log order,
// from raft's FSM goroutine, after the state has moved; it must be quick.
type Event struct {
	Index, Term uint64 // of the raft entry
	Header      command.Header
	Kind        command.Kind
	Result      command.Result
	Time        int64           // cluster time after the record
	NextDue     int64           // cluster time at which a tick is due; -1: none
	Busy        bool            // limit.State.Busy
	Outcomes    []limit.Outcome // waits that the record ended
}

// Observer hears of what was applied and of restored snapshots.
type Observer interface {
	Applied([]Event) // one call a batch
	Restored(s *limit.State)
}

// Config is what an FSM needs.
type Config struct {
	Observer Observer
	// Fatal is called, and must not return, when the log holds what this
	// version cannot apply: a damaged record, an unknown kind, a newer rules version.
	Fatal func(error)
}

// FSM is the state machine that raft drives. It implements raft.FSM and raft.BatchingFSM.
type FSM struct{}

func New(c Config) *FSM { return &FSM{} }

// View calls read with the state, which must neither be kept nor changed.
func (f *FSM) View(read func(*limit.State)) {}

// Digest returns the digest taken by the Verify record at index, waiting for
// it to be computed; false where no such record was applied lately.
func (f *FSM) Digest(index uint64) (sum [32]byte, ok bool) { return sum, false }

func (f *FSM) Apply(l *raft.Log) any               { return nil }
func (f *FSM) ApplyBatch(l []*raft.Log) []any      { return nil }
func (f *FSM) Snapshot() (raft.FSMSnapshot, error) { return nil, nil }
func (f *FSM) Restore(r io.ReadCloser) error       { return nil }
