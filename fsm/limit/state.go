// Package limit holds the rules of limitd as a pure function of state and
// command: limits, leases, the queue, decay, cluster time, and what is
// remembered of requests. (Being written; signatures are settled.)
package limit

import (
	"io"

	"github.com/limitd/limitd/fsm/command"
)

// State is the replicated state. It is not safe for concurrent use.
type State struct{}

// Applied is what one record did.
type Applied struct {
	Result   command.Result
	Outcomes []Outcome
}

// Outcome is the end of a wait, made by any record.
type Outcome struct {
	ID     string
	Age    uint64
	Result command.Result // *Granted, *Denied (Expired) or *Problem
}

// New returns the state before the first record.
func New() *State { return &State{} }

// Apply plays the record that stands at index in the log under term.
func (s *State) Apply(index, term uint64, c command.Command) Applied { panic("being written") }

func (s *State) Time() int64                                               { return 0 }          // cluster time, ns
func (s *State) Index() uint64                                             { return 0 }          // of the last record
func (s *State) Term() uint64                                              { return 0 }          // of the newest stamp that was heeded
func (s *State) ClusterID() [16]byte                                       { return [16]byte{} } // zero before Genesis
func (s *State) Settings() command.Settings                                { return command.Settings{} }
func (s *State) Rules() uint64                                             { return 0 }
func (s *State) Counts() Counts                                            { return Counts{} }
func (s *State) NextDue() (at int64, ok bool)                              { return 0, false } // cluster time at which a tick is due; may be past (tick at once)
func (s *State) Busy() bool                                                { return false }    // leases, waiters or non-empty decaying limits exist
func (s *State) Limit(name string) (command.Limit, bool)                   { return command.Limit{}, false }
func (s *State) Lease(token uint64) (Lease, bool)                          { return Lease{}, false }
func (s *State) Similar(name string) []string                              { return nil }        // up to 3 existing names, for hints
func (s *State) Limits(f LimitFilter, after string, n int) []command.Limit { return nil }        // by name, those > after
func (s *State) Holders(name string, after uint64, n int) ([]Holder, bool) { return nil, false } // by token; false: no such limit
func (s *State) Queue(name string, after uint64, n int) ([]Waiter, bool)   { return nil, false } // by age; false: no such limit
func (s *State) Leases(f LeaseFilter, after uint64, n int) []Lease         { return nil }        // by token
func (s *State) Explain(entries []command.Entry) Explanation               { return Explanation{} }
func (s *State) Acquire(id string) (command.Result, bool)                  { return nil, false } // *Granted, *Waiting, *Denied or *Problem
func (s *State) Snapshot() *Snapshot                                       { return nil }        // O(1); the state may go on being applied to
func Restore(r io.Reader) (*State, error)                                  { return nil, nil }

// Snapshot is the state at one record, safe to read while Apply goes on.
type Snapshot struct{}

func (s *Snapshot) Write(w io.Writer) error { return nil }
func (s *Snapshot) Digest() [32]byte        { return [32]byte{} }
