package store

import (
	"errors"
	"fmt"

	"github.com/hashicorp/raft"
)

// Ascending is a store of snapshots in which none is finished that is older than
// one that it has.
//
// raft's own snapshots are written beside its other work. Where a backup is
// restored meanwhile, or a leader's snapshot installed, the one that is finished
// last counts for raft, though it is the older one: a leader then finds neither
// the entry that the newer one stands for, nor a snapshot that ends there, and
// sends what its followers have, for ever.
type Ascending struct {
	raft.SnapshotStore

	// turn has room for one that finishes a snapshot. It is a channel, for that takes as long as the disk does.
	turn   chan struct{}
	newest uint64 // index; for who has the turn
}

// NewAscending returns a store over one that may hold snapshots.
func NewAscending(s raft.SnapshotStore) (*Ascending, error) {
	list, err := s.List()
	if err != nil {
		return nil, fmt.Errorf("list the snapshots: %w", err)
	}
	a := &Ascending{SnapshotStore: s, turn: make(chan struct{}, 1)}
	for _, meta := range list {
		a.newest = max(a.newest, meta.Index)
	}
	return a, nil
}

// Create begins a snapshot.
func (a *Ascending) Create(version raft.SnapshotVersion, index, term uint64, c raft.Configuration, configIndex uint64, t raft.Transport) (raft.SnapshotSink, error) {
	sink, err := a.SnapshotStore.Create(version, index, term, c, configIndex, t)
	if err != nil {
		return nil, err
	}
	return &ascendingSink{SnapshotSink: sink, store: a, index: index}, nil
}

// ascendingSink is a snapshot being written.
type ascendingSink struct {
	raft.SnapshotSink
	store *Ascending
	index uint64
}

// Close makes the snapshot whole, unless a newer one is by now.
func (k *ascendingSink) Close() error {
	k.store.turn <- struct{}{}
	defer func() { <-k.store.turn }()
	if newest := k.store.newest; k.index < newest {
		return errors.Join(fmt.Errorf("store: a snapshot up to entry %d is of no use beside one up to %d", k.index, newest), k.Cancel())
	}
	if err := k.SnapshotSink.Close(); err != nil {
		return err
	}
	k.store.newest = k.index
	return nil
}
