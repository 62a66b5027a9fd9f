package store

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"
)

func TestSnapshotsAscend(t *testing.T) {
	below := Memory("a").Snapshot
	begin := func(s *Ascending, index uint64) raft.SnapshotSink {
		t.Helper()
		sink, err := s.Create(1, index, 1, raft.Configuration{}, 1, nil)
		if err != nil {
			t.Fatal(err)
		}
		return sink
	}
	s, err := NewAscending(below)
	if err != nil {
		t.Fatal(err)
	}
	older, newer := begin(s, 10), begin(s, 12)
	if err := newer.Close(); err != nil {
		t.Error(err)
	}
	if older.Close() == nil {
		t.Error("an older one was finished after it")
	}
	for _, again := range []raft.SnapshotStore{s, below} { // the second: after a restart
		if s, err = NewAscending(again); err != nil {
			t.Fatal(err)
		}
		if begin(s, 11).Close() == nil {
			t.Error("an older one was finished")
		}
		if err := begin(s, 12).Close(); err != nil {
			t.Errorf("the same again: %v", err)
		}
	}
	if list, err := s.List(); err != nil || len(list) == 0 || list[0].Index != 12 {
		t.Errorf("%v, %v", list, err)
	}
}

// slowSink takes a second of the disk's time to be finished.
type slowSink struct{ raft.SnapshotSink }

func (s slowSink) Close() error {
	time.Sleep(time.Second)
	return s.SnapshotSink.Close()
}

// Who waits for a slow disk holds no lock: time goes on for it as for all others.
func TestOneSnapshotIsFinishedAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := NewAscending(Memory("a").Snapshot)
		if err != nil {
			t.Fatal(err)
		}
		begun, done := time.Now(), make(chan error)
		for range 2 {
			sink, err := s.Create(1, 10, 1, raft.Configuration{}, 1, nil)
			if err != nil {
				t.Fatal(err)
			}
			k := sink.(*ascendingSink)
			k.SnapshotSink = slowSink{k.SnapshotSink}
			go func() { done <- k.Close() }()
		}
		for range 2 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if took := time.Since(begun); took != 2*time.Second {
			t.Errorf("two snapshots were finished after %v", took)
		}
	})
}
