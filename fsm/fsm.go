// Package fsm adapts the rules of fsm/limit to hashicorp/raft: it decodes
// records, applies them in batches under one lock, tells an observer, takes
// snapshots that do not stall Apply, and digests at the records that ask for
// one.
//
// It promises that a record which this version cannot apply (damaged, of an
// unknown kind, under newer rules) stops the node before it changes anything:
// it is never skipped.
//
//	machine := fsm.New(fsm.Config{Observer: replica, Fatal: stop})
//	r, err := raft.NewRaft(conf, machine, logs, stable, snaps, transport)
//	machine.View(func(s *limit.State) { l, ok = s.Limit("db") })
package fsm

import (
	"errors"
	"fmt"
	"io"
	"sync"

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

// Event tells an observer of one applied record.
type Event struct {
	Index, Term uint64 // of the raft entry
	Header      command.Header
	Kind        command.Kind
	Result      command.Result
	Time        int64           // cluster time after the record
	NextDue     int64           // cluster time at which a tick is due, seen from the end of the batch; -1: none
	Busy        bool            // limit.State.Busy, seen from the end of the batch
	Outcomes    []limit.Outcome // waits that the record ended
	Expired     int             // leases whose time ran out before it
}

// Observer hears of what was applied, in log order, from raft's FSM goroutine,
// after the state has moved: it must be quick, and may call View.
type Observer interface {
	// Applied is called once a batch. The events are the observer's to keep.
	Applied([]Event)
	// Restored is called after a snapshot took the state's place. The state
	// must neither be kept nor changed.
	Restored(*limit.State)
}

// Config is what an FSM needs.
type Config struct {
	Observer Observer
	// Fatal is called, and must not return, when the log holds what this
	// version cannot apply.
	Fatal func(error)
}

// FSM is the state machine that raft drives. It implements raft.FSM and
// raft.BatchingFSM.
type FSM struct {
	config  Config
	digests digests

	mu    sync.RWMutex // guards state: Apply writes, View reads
	state *limit.State
}

var _ raft.BatchingFSM = (*FSM)(nil)

// New returns an FSM before its first record.
func New(c Config) *FSM {
	return &FSM{config: c, digests: newDigests(), state: limit.New()}
}

// Close waits for digests that are being computed.
func (f *FSM) Close() { f.digests.close() }

// View calls read with the state, which must neither be kept nor changed.
// Apply waits meanwhile: read little, or in pages.
func (f *FSM) View(read func(*limit.State)) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	read(f.state)
}

// Apply plays one record. It returns an Answer.
func (f *FSM) Apply(l *raft.Log) any { return f.ApplyBatch([]*raft.Log{l})[0] }

// ApplyBatch plays records in order. It returns an Answer for each, and nil for
// entries that are raft's own.
func (f *FSM) ApplyBatch(logs []*raft.Log) []any {
	answers := make([]any, len(logs))
	events := make([]Event, 0, len(logs))
	f.mu.Lock()
	for i, l := range logs {
		if l.Type == raft.LogCommand {
			e := f.apply(l)
			events = append(events, e)
			answers[i] = Answer{Result: e.Result, Index: e.Index, Time: e.Time}
		}
	}
	f.closeBatch(events)
	f.mu.Unlock()
	if len(events) > 0 {
		f.config.Observer.Applied(events)
	}
	return answers
}

// apply plays one record; f.mu is held.
func (f *FSM) apply(l *raft.Log) Event {
	c, err := command.Decode(l.Data)
	if err == nil {
		err = f.refuse(c)
	}
	if err != nil {
		f.config.Fatal(fmt.Errorf("log entry %d of term %d cannot be applied: %w", l.Index, l.Term, err))
		panic("fsm: Fatal returned")
	}
	a := f.state.Apply(l.Index, l.Term, c)
	if c.Op.Kind() == command.KindVerify {
		f.digests.take(f.state.Snapshot())
	}
	return Event{
		Index: l.Index, Term: l.Term, Header: c.Header, Kind: c.Op.Kind(),
		Result: a.Result, Time: f.state.Time(), Outcomes: a.Outcomes, Expired: a.Expired,
	}
}

// refuse returns why a record must stop this node: it brings rules that this
// version does not know (semantics.md T8).
func (f *FSM) refuse(c command.Command) error {
	version := uint64(0)
	switch op := c.Op.(type) {
	case *command.Genesis:
		version = op.Rules
	case *command.SetRules:
		version = op.Version
	}
	if version > limit.Rules {
		return fmt.Errorf("%w: rules version %d comes into force, and this one knows %d", limit.ErrNewer, version, limit.Rules)
	}
	return nil
}

func (f *FSM) closeBatch(events []Event) {
	if len(events) == 0 {
		return
	}
	due, ok := f.state.NextDue()
	if !ok {
		due = -1
	}
	busy := f.state.Busy()
	for i := range events {
		events[i].NextDue, events[i].Busy = due, busy
	}
}

// Snapshot returns the present state for raft to persist, in constant time.
func (f *FSM) Snapshot() (raft.FSMSnapshot, error) { return snapshot{f.Freeze()}, nil }

// Freeze returns the present state, to be read or written while records go on
// being applied. It takes constant time.
func (f *FSM) Freeze() *limit.Snapshot {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.state.Snapshot()
}

// Restore puts a snapshot in the state's place. A damaged one is an error; one
// of a newer version stops the node.
func (f *FSM) Restore(r io.ReadCloser) error {
	defer r.Close()
	state, err := limit.Restore(r)
	if errors.Is(err, limit.ErrNewer) {
		f.config.Fatal(err)
	}
	if err != nil {
		return err
	}
	f.mu.Lock()
	f.state = state
	f.mu.Unlock()
	f.View(f.config.Observer.Restored)
	return nil
}

// snapshot persists a frozen state.
type snapshot struct{ frozen *limit.Snapshot }

// Persist writes the snapshot to sink.
func (s snapshot) Persist(sink raft.SnapshotSink) error {
	if err := s.frozen.Write(sink); err != nil {
		return errors.Join(err, sink.Cancel())
	}
	return sink.Close()
}

// Release does nothing: the garbage collector frees what is no longer shared.
func (s snapshot) Release() {}

// Digest returns the digest that the Verify record at index asked for, once it
// is computed; false where no such record was applied lately. wait ends the
// waiting: it is a context's Done channel, or nil.
func (f *FSM) Digest(index uint64, wait <-chan struct{}) (sum [32]byte, ok bool) {
	return f.digests.get(index, wait)
}
