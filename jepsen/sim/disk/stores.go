package disk

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
	"github.com/limitd/limitd/cluster/store"
	"github.com/limitd/limitd/jepsen/sim/network"
)

// Stores returns what the process of this session keeps, for the node id.
func (s *Session) Stores(id string) (*store.Stores, error) {
	s.disk.mu.Lock()
	notes := s.content.notes
	s.disk.mu.Unlock()
	stores, err := store.Of(id, store.Parts{Log: logs{s}, Stable: stable{s}, Snapshot: snapshots{s}, Notes: notes})
	if err != nil {
		return nil, err
	}
	s.disk.mu.Lock()
	s.notes = stores.Notes
	s.disk.mu.Unlock()
	return stores, nil
}

func (s *Session) read(do func(c *content)) {
	s.disk.mu.Lock()
	defer s.disk.mu.Unlock()
	do(s.content)
}

// logs is raft's log.
type logs struct{ s *Session }

// FirstIndex returns the first index, 0 for an empty log.
func (l logs) FirstIndex() (i uint64, err error) {
	l.s.read(func(c *content) { i = c.first })
	return i, nil
}

// LastIndex returns the last index, 0 for an empty log.
func (l logs) LastIndex() (i uint64, err error) {
	l.s.read(func(c *content) { i = c.last })
	return i, nil
}

// GetLog reads an entry.
func (l logs) GetLog(index uint64, into *raft.Log) error {
	var e *raft.Log
	l.s.read(func(c *content) { e = c.entries[index] })
	if e == nil {
		return raft.ErrLogNotFound
	}
	*into = *network.Copy(e)
	return nil
}

// StoreLog stores an entry.
func (l logs) StoreLog(e *raft.Log) error { return l.StoreLogs([]*raft.Log{e}) }

// StoreLogs stores entries.
func (l logs) StoreLogs(list []*raft.Log) error {
	kept := make([]*raft.Log, len(list))
	for i, e := range list {
		kept[i] = network.Copy(e)
	}
	if l.s.alive() && len(kept) > 0 {
		before := uint64(0)
		l.s.read(func(c *content) { before = c.termAt(kept[0].Index - 1) })
		l.s.disk.archive.keep(kept, before, l.s.birth())
	}
	return l.s.write(func(c *content, share float64) {
		for _, e := range kept[:int(share*float64(len(kept)))] {
			c.put(e)
		}
	})
}

// alive tells whether the process has not crashed.
func (s *Session) alive() bool {
	s.disk.mu.Lock()
	defer s.disk.mu.Unlock()
	return !s.crashed
}

// DeleteRange deletes entries, both ends included.
func (l logs) DeleteRange(from, to uint64) error {
	return l.s.write(func(c *content, share float64) {
		if share == 1 {
			c.remove(from, to)
		}
	})
}

// stable is raft's stable store.
type stable struct{ s *Session }

// Set keeps a copy of value under key.
func (k stable) Set(key, value []byte) error {
	name, kept := string(key), bytes.Clone(value)
	return k.s.write(func(c *content, share float64) {
		if share == 1 {
			c.stable[name] = kept
		}
	})
}

// Get returns the value under key, or raftboltdb.ErrKeyNotFound.
func (k stable) Get(key []byte) (v []byte, err error) {
	k.s.read(func(c *content) { v = bytes.Clone(c.stable[string(key)]) })
	if v == nil {
		return nil, raftboltdb.ErrKeyNotFound
	}
	return v, nil
}

// SetUint64 keeps value under key.
func (k stable) SetUint64(key []byte, value uint64) error {
	return k.Set(key, binary.LittleEndian.AppendUint64(nil, value))
}

// GetUint64 returns the value under key.
func (k stable) GetUint64(key []byte) (uint64, error) {
	b, err := k.Get(key)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(b), nil
}

// snapshots are raft's.
type snapshots struct{ s *Session }

// Create begins a snapshot.
func (n snapshots) Create(version raft.SnapshotVersion, index, term uint64, c raft.Configuration, configIndex uint64, _ raft.Transport) (raft.SnapshotSink, error) {
	return &sink{s: n.s, snap: Snapshot{Meta: raft.SnapshotMeta{
		Version: version, ID: fmt.Sprintf("%d-%d-%d", term, index, n.s.disk.archive.number()), Index: index, Term: term,
		Configuration: c.Clone(), ConfigurationIndex: configIndex,
	}}}, nil
}

// List returns the newest snapshot first.
func (n snapshots) List() (list []*raft.SnapshotMeta, err error) {
	n.s.read(func(c *content) {
		for _, s := range slices.Backward(c.snapshots) {
			meta := s.Meta
			list = append(list, &meta)
		}
	})
	return list, nil
}

// Open returns a snapshot's content.
func (n snapshots) Open(id string) (meta *raft.SnapshotMeta, data io.ReadCloser, err error) {
	err = fmt.Errorf("disk: no snapshot %q", id)
	n.s.read(func(c *content) {
		for _, s := range c.snapshots {
			switch {
			case s.Meta.ID != id:
			case s.rotten:
				err = errRotten
			default:
				m := s.Meta
				meta, data, err = &m, io.NopCloser(bytes.NewReader(s.Data)), nil
			}
		}
	})
	return meta, data, err
}

// sink is a snapshot being written.
type sink struct {
	s     *Session
	snap  Snapshot
	data  bytes.Buffer
	ended bool
}

// ID names the snapshot.
func (k *sink) ID() string { return k.snap.Meta.ID }

// Write takes the next bytes.
func (k *sink) Write(p []byte) (int, error) { return k.data.Write(p) }

// Close makes the snapshot whole: it is there when Close returns, or never.
func (k *sink) Close() error {
	if k.ended {
		return nil
	}
	k.ended = true
	k.snap.Data = k.data.Bytes()
	k.snap.Meta.Size = int64(len(k.snap.Data))
	kept := k.snap
	if k.s.alive() {
		before := Place{}
		k.s.read(func(c *content) { before = c.end() })
		k.s.disk.archive.keepSnapshot(Kept{Snapshot: kept, Birth: k.s.birth(), Before: before})
	}
	return k.s.write(func(c *content, share float64) {
		if share == 1 {
			c.keep(&kept)
		}
	})
}

// Cancel forgets the snapshot.
func (k *sink) Cancel() error {
	k.ended = true
	return nil
}
