package store

import (
	"errors"
	"testing"

	"github.com/hashicorp/raft"
)

// TestALostTail plays what raft does where a snapshot ends before its log.
func TestALostTail(t *testing.T) {
	below := raft.NewInmemStore()
	tail := NewTail(below)
	stored := func(from, to, term uint64) {
		t.Helper()
		for i := from; i <= to; i++ {
			if err := tail.StoreLog(&raft.Log{Index: i, Term: term}); err != nil {
				t.Fatal(err)
			}
		}
	}
	get := func(index uint64) (uint64, error) {
		var e raft.Log
		err := tail.GetLog(index, &e)
		return e.Term, err
	}
	stored(1, 9, 3)
	tail.Lose(5, 9)
	if term, err := get(7); err != nil || term != 3 || tail.Lost() {
		t.Fatalf("before the log is emptied: %d, %v", term, err)
	}
	if err := tail.DeleteRange(1, 9); err != nil || !tail.Lost() {
		t.Fatalf("emptied: %v", err)
	}
	for index := uint64(6); index <= 9; index++ {
		if term, err := get(index); err != nil || term != 0 {
			t.Errorf("entry %d, which was lost: term %d, %v", index, term, err)
		}
	}
	for _, index := range []uint64{1, 5, 10} {
		if _, err := get(index); !errors.Is(err, raft.ErrLogNotFound) {
			t.Errorf("entry %d, which raft does not believe in: %v", index, err)
		}
	}
	if err := tail.DeleteRange(6, 9); err != nil || !tail.Lost() {
		t.Errorf("raft clears what it believes in: %v", err)
	}
	stored(6, 6, 4)
	if _, err := get(7); !errors.Is(err, raft.ErrLogNotFound) || tail.Lost() {
		t.Errorf("behind the first entry that was stored: %v", err)
	}
	tail.Lose(6, 6)
	if tail.Lost() {
		t.Error("a snapshot up to the log's end loses nothing")
	}
	tail.Lose(7, 9)
	tail.Lose(12, 9)
	if err := tail.DeleteRange(1, 9); err != nil || tail.Lost() {
		t.Errorf("a snapshot beyond what raft believes in sets it right: %v", err)
	}
}
