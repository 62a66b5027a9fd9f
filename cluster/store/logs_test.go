package store

import (
	"bytes"
	"testing"

	"github.com/hashicorp/raft"
	"github.com/limitd/limitd/fsm/command"
)

// TestSealIsOnDisk holds the checksum to the bytes that every log has.
func TestSealIsOnDisk(t *testing.T) {
	e := &raft.Log{Index: 7, Term: 3, Type: raft.LogCommand, Data: []byte("what the leader proposed")}
	if got, want := seal(e), []byte{0x91, 0xda, 0x85, 0x8d}; !bytes.Equal(got, want) {
		t.Errorf("seal %x, want %x", got, want)
	}
}

func BenchmarkStoreLogs(b *testing.B) {
	g := NewGuard(nowhere{}, nil, func(err error) { b.Fatal(err) })
	defer g.Close()
	logs, data := g.Logs(), command.Encode(command.Command{Op: &command.Release{Token: 1}})
	entries := make([]*raft.Log, 64)
	for i := range entries {
		entries[i] = &raft.Log{Index: uint64(i + 1), Term: 1, Type: raft.LogCommand, Data: data}
	}
	b.ReportAllocs()
	for b.Loop() {
		for _, e := range entries {
			e.Extensions = nil
		}
		if err := logs.StoreLogs(entries); err != nil {
			b.Fatal(err)
		}
	}
}

// nowhere forgets what it is given.
type nowhere struct{ raft.LogStore }

func (nowhere) StoreLogs([]*raft.Log) error { return nil }
