package disk

import (
	"cmp"
	"maps"
	"slices"

	"github.com/hashicorp/raft"
)

// content is all that a disk holds. What its maps point to is never changed.
type content struct {
	entries     map[uint64]*raft.Log
	first, last uint64 // 0: the log is empty
	stable      map[string][]byte
	snapshots   []*Snapshot // as raft's files have them: by term and index, then by age
	notes       map[string]string
}

// Snapshot is one of raft's snapshots.
type Snapshot struct {
	Meta raft.SnapshotMeta
	Data []byte

	rotten bool // it is not what was written
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

// termAt returns the term of what stands at an index; 0 where that is not known.
func (c *content) termAt(index uint64) uint64 {
	if e := c.entries[index]; e != nil {
		return e.Term
	}
	for _, s := range slices.Backward(c.snapshots) {
		if s.Meta.Index == index {
			return s.Meta.Term
		}
	}
	return 0
}

// end returns where the log ends, or where the newest snapshot does.
func (c *content) end() Place {
	last := c.last
	if n := len(c.snapshots); n > 0 {
		last = max(last, c.snapshots[n-1].Meta.Index)
	}
	return Place{last, c.termAt(last)}
}

// snapshotsKept is how many snapshots a disk retains.
const snapshotsKept = 3

// keep adds a snapshot. One from further back than others is none of the newest,
// though it was written last.
func (c *content) keep(s *Snapshot) {
	c.snapshots = append(slices.Clip(c.snapshots), s)
	slices.SortStableFunc(c.snapshots, func(a, b *Snapshot) int {
		return cmp.Or(cmp.Compare(a.Meta.Term, b.Meta.Term), cmp.Compare(a.Meta.Index, b.Meta.Index))
	})
	if extra := len(c.snapshots) - snapshotsKept; extra > 0 {
		c.snapshots = c.snapshots[extra:]
	}
}
