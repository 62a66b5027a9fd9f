package store

import (
	"errors"
	"testing"

	"github.com/hashicorp/raft"
)

// A follower drops suffixes of its log again and again, and is started anew
// after each: it finds what was left, and what came after.
func TestDroppedSuffixesSurviveAStart(t *testing.T) {
	for _, kind := range []Kind{Bolt, WAL} {
		t.Run(string(kind), func(t *testing.T) {
			dir := t.TempDir()
			terms := map[uint64]uint64{}
			next := uint64(1)
			for term := uint64(1); term <= 8; term++ {
				s := mustOpen(t, dir, kind)
				holds(t, s.Log, terms)
				if from := next - 3; term > 1 {
					if err := s.Log.DeleteRange(from, next-1); err != nil {
						t.Fatal(err)
					}
					next = from
				}
				for range 10 {
					if err := s.Log.StoreLog(&raft.Log{Index: next, Term: term, Data: []byte("data")}); err != nil {
						t.Fatal(err)
					}
					terms[next] = term
					next++
				}
				holds(t, s.Log, terms)
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			}
			s := mustOpen(t, dir, kind)
			if last, err := s.Log.LastIndex(); err != nil || last != next-1 {
				t.Fatalf("last index %d, %v; expected %d", last, err, next-1)
			}
			holds(t, s.Log, terms)
		})
	}
}

func holds(t *testing.T, log raft.LogStore, terms map[uint64]uint64) {
	t.Helper()
	for index, term := range terms {
		var e raft.Log
		if err := log.GetLog(index, &e); err != nil || e.Term != term {
			t.Fatalf("entry %d: term %d, %v; expected term %d", index, e.Term, errors.Unwrap(err), term)
		}
	}
}
