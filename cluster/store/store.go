// Package store is where a node keeps its raft log, its votes and its
// snapshots, and what keeps a bad disk from hurting the cluster.
//
// A node that goes on after a failed write can apply entries that were never
// committed, and one whose write hangs keeps its heartbeats going, so that
// nobody elects another leader. Therefore every store is used through a guard:
// any write error, any entry whose checksum does not hold, and any write that
// takes longer than five seconds is fatal, and what is fatal is never returned
// from. Memory is rebuilt from the disk at the next start.
//
// The data directory:
//
//	node-id      the node's UUID, made once; a directory without one is a new node
//	cluster-id   the cluster that it belongs to, once known
//	formed-with  while a cluster is being formed: whom this node agreed to form it with
//	raft.db      raft-boltdb: term, vote, and the log (log_store = "boltdb")
//	wal/         the log (log_store = "wal")
//	snapshots/   the newest three snapshots, each with a checksum
//	reserve      space to give up when the disk is full
//
//	s, err := store.Open(dir, store.Options{Kind: store.Bolt, Logger: log})
//	defer s.Close()
package store

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"sync"

	"github.com/hashicorp/raft"
)

// Kind names an implementation of the log.
type Kind string

// The log stores. The stable store (term and vote) is raft-boltdb with both.
const (
	Bolt Kind = "boltdb" // raft-boltdb
	WAL  Kind = "wal"    // raft-wal: about twice the commits, half the latency
)

// snapshotsKept is how many snapshots are retained: a damaged one is passed
// over for the one before it, and three leave a second chance.
const snapshotsKept = 3

// Stores is all that a node keeps.
type Stores struct {
	ID       string // the node's UUID
	Dir      string // "" in memory
	Log      raft.LogStore
	Stable   raft.StableStore
	Snapshot raft.SnapshotStore

	closers []io.Closer

	mu    sync.Mutex
	notes map[string]string // in memory: what would be small files; guarded by mu
}

// Memory returns stores that last as long as the process, for development and
// tests. id names the node.
func Memory(id string) *Stores {
	return &Stores{ID: id, Log: raft.NewInmemStore(), Stable: newMemoryStable(), Snapshot: &memorySnapshots{}, notes: make(map[string]string)}
}

// Parts are what stores are made of that are neither files nor plain memory.
type Parts struct {
	Log      raft.LogStore
	Stable   raft.StableStore // a missing key is raftboltdb.ErrKeyNotFound
	Snapshot raft.SnapshotStore
	// Notes are what would be small files, by name: what an earlier start left in
	// Stores.Notes. Nil: a new node.
	Notes map[string]string
}

// Of returns the stores of the node id made of parts: a simulator keeps them
// on a disk of its own.
func Of(id string, p Parts) (*Stores, error) {
	if p.Notes[restoreFile] != "" {
		return nil, ErrHalfRestored
	}
	s := &Stores{ID: id, Log: p.Log, Stable: p.Stable, Snapshot: p.Snapshot, notes: maps.Clone(p.Notes)}
	if s.notes == nil {
		s.notes = make(map[string]string)
	}
	return s, nil
}

// Notes returns a copy of what stores without a directory keep in place of
// small files.
func (s *Stores) Notes() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.notes)
}

// Close closes the files. The stores must not be used any more.
func (s *Stores) Close() error {
	var errs []error
	for _, c := range s.closers {
		errs = append(errs, c.Close())
	}
	s.closers = nil
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close the stores: %w", err)
	}
	return nil
}
