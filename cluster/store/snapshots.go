package store

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/hashicorp/raft"
)

// memorySnapshots keeps snapshots in memory. Unlike raft's own, it shows one
// only once it is whole.
type memorySnapshots struct {
	mu    sync.Mutex
	count uint64
	kept  []*memorySnapshot // newest first
}

type memorySnapshot struct {
	meta raft.SnapshotMeta
	data []byte
}

// Create begins a snapshot.
func (s *memorySnapshots) Create(version raft.SnapshotVersion, index, term uint64, c raft.Configuration, configIndex uint64, _ raft.Transport) (raft.SnapshotSink, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count++
	return &memorySink{store: s, meta: raft.SnapshotMeta{
		Version: version, ID: fmt.Sprintf("%d-%d-%d", term, index, s.count), Index: index, Term: term,
		Configuration: c.Clone(), ConfigurationIndex: configIndex,
	}}, nil
}

// List returns the newest snapshot first.
func (s *memorySnapshots) List() ([]*raft.SnapshotMeta, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []*raft.SnapshotMeta
	for _, k := range s.kept {
		meta := k.meta
		list = append(list, &meta)
	}
	return list, nil
}

// Open returns a snapshot's content.
func (s *memorySnapshots) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.kept {
		if k.meta.ID == id {
			meta := k.meta
			return &meta, io.NopCloser(bytes.NewReader(k.data)), nil
		}
	}
	return nil, nil, fmt.Errorf("store: no snapshot %q", id)
}

// keep adds a snapshot, in the order of raft's files: by term and index, then by
// age.
func (s *memorySnapshots) keep(k *memorySnapshot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept = append([]*memorySnapshot{k}, s.kept...)
	slices.SortStableFunc(s.kept, func(a, b *memorySnapshot) int {
		return cmp.Or(cmp.Compare(b.meta.Term, a.meta.Term), cmp.Compare(b.meta.Index, a.meta.Index))
	})
	s.kept = s.kept[:min(len(s.kept), snapshotsKept)]
}

// memorySink is a snapshot being written.
type memorySink struct {
	store *memorySnapshots
	meta  raft.SnapshotMeta
	data  bytes.Buffer
	ended bool
}

// ID names the snapshot.
func (k *memorySink) ID() string { return k.meta.ID }

// Write takes the next bytes.
func (k *memorySink) Write(p []byte) (n int, err error) { return k.data.Write(p) }

// Close makes the snapshot whole.
func (k *memorySink) Close() error {
	if !k.ended {
		k.ended = true
		k.meta.Size = int64(k.data.Len())
		k.store.keep(&memorySnapshot{meta: k.meta, data: k.data.Bytes()})
	}
	return nil
}

// Cancel forgets the snapshot.
func (k *memorySink) Cancel() error {
	k.ended = true
	return nil
}
