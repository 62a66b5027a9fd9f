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

// IsMonotonic tells raft to empty the log when a snapshot is installed, whatever
// the store below is. raft would keep the end of the log of one that takes gaps,
// raft-boltdb, and that may have entries that were never committed: a later
// leader would send them on as part of a log that is.
func (*Logs) IsMonotonic() bool { return true }

// FirstIndex returns the first index, 0 for an empty log.
func (l *Logs) FirstIndex() (uint64, error) { return l.end("first", l.g.log.FirstIndex) }

// LastIndex returns the last index, 0 for an empty log.
func (l *Logs) LastIndex() (uint64, error) { return l.end("last", l.g.log.LastIndex) }

// end reads the index of one of the log's ends; a log that cannot tell is fatal.
func (l *Logs) end(which string, read func() (uint64, error)) (index uint64, err error) {
	err = guarded(func() (err error) {
		index, err = read()
		return err
	})
	if err != nil {
		return 0, l.g.fail(fmt.Errorf("%w: read the %s index: %w", ErrDamaged, which, err))
	}
	return index, nil
}

// GetLog reads an entry; a damaged one is fatal.
func (l *Logs) GetLog(index uint64, e *raft.Log) error {
	if err := guarded(func() error { return l.g.log.GetLog(index, e) }); err != nil {
		if errors.Is(err, raft.ErrLogNotFound) {
			return err
		}
		return l.g.fail(fmt.Errorf("%w: read entry %d: %w", ErrDamaged, index, err))
	}
	if err := new(sealer).check(index, e); err != nil {
		return l.g.fail(err)
	}
	return nil
}

// StoreLog stores one entry.
func (l *Logs) StoreLog(e *raft.Log) error { return l.StoreLogs([]*raft.Log{e}) }

// StoreLogs seals the entries that are new and checks those that came from a
// leader, then stores them.
func (l *Logs) StoreLogs(entries []*raft.Log) error {
	if err := l.Seal(entries); err != nil {
		return err
	}
	return l.g.write("store log entries", func() error { return l.g.log.StoreLogs(entries) })
}

// Seal seals the entries that are new and checks those that are sealed. A
// damaged one is fatal.
func (l *Logs) Seal(entries []*raft.Log) error {
	var s sealer
	for _, e := range entries {
		err := error(nil)
		if len(e.Extensions) == 0 {
			e.Extensions = binary.LittleEndian.AppendUint32(make([]byte, 0, 4), s.sum(e))
			err = checkRecord(e)
		} else {
			err = s.check(e.Index, e)
		}
		if err != nil {
			return l.g.fail(err)
		}
	}
	return nil
}

// DeleteRange deletes entries, both ends included.
func (l *Logs) DeleteRange(first, last uint64) error {
	return l.g.write("delete log entries", func() error { return l.g.log.DeleteRange(first, last) })
}

// check tells whether e is the entry at index as it was written.
func (s *sealer) check(index uint64, e *raft.Log) error {
	if e.Index != index {
		return fmt.Errorf("%w: the log has entry %d in place of %d", ErrDamaged, e.Index, index)
	}
	if len(e.Extensions) != 4 || s.sum(e) != binary.LittleEndian.Uint32(e.Extensions) {
		return fmt.Errorf("%w: entry %d of term %d has checksum %x, expected %x", ErrDamaged, e.Index, e.Term, seal(e), e.Extensions)
	}
	return checkRecord(e)
}

// checkRecord tells whether the record in e, if there is one, is what was proposed.
func checkRecord(e *raft.Log) error {
	if e.Type != raft.LogCommand {
		return nil
	}
	err := command.Check(e.Data)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, command.ErrUnknown): // whole, but not for this version
		return fmt.Errorf("store: entry %d of term %d: %w", e.Index, e.Term, err)
	}
	return fmt.Errorf("%w: entry %d of term %d: %w", ErrDamaged, e.Index, e.Term, err)
}

// seal returns the checksum of e as its Extensions have it.
func seal(e *raft.Log) []byte {
	return binary.LittleEndian.AppendUint32(make([]byte, 0, 4), new(sealer).sum(e))
}

// sealer sums entries. Its buffer goes through crc32 on to the heap: one for many
// entries spares each of them that.
type sealer struct{ head [17]byte }

// sum returns the checksum of e.
func (s *sealer) sum(e *raft.Log) uint32 {
	binary.LittleEndian.PutUint64(s.head[:], e.Index)
	binary.LittleEndian.PutUint64(s.head[8:], e.Term)
	s.head[16] = byte(e.Type)
	table := crc32.MakeTable(crc32.Castagnoli)
	return crc32.Update(crc32.Checksum(s.head[:], table), table, e.Data)
}
