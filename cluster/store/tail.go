package store

import (
	"errors"
	"sync"

	"github.com/hashicorp/raft"
)

// Tail is a log whose end may be gone while raft believes in it.
//
// raft keeps the index of its log's last entry in memory, and goes on with it where
// a leader's snapshot was installed and the log emptied (raft 1.7.3, and any log that
// takes no gaps). Where the log was longer than the snapshot, and led elsewhere, that
// index is of an entry that is gone. raft then looks for its own entries behind the
// snapshot, to compare them with its leader's, does not find them, and refuses the
// leader's, for ever. And were it elected, it would append behind that index, and
// leave a gap.
//
// So the lost entries are shown as entries of no term: they are others than the
// leader's, and give way. With the first entry that is stored raft is right again;
// until then the node must not stand for election (Lost).
type Tail struct {
	raft.LogStore

	mu          sync.Mutex
	after, last uint64 // guarded by mu; the entries in between were lost, or soon are; last 0: none
}

// NewTail returns a log over below.
func NewTail(below raft.LogStore) *Tail { return &Tail{LogStore: below} }

// Lose is told that raft is about to install a snapshot up to the entry after, and
// believes its log to end at last.
func (t *Tail) Lose(after, last uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if last <= after {
		last = 0
	}
	t.after, t.last = after, last
}

// Lost tells whether raft believes in entries that are gone.
func (t *Tail) Lost() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.last == 0 {
		return false
	}
	last, err := t.LastIndex()
	return err == nil && last < t.last
}

// GetLog reads an entry; a lost one has no term.
func (t *Tail) GetLog(index uint64, into *raft.Log) error {
	err := t.LogStore.GetLog(index, into)
	if !errors.Is(err, raft.ErrLogNotFound) {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if index <= t.after || index > t.last {
		return err
	}
	*into = raft.Log{Index: index}
	return nil
}

// StoreLog stores one entry.
func (t *Tail) StoreLog(e *raft.Log) error { return t.StoreLogs([]*raft.Log{e}) }

// StoreLogs stores entries, behind which raft goes on.
func (t *Tail) StoreLogs(entries []*raft.Log) error {
	if err := t.LogStore.StoreLogs(entries); err != nil {
		return err
	}
	t.Lose(0, 0)
	return nil
}

// DeleteRange deletes entries, both ends included. Of lost ones nothing is left.
func (t *Tail) DeleteRange(first, last uint64) error {
	if end, err := t.LastIndex(); err != nil || end < first {
		return err
	}
	return t.LogStore.DeleteRange(first, last)
}

// IsMonotonic tells whether the log below takes no gaps.
func (t *Tail) IsMonotonic() bool {
	m, ok := t.LogStore.(raft.MonotonicLogStore)
	return ok && m.IsMonotonic()
}
