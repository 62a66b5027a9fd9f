package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
)

// Stable is the guarded stable store: term and vote. Each value is followed by
// a CRC-32C of key and value; a flipped bit in a vote could elect two leaders.
type Stable struct{ g *Guard }

// Stable returns the guarded stable store.
func (g *Guard) Stable() *Stable { return &Stable{g} }

// sumSize is the size of the checksum behind each value.
const sumSize = 4

// Set keeps value under key.
func (s *Stable) Set(key, value []byte) error {
	sealed := binary.LittleEndian.AppendUint32(append([]byte(nil), value...), sum(key, value))
	return s.g.write("store "+string(key), func() error { return s.g.stable.Set(key, sealed) })
}

// Get returns the value under key; raft knows a missing one by its error.
func (s *Stable) Get(key []byte) ([]byte, error) {
	var sealed []byte
	err := guarded(func() (err error) {
		sealed, err = s.g.stable.Get(key)
		return err
	})
	if err != nil {
		return nil, s.missing(key, err)
	}
	n := len(sealed) - sumSize
	if n < 0 || binary.LittleEndian.Uint32(sealed[n:]) != sum(key, sealed[:n]) {
		return nil, s.g.fail(fmt.Errorf("%w: %s does not match its checksum", ErrDamaged, key))
	}
	return sealed[:n], nil
}

// SetUint64 keeps value under key.
func (s *Stable) SetUint64(key []byte, value uint64) error {
	return s.Set(key, binary.LittleEndian.AppendUint64(nil, value))
}

// GetUint64 returns the value under key.
func (s *Stable) GetUint64(key []byte) (uint64, error) {
	b, err := s.Get(key)
	if err != nil {
		return 0, err
	}
	if len(b) != 8 {
		return 0, s.g.fail(fmt.Errorf("%w: %s has %d bytes, not 8", ErrDamaged, key, len(b)))
	}
	return binary.LittleEndian.Uint64(b), nil
}

// missing passes on the error of a key that is not there, which raft compares
// by its text; any other is fatal, for raft would go on with a vote of nothing.
func (s *Stable) missing(key []byte, err error) error {
	if errors.Is(err, raftboltdb.ErrKeyNotFound) {
		return raftboltdb.ErrKeyNotFound
	}
	return s.g.fail(fmt.Errorf("%w: read %s: %w", ErrDamaged, key, err))
}

func sum(key, value []byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli)
	return crc32.Update(crc32.Checksum(key, table), table, value)
}
