package inside

import (
	"bytes"
	"errors"

	"github.com/limitd/limitd/fsm/limit"
	"github.com/limitd/limitd/fsm/limit/oracle"
	"github.com/limitd/limitd/fsm/limit/twin"
	"github.com/limitd/limitd/jepsen/sim/disk"
)

// backup is a backup that was restored, as raft got it: with its tokens moved on.
type backup struct {
	disk.Kept
	state *limit.State // goes on from there
	err   error        // it cannot be read
}

// backups reads the backups that took the place of the state.
func (l lineage) backups() map[uint64]backup {
	list := make(map[uint64]backup)
	for index, k := range l.restored {
		state, err := limit.Restore(bytes.NewReader(k.Data))
		list[index] = backup{k, state, err}
	}
	return list
}

// copies are the oracle's of the states that will be restored, by the index of
// the last record. There are several where one was restored, and no record came
// before the next backup was taken.
type copies map[uint64][]*oracle.Model

// awaits prepares for the backups that will be restored.
func (c copies) awaits(list map[uint64]backup) {
	for _, b := range list {
		if b.err == nil {
			c[b.state.Index()] = nil
		}
	}
}

// take takes a copy, where one will be needed; false: it cannot be taken in the
// middle of bulk work.
func (c copies) take(m *oracle.Model, index uint64) bool {
	list, awaited := c[index]
	if awaited && !m.Working() {
		c[index] = append(list, m.Clone())
	}
	return !awaited || !m.Working()
}

// restore puts a backup in the place of the state; false: there is no going on.
func (t *trial) restore(b backup) bool {
	if b.err != nil {
		t.convict("replay", "section 8", "the backup that %s restored at index %d cannot be read: %v", b.Process, b.Meta.Index, b.err)
		return false
	}
	if r, ok := t.Witness.records[b.Meta.Index]; ok && !r.burned {
		t.convict("replay", "E7", "%s applied a record at index %d, where a backup was restored", r.process, r.index)
		return false
	}
	if newest := t.pair.Real.Token(); b.state.Token() <= newest {
		t.convict("grants", "S2", "tokens go on behind %d after the restore at index %d, and %d was given before", b.state.Token(), b.Meta.Index, newest)
	}
	t.pair.Real = b.state
	t.Witness.restored(b.Kept, b.state.Time())
	if t.second {
		t.restoreModel(b)
	}
	return true
}

// restoreModel has the oracle go on from the copy that the backup is.
func (t *trial) restoreModel(b backup) {
	err := errors.New("there was no such state")
	for _, m := range t.copies[b.state.Index()] {
		m = m.Restored(b.state.Token(), b.state.QuarantineEnd())
		if err = (twin.Pair{Real: b.state, Model: m}).Compare(); err == nil {
			t.pair.Model = m
			return
		}
	}
	t.second = false
	t.convict("oracle", "section 8", "the backup of record %d that was restored at index %d: %v", b.state.Index(), b.Meta.Index, err)
}
