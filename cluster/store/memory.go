package store

import (
	"encoding/binary"
	"sync"

	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
)

// memoryStable is a stable store in memory, with the errors of raft-boltdb.
type memoryStable struct {
	mu     sync.Mutex
	values map[string][]byte
}

func newMemoryStable() *memoryStable { return &memoryStable{values: make(map[string][]byte)} }

// Set keeps a copy of value under key.
func (m *memoryStable) Set(key, value []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.values[string(key)] = append([]byte(nil), value...)
	return nil
}

// Get returns the value under key, or raftboltdb.ErrKeyNotFound.
func (m *memoryStable) Get(key []byte) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, ok := m.values[string(key)]
	if !ok {
		return nil, raftboltdb.ErrKeyNotFound
	}
	return append([]byte(nil), v...), nil
}

// SetUint64 keeps value under key.
func (m *memoryStable) SetUint64(key []byte, value uint64) error {
	return m.Set(key, binary.LittleEndian.AppendUint64(nil, value))
}

// GetUint64 returns the value under key, or raftboltdb.ErrKeyNotFound.
func (m *memoryStable) GetUint64(key []byte) (uint64, error) {
	b, err := m.Get(key)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(b), nil
}
