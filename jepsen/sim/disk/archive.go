package disk

import (
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// Place is where an entry stands: of one index and term there is one entry only.
type Place struct{ Index, Term uint64 }

// Birth is where and when something was first written.
type Birth struct {
	Process string    // that began to write it
	At      time.Time // true time
	Mono    int64     // the machine's monotonic clock
}

// Entry is an entry of raft's log that some process began to store. The first
// one is the leader that made it.
type Entry struct {
	Log *raft.Log
	Birth
}

// Kept is a snapshot that a process wrote: of its own state, or one that the
// leader sent.
type Kept struct {
	Snapshot
	Birth
}

// Archive keeps all entries and snapshots that were ever stored on the disks of
// a cluster, also those that were compacted or overwritten.
type Archive struct {
	mu        sync.Mutex
	entries   map[Place]Entry
	snapshots []Kept
	numbers   uint64
}

// NewArchive returns an empty archive.
func NewArchive() *Archive { return &Archive{entries: make(map[Place]Entry)} }

func (a *Archive) keep(list []*raft.Log, b Birth) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, e := range list {
		at := Place{e.Index, e.Term}
		if _, known := a.entries[at]; !known {
			a.entries[at] = Entry{Log: e, Birth: b}
		}
	}
}

// Entry returns the entry at a place.
func (a *Archive) Entry(at Place) (Entry, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	e, ok := a.entries[at]
	return e, ok
}

func (a *Archive) keepSnapshot(s Snapshot, b Birth) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.snapshots = append(a.snapshots, Kept{Snapshot: s, Birth: b})
}

// Snapshots returns all snapshots, in the order of their making.
func (a *Archive) Snapshots() []Kept {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.snapshots)
}

// number returns a number that it never returned before.
func (a *Archive) number() uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.numbers++
	return a.numbers
}
