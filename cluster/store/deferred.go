package store

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/raft"
)

// Deferred is a log whose leader writes to its disk while its followers write to
// theirs. raft stores an entry at the leader before it sends it, so that a write
// waits for two disks, one after the other. While this node leads, StoreLogs
// returns before the entries are on the disk, and a goroutine writes them.
//
// raft then counts the leader among those who have the entries before it has
// them. So nothing may come of that: where raft takes an entry for committed,
//
//   - the state machine waits for Await before it applies it, so that nobody
//     hears of it before;
//   - followers are told no commit index above Durable, so that they do not
//     apply it either.
//
// An entry is applied, then, once it is on the disks of a majority, as ever. What
// is deferred are commands alone: raft acts on its own entries by itself. When
// this node leads no more, whatever it is asked about an entry that is not on
// the disk waits until it is: no other leader counts what could still be lost.
type Deferred struct {
	below raft.LogStore
	seal  func([]*raft.Log) error
	leads atomic.Pointer[func() bool]

	first atomic.Uint64 // the first of pending; 0: all is on the disk

	mu      sync.Mutex
	changed *sync.Cond  // pending, failed or closed changed
	pending []*raft.Log // not known to be on the disk, in their order, without gaps
	failed  error       // of the goroutine that writes
	closed  bool

	done sync.WaitGroup
}

// maxDeferred is how many entries may wait for the disk.
const maxDeferred = 8192

// NewDeferred returns a log over below that defers nothing yet. seal readies
// entries to be read by others. Close ends its goroutine.
func NewDeferred(below raft.LogStore, seal func([]*raft.Log) error) *Deferred {
	d := &Deferred{below: below, seal: seal}
	d.changed = sync.NewCond(&d.mu)
	d.done.Go(d.write)
	return d
}

// Defer has entries deferred while leads says that this node leads.
func (d *Deferred) Defer(leads func() bool) { d.leads.Store(&leads) }

func (d *Deferred) leading() bool {
	leads := d.leads.Load()
	return leads != nil && (*leads)()
}

// StoreLogs stores entries; those of a leader may reach the disk later.
func (d *Deferred) StoreLogs(entries []*raft.Log) error {
	if d.leading() && commands(entries) {
		if err := d.seal(entries); err != nil {
			return err
		}
		if d.deferAll(entries) {
			return nil
		}
	}
	if err := d.flush(); err != nil {
		return err
	}
	return d.below.StoreLogs(entries)
}

// commands tells whether entries are of the state machine alone.
func commands(entries []*raft.Log) bool {
	for _, e := range entries {
		if e.Type != raft.LogCommand {
			return false
		}
	}
	return len(entries) > 0
}

// deferAll takes entries in; false where they do not follow, or are too many.
func (d *Deferred) deferAll(entries []*raft.Log) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := len(d.pending)
	if d.closed || d.failed != nil || n+len(entries) > maxDeferred || n > 0 && d.pending[n-1].Index+1 != entries[0].Index {
		return false
	}
	d.pending = append(d.pending, entries...)
	if n == 0 {
		d.first.Store(entries[0].Index)
		d.changed.Broadcast()
	}
	return true
}

// write writes what is pending, until Close.
func (d *Deferred) write() {
	for {
		batch, ok := d.next()
		if !ok {
			return
		}
		d.wrote(len(batch), d.below.StoreLogs(batch))
	}
}

// next waits for entries to write; false: there is nothing more to do.
func (d *Deferred) next() (batch []*raft.Log, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for len(d.pending) == 0 && !d.closed {
		d.changed.Wait()
	}
	return d.pending, len(d.pending) > 0 && d.failed == nil
}

// wrote takes note that the first n of pending are on the disk, or failed.
func (d *Deferred) wrote(n int, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	defer d.changed.Broadcast()
	if d.failed = err; err != nil {
		return
	}
	if d.pending = d.pending[n:]; len(d.pending) == 0 {
		d.pending = nil
		d.first.Store(0)
		return
	}
	d.first.Store(d.pending[0].Index)
}

// Durable returns the last index below which all entries are on the disk.
func (d *Deferred) Durable() uint64 {
	if first := d.first.Load(); first > 0 {
		return first - 1
	}
	return ^uint64(0)
}

// Await waits until no entry up to index is pending. Its error is that of the write.
func (d *Deferred) Await(index uint64) error {
	if index <= d.Durable() {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for len(d.pending) > 0 && d.pending[0].Index <= index {
		if d.failed != nil {
			return fmt.Errorf("store: entry %d: %w", index, d.failed)
		}
		d.changed.Wait()
	}
	return nil
}

func (d *Deferred) flush() error { return d.Await(^uint64(0) - 1) }

// GetLog reads an entry.
func (d *Deferred) GetLog(index uint64, into *raft.Log) error {
	if index > d.Durable() {
		if !d.leading() {
			if err := d.Await(index); err != nil {
				return err
			}
		} else if d.getPending(index, into) {
			return nil
		}
	}
	return d.below.GetLog(index, into)
}

func (d *Deferred) getPending(index uint64, into *raft.Log) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.pending) == 0 || index < d.pending[0].Index || index-d.pending[0].Index >= uint64(len(d.pending)) {
		return false
	}
	*into = *d.pending[index-d.pending[0].Index]
	return true
}

// FirstIndex returns the first index, 0 for an empty log.
func (d *Deferred) FirstIndex() (uint64, error) {
	first, err := d.below.FirstIndex()
	if err == nil && first == 0 {
		first = d.first.Load()
	}
	return first, err
}

// LastIndex returns the last index, 0 for an empty log.
func (d *Deferred) LastIndex() (uint64, error) {
	d.mu.Lock()
	n := len(d.pending)
	last := uint64(0)
	if n > 0 {
		last = d.pending[n-1].Index
	}
	d.mu.Unlock()
	if last > 0 {
		return last, nil
	}
	return d.below.LastIndex()
}

// StoreLog stores one entry.
func (d *Deferred) StoreLog(e *raft.Log) error { return d.StoreLogs([]*raft.Log{e}) }

// DeleteRange deletes entries, both ends included.
func (d *Deferred) DeleteRange(first, last uint64) error {
	if err := d.flush(); err != nil {
		return err
	}
	return d.below.DeleteRange(first, last)
}

// IsMonotonic tells whether the log below takes no gaps.
func (d *Deferred) IsMonotonic() bool {
	m, ok := d.below.(raft.MonotonicLogStore)
	return ok && m.IsMonotonic()
}

// Close writes what is pending, and ends.
func (d *Deferred) Close() {
	d.mu.Lock()
	d.closed = true
	d.changed.Broadcast()
	d.mu.Unlock()
	d.done.Wait()
}
