package disk

import (
	"maps"
	"slices"

	"github.com/hashicorp/raft"
)

// content is all that a disk holds. What its maps point to is never changed.
type content struct {
	entries     map[uint64]*raft.Log
	first, last uint64 // 0: the log is empty
	stable      map[string][]byte
	snapshots   []*Snapshot // oldest first
	notes       map[string]string
}

// Snapshot is one of raft's snapshots.
type Snapshot struct {
	Meta raft.SnapshotMeta
	Data []byte
}

func newContent() *content {
	return &content{entries: make(map[uint64]*raft.Log), stable: make(map[string][]byte)}
}

func (c *content) clone() *content {
	return &content{
		entries: maps.Clone(c.entries), first: c.first, last: c.last,
		stable: maps.Clone(c.stable), snapshots: slices.Clone(c.snapshots), notes: maps.Clone(c.notes),
	}
}

// put stores one entry at the end of the log, or over one that is there.
func (c *content) put(e *raft.Log) {
	c.entries[e.Index] = e
	if c.first == 0 || e.Index < c.first {
		c.first = e.Index
	}
	c.last = max(c.last, e.Index)
}

// remove deletes a range of entries, both ends included.
func (c *content) remove(from, to uint64) {
	for i := max(from, c.first); i <= min(to, c.last); i++ {
		delete(c.entries, i)
	}
	if from <= c.first {
		c.first = max(c.first, to+1)
	}
	if to >= c.last {
		c.last = min(c.last, from-1)
	}
	if c.first > c.last || len(c.entries) == 0 {
		c.first, c.last = 0, 0
	}
}

// snapshotsKept is how many snapshots a disk retains.
const snapshotsKept = 3

func (c *content) keep(s *Snapshot) {
	c.snapshots = append(slices.Clip(c.snapshots), s)
	if extra := len(c.snapshots) - snapshotsKept; extra > 0 {
		c.snapshots = c.snapshots[extra:]
	}
}
