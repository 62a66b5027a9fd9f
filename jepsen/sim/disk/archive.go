package disk

import (
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// Place is where an entry stands: of one index and term there is one entry only.
type Place struct{ Index, Term uint64 }

// Entry is an entry of raft's log that some process began to store.
type Entry struct {
	Log  *raft.Log
	Born time.Time // when the first of them began to
}

// Archive keeps all entries that were ever stored on the disks of a cluster,
// also those that were compacted or overwritten.
type Archive struct {
	mu      sync.Mutex
	entries map[Place]Entry
	numbers uint64
}

// NewArchive returns an empty archive.
func NewArchive() *Archive { return &Archive{entries: make(map[Place]Entry)} }

func (a *Archive) keep(list []*raft.Log) {
	now := time.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, e := range list {
		at := Place{e.Index, e.Term}
		if _, known := a.entries[at]; !known {
			a.entries[at] = Entry{Log: e, Born: now}
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

// number returns a number that it never returned before.
func (a *Archive) number() uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.numbers++
	return a.numbers
}
