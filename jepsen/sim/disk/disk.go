// Package disk is a disk in memory for one simulated machine: raft's log,
// stable store and snapshots. It survives the crashes of the processes that use
// it, and loses what they had not finished to write.
//
//	d := disk.New(archive, seed)
//	s := d.Open(birth)   // a process starts
//	stores, err := s.Stores(id)
//	...
//	s.Crash()            // it dies: what it still writes goes nowhere
//	s = d.Open(birth)    // the next one finds what had been written
//
// raft asks of its stores that a write is durable when it returns. So a write
// here takes a time, drawn from the seed; it is durable when it returns, and when
// the crash comes before, it is lost, done, or (a batch of entries) done in part:
// a prefix of it. A disk can be slow, full, or hang; then the real guard of
// cluster/store decides what becomes of the process.
package disk

import (
	"math/rand/v2"
	"sync"
	"syscall"
	"time"
)

// Rule is how a disk behaves. The zero Rule is a good one.
type Rule struct {
	Slow time.Duration // each write takes up to so much more
	Full bool          // writes fail
	Hang bool          // writes do not return
}

// Disk is one machine's disk. It is safe for concurrent use.
type Disk struct {
	archive *Archive

	mu      sync.Mutex
	dice    *rand.Rand
	rule    Rule
	held    bool
	changed chan struct{} // closed when rule or held changes, or a session crashes
	durable *content
	count   Count
}

// Count is what happened on a disk.
type Count struct {
	Writes, Failed uint64
	Lost, Torn     uint64 // writes under way at a crash that were lost, or done in part
}

// New returns an empty disk. Entries that are stored on it are kept in archive.
func New(archive *Archive, seed uint64) *Disk {
	return &Disk{
		archive: archive, dice: rand.New(rand.NewPCG(seed, 0x6469736b)), changed: make(chan struct{}), durable: newContent(),
	}
}

// Set changes how the disk behaves.
func (d *Disk) Set(r Rule) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.rule = r
	d.wakeLocked()
}

// Rule returns how the disk behaves.
func (d *Disk) Rule() Rule {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rule
}

// Hold stops all writes, until it is called with false.
func (d *Disk) Hold(held bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.held = held
	d.wakeLocked()
}

// Count returns what happened on the disk.
func (d *Disk) Count() Count {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.count
}

func (d *Disk) wakeLocked() {
	close(d.changed)
	d.changed = make(chan struct{})
}

// Open begins a session: a process starts on what the disk holds. birth tells,
// for the archive, who writes and what time it is there.
func (d *Disk) Open(birth func() Birth) *Session {
	d.mu.Lock()
	defer d.mu.Unlock()
	return &Session{disk: d, birth: birth, content: d.durable}
}

// Session is one process's use of a disk.
type Session struct {
	disk  *Disk
	birth func() Birth

	// Guarded by disk.mu.
	content *content // the disk's own; after a crash a copy that nobody else reads
	crashed bool
	writing []*writing // in the order of their beginning
	notes   func() map[string]string
}

// writing is a write under way. part does the given part of it, from 0 to 1.
type writing struct {
	part func(c *content, share float64)
}

// Crash ends the session: the process is dead. What it had under way is lost,
// done, or torn; what it does from now on goes to a copy.
func (s *Session) Crash() {
	d := s.disk
	notes := s.leave()
	d.mu.Lock()
	defer d.mu.Unlock()
	if s.crashed {
		return
	}
	s.crashed = true
	left := s.content.clone()
	if notes != nil {
		left.notes = notes
	}
	for _, w := range s.writing {
		share := min(1, max(0, d.dice.Float64()*1.5-0.25))
		switch {
		case share == 0:
			d.count.Lost++
		case share < 1:
			d.count.Torn++
		}
		w.part(left, share)
		if share < 1 {
			break // a disk writes in order
		}
	}
	d.durable = left
	d.wakeLocked()
}

// Close ends the session of a process that stopped by itself.
func (s *Session) Close() {
	notes := s.leave()
	s.disk.mu.Lock()
	defer s.disk.mu.Unlock()
	if !s.crashed && notes != nil {
		s.content.notes = notes
	}
}

// leave returns the notes that the process has made.
func (s *Session) leave() map[string]string {
	s.disk.mu.Lock()
	read := s.notes
	s.disk.mu.Unlock()
	if read == nil {
		return nil
	}
	return read()
}

const (
	writeLeast = 100 * time.Microsecond
	writeMost  = 2 * time.Millisecond
)

// write does a write: it takes its time, and fails where the disk is full.
func (s *Session) write(part func(c *content, share float64)) error {
	d := s.disk
	d.mu.Lock()
	if s.crashed {
		defer d.mu.Unlock()
		part(s.content, 1)
		return nil
	}
	w := &writing{part}
	s.writing = append(s.writing, w)
	took := writeLeast + time.Duration(d.dice.Int64N(int64(writeMost-writeLeast)))
	if d.rule.Slow > 0 {
		took += time.Duration(d.dice.Int64N(int64(d.rule.Slow)))
	}
	d.mu.Unlock()
	s.wait(took)
	d.mu.Lock()
	defer d.mu.Unlock()
	s.forgetLocked(w)
	d.count.Writes++
	if d.rule.Full && !s.crashed {
		d.count.Failed++
		return syscall.ENOSPC
	}
	part(s.content, 1)
	return nil
}

func (s *Session) forgetLocked(w *writing) {
	for i, x := range s.writing {
		if x == w {
			s.writing = append(s.writing[:i:i], s.writing[i+1:]...)
			return
		}
	}
}

// wait lets a write's time pass, and more while the disk hangs or is held.
func (s *Session) wait(took time.Duration) {
	timer := time.NewTimer(took)
	defer timer.Stop()
	done := timer.C
	for {
		s.disk.mu.Lock()
		stuck := s.disk.held || s.disk.rule.Hang
		crashed, changed := s.crashed, s.disk.changed
		s.disk.mu.Unlock()
		if crashed || done == nil && !stuck {
			return
		}
		select {
		case <-done:
			done = nil
		case <-changed:
		}
	}
}
