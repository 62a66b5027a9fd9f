package limit_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
)

// FuzzApply reads bytes as seeds of random commands, two bytes each, and holds
// the state machine against the oracle. Nothing may panic. It is TestDrive made
// small: few records, of most of which only the answer is compared, so that the
// fuzzer tries thousands where it would try a few.
func FuzzApply(f *testing.F) {
	for seed := range 8 {
		sum := sha256.Sum256([]byte{byte(seed)})
		f.Add(sum[:8+3*seed])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var seeds []uint64
		for ; len(b) >= 2 && len(seeds) < 60; b = b[2:] {
			seeds = append(seeds, uint64(binary.LittleEndian.Uint16(b)))
		}
		if len(seeds) > 0 {
			d := newDrive(t)
			d.lean = true
			d.play(seeds)
		}
	})
}

// FuzzRecords applies whatever records the bytes decode to, in range or not:
// the state machine refuses, and never panics.
func FuzzRecords(f *testing.F) {
	d := newDice()
	d.now = 15e9
	var log []byte
	for seed := range uint64(40) {
		b := command.Encode(d.next(seed))
		log = append(binary.AppendUvarint(log, uint64(len(b))), b...)
		f.Add(log)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s := limit.New()
		s.Apply(1, 1, command.Command{Header: command.Header{Term: 1}, Op: &command.Genesis{ClusterID: [16]byte{1}, Settings: driveSettings(), Rules: limit.Rules}})
		for index := uint64(2); len(b) > 0 && index < 200; index++ {
			var record []byte
			if record, b = cutRecord(b); len(record) < 38 {
				continue
			}
			at := func(i int) uint64 { return binary.LittleEndian.Uint64(record[i:]) }
			command.Stamp(record, command.Header{Stamp: int64(at(6) % 1e15), Term: 1, Wall: int64(at(22))})
			if c, err := command.Decode(record); err == nil {
				s.Apply(index, 1, c)
			}
		}
		if restored, err := clone(s); err != nil || restored.Snapshot().Digest() != s.Snapshot().Digest() {
			t.Errorf("after a restore: %v", err)
		}
	})
}

// cutRecord takes a record behind its length off b.
func cutRecord(b []byte) (record, rest []byte) {
	n, size := binary.Uvarint(b)
	if size <= 0 || n > uint64(len(b)-size) {
		return nil, nil
	}
	return bytes.Clone(b[size : size+int(n)]), b[size+int(n):]
}

// FuzzRestore damages snapshots. Bytes that are not what was written are
// refused with an error that says so; and even with a checksum that was made
// to fit, Restore returns an error or a state, and does not panic.
func FuzzRestore(f *testing.F) {
	for n := range 4 {
		f.Add(sampleSnapshot(20*n), uint16(0), byte(0))
		f.Add(sampleSnapshot(20*n), uint16(40+n), byte(1<<n))
	}
	f.Fuzz(func(t *testing.T, b []byte, at uint16, flip byte) {
		b = bytes.Clone(b)
		if len(b) > 0 {
			b[int(at)%len(b)] ^= flip
		}
		s, err := limit.Restore(bytes.NewReader(b))
		switch {
		case err == nil && !bytes.Equal(snapshot(s), b):
			t.Error("other bytes were taken for a snapshot")
		case err != nil && !errors.Is(err, limit.ErrDamaged) && !errors.Is(err, limit.ErrNewer):
			t.Errorf("an error of no known kind: %v", err)
		}
		if len(b) > 32 {
			sum := sha256.Sum256(b[:len(b)-32])
			copy(b[len(b)-32:], sum[:])
			_, _ = limit.Restore(bytes.NewReader(b))
		}
	})
}

// sampleSnapshot is the snapshot of a state with a bit of everything.
func sampleSnapshot(records int) []byte {
	b := newBoth(driveSettings())
	d := newDice()
	d.now = 15e9
	for seed := range uint64(records) {
		c := d.next(seed)
		b.index++
		b.real.Apply(b.index, d.term, c)
	}
	return snapshot(b.real)
}

// TestDamagedSnapshots flips every bit of a snapshot, and cuts it at every length.
func TestDamagedSnapshots(t *testing.T) {
	sound := sampleSnapshot(60)
	if _, err := limit.Restore(bytes.NewReader(sound)); err != nil {
		t.Fatal(err)
	}
	for i := range sound {
		damaged := bytes.Clone(sound)
		damaged[i] ^= 1 << (i % 8)
		if _, err := limit.Restore(bytes.NewReader(damaged)); !errors.Is(err, limit.ErrDamaged) && !errors.Is(err, limit.ErrNewer) {
			t.Fatalf("byte %d damaged: %v", i, err)
		}
		if _, err := limit.Restore(bytes.NewReader(sound[:i])); !errors.Is(err, limit.ErrDamaged) {
			t.Fatalf("cut to %d bytes: %v", i, err)
		}
	}
	if _, err := limit.Restore(bytes.NewReader(append(sound, 0))); !errors.Is(err, limit.ErrDamaged) {
		t.Fatalf("a byte too many: %v", err)
	}
}
