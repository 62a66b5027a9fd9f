package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/hashicorp/raft"
	"github.com/limitd/limitd/fsm/command"
)

// Logs is the guarded log. Each entry carries in its Extensions a CRC-32C over
// index, term, type and data, which the leader makes and every node checks
// before it stores, sends or applies the entry: bbolt has no checksums of its own.
type Logs struct{ g *Guard }

// Logs returns the guarded log.
func (g *Guard) Logs() *Logs { return &Logs{g} }

// IsMonotonic tells whether the store below takes no gaps (raft-wal).
func (l *Logs) IsMonotonic() bool {
	m, ok := l.g.log.(raft.MonotonicLogStore)
	return ok && m.IsMonotonic()
}

// FirstIndex returns the first index, 0 for an empty log.
func (l *Logs) FirstIndex() (uint64, error) { return l.g.log.FirstIndex() }

// LastIndex returns the last index, 0 for an empty log.
func (l *Logs) LastIndex() (uint64, error) { return l.g.log.LastIndex() }

// GetLog reads an entry; a damaged one is fatal.
func (l *Logs) GetLog(index uint64, e *raft.Log) error {
	if err := l.g.log.GetLog(index, e); err != nil {
		if errors.Is(err, raft.ErrLogNotFound) {
			return err
		}
		return l.g.fail(fmt.Errorf("%w: read entry %d: %w", ErrDamaged, index, err))
	}
	if err := check(index, e); err != nil {
		return l.g.fail(err)
	}
	return nil
}

// StoreLog stores one entry.
func (l *Logs) StoreLog(e *raft.Log) error { return l.StoreLogs([]*raft.Log{e}) }

// StoreLogs seals the entries that are new and checks those that came from a
// leader, then stores them.
func (l *Logs) StoreLogs(entries []*raft.Log) error {
	for _, e := range entries {
		if len(e.Extensions) == 0 {
			e.Extensions = seal(e)
		}
		if err := check(e.Index, e); err != nil {
			return l.g.fail(err)
		}
	}
	return l.g.write("store log entries", func() error { return l.g.log.StoreLogs(entries) })
}

// DeleteRange deletes entries, both ends included.
func (l *Logs) DeleteRange(first, last uint64) error {
	return l.g.write("delete log entries", func() error { return l.g.log.DeleteRange(first, last) })
}

// check tells whether e is the entry at index as it was written.
func check(index uint64, e *raft.Log) error {
	if e.Index != index {
		return fmt.Errorf("%w: the log has entry %d in place of %d", ErrDamaged, e.Index, index)
	}
	if got := seal(e); string(got) != string(e.Extensions) {
		return fmt.Errorf("%w: entry %d of term %d has checksum %x, expected %x", ErrDamaged, e.Index, e.Term, got, e.Extensions)
	}
	if e.Type != raft.LogCommand {
		return nil
	}
	if err := command.Check(e.Data); err != nil {
		return fmt.Errorf("%w: entry %d of term %d: %w", ErrDamaged, e.Index, e.Term, err)
	}
	return nil
}

// seal returns the checksum of e.
func seal(e *raft.Log) []byte {
	var head [17]byte
	binary.LittleEndian.PutUint64(head[:], e.Index)
	binary.LittleEndian.PutUint64(head[8:], e.Term)
	head[16] = byte(e.Type)
	table := crc32.MakeTable(crc32.Castagnoli)
	sum := crc32.Update(crc32.Checksum(head[:], table), table, e.Data)
	return binary.LittleEndian.AppendUint32(nil, sum)
}
