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

// Entry is an entry of raft's log that some process began to store.
type Entry struct {
	Log *raft.Log
	// Birth is the leader's that made it; the zero Birth where the leader has not
	// begun to store it: followers may be first.
	Birth
	Before uint64 // the term of what stands before it; 0: not known
}

// Kept is a snapshot that a process wrote: of its own state, one that the leader
// sent, or a backup that it restored.
type Kept struct {
	Snapshot
	Birth
	Before Place // the end of the log when it was written
}

// Place returns where the snapshot stands.
func (k Kept) Place() Place { return Place{k.Meta.Index, k.Meta.Term} }

// Archive keeps all entries and snapshots that were ever stored on the disks of
// a cluster, also those that were compacted or overwritten.
type Archive struct {
	mu        sync.Mutex
	entries   map[Place]Entry
	leaders   map[uint64]string // of the terms: who began to store their first entry
	snapshots []Kept
	numbers   uint64
}

// NewArchive returns an empty archive.
func NewArchive() *Archive {
	return &Archive{entries: make(map[Place]Entry), leaders: make(map[uint64]string)}
}

// keep takes in entries that stand behind one of a term.
func (a *Archive) keep(list []*raft.Log, before uint64, b Birth) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, e := range list {
		if _, led := a.leaders[e.Term]; !led {
			a.leaders[e.Term] = b.Process
		}
		at := Place{e.Index, e.Term}
		kept, known := a.entries[at]
		if !known {
			kept = Entry{Log: e, Before: before}
		}
		if kept.Process == "" && b.Process == a.leaders[e.Term] {
			kept.Birth = b
		}
		a.entries[at] = kept
		before = e.Term
	}
}

// Entry returns the entry at a place.
func (a *Archive) Entry(at Place) (Entry, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	e, ok := a.entries[at]
	return e, ok
}

func (a *Archive) keepSnapshot(k Kept) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.snapshots = append(a.snapshots, k)
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
