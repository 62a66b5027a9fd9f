package disk

import (
	"errors"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"
	"github.com/limitd/limitd/cluster/store"
)

func birth() Birth { return Birth{Process: "n1#1", At: time.Now()} }

func open(t *testing.T, d *Disk) (*Session, *store.Stores) {
	t.Helper()
	s := d.Open(birth)
	stores, err := s.Stores("id")
	if err != nil {
		t.Fatal(err)
	}
	return s, stores
}

func entries(from, to uint64) (list []*raft.Log) {
	for i := from; i <= to; i++ {
		list = append(list, &raft.Log{Index: i, Term: 1, Data: []byte{byte(i)}})
	}
	return list
}

func ends(t *testing.T, s *store.Stores) (first, last uint64) {
	t.Helper()
	first, err := s.Log.FirstIndex()
	if err != nil {
		t.Fatal(err)
	}
	if last, err = s.Log.LastIndex(); err != nil {
		t.Fatal(err)
	}
	return first, last
}

func TestWhatReturnedIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := New(NewArchive(), 1)
		s, stores := open(t, d)
		if err := errors.Join(stores.Log.StoreLogs(entries(1, 5)), stores.Stable.SetUint64([]byte("term"), 7), stores.SetPromise("n2")); err != nil {
			t.Fatal(err)
		}
		s.Crash()
		_, stores = open(t, d)
		first, last := ends(t, stores)
		term, err := stores.Stable.GetUint64([]byte("term"))
		promise, _ := stores.Promise()
		if first != 1 || last != 5 || term != 7 || err != nil || promise != "n2" {
			t.Errorf("log %d to %d, term %d, %v, promise %q", first, last, term, err, promise)
		}
	})
}

// TestACrashTearsWhatIsUnderWay crashes in the middle of a batch, many times:
// what is left is a prefix of it, and all of none, some and all do occur.
func TestACrashTearsWhatIsUnderWay(t *testing.T) {
	left := make(map[string]int)
	for seed := range uint64(60) {
		synctest.Test(t, func(t *testing.T) {
			d := New(NewArchive(), seed)
			s, stores := open(t, d)
			go func() {
				if err := stores.Log.StoreLogs(entries(1, 10)); err != nil {
					t.Error(err)
				}
			}()
			synctest.Wait()
			s.Crash()
			synctest.Wait()
			if _, last := ends(t, stores); last != 10 {
				t.Errorf("the dead process lives on with %d entries", last)
			}
			_, stores = open(t, d)
			switch _, last := ends(t, stores); last {
			case 0:
				left["none"]++
			case 10:
				left["all"]++
			default:
				left["some"]++
			}
		})
	}
	if left["none"] == 0 || left["some"] == 0 || left["all"] == 0 {
		t.Errorf("what was left: %v", left)
	}
}

func TestTheDeadWriteNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := NewArchive()
		d := New(a, 1)
		s, stores := open(t, d)
		s.Crash()
		if err := stores.Log.StoreLogs(entries(1, 3)); err != nil {
			t.Error(err)
		}
		_, again := open(t, d)
		if _, last := ends(t, again); last != 0 {
			t.Errorf("%d entries of a dead process are on the disk", last)
		}
		if _, ok := a.Entry(Place{1, 1}); ok {
			t.Error("an entry of a dead process is in the archive")
		}
	})
}

func TestFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := New(NewArchive(), 1)
		s, stores := open(t, d)
		d.Set(Rule{Full: true})
		if err := stores.Log.StoreLogs(entries(1, 1)); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("a full disk: %v", err)
		}
		d.Set(Rule{Hang: true})
		time.AfterFunc(3*time.Second, func() { d.Set(Rule{}) })
		began := time.Now()
		if err := stores.Log.StoreLogs(entries(1, 1)); err != nil || time.Since(began) < 3*time.Second {
			t.Errorf("a disk that hangs for 3 s: %v after %v", err, time.Since(began))
		}
		d.Set(Rule{Hang: true})
		time.AfterFunc(time.Second, s.Crash)
		if err := stores.Log.StoreLogs(entries(2, 2)); err != nil {
			t.Errorf("a process that died waiting: %v", err)
		}
	})
}

func TestCompactionAndTruncation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, stores := open(t, New(NewArchive(), 1))
		if err := errors.Join(stores.Log.StoreLogs(entries(1, 10)), stores.Log.DeleteRange(1, 3), stores.Log.DeleteRange(9, 10)); err != nil {
			t.Fatal(err)
		}
		if first, last := ends(t, stores); first != 4 || last != 8 {
			t.Errorf("%d to %d are left", first, last)
		}
		if err := stores.Log.GetLog(3, new(raft.Log)); !errors.Is(err, raft.ErrLogNotFound) {
			t.Errorf("a compacted entry: %v", err)
		}
		if err := stores.Log.DeleteRange(4, 8); err != nil {
			t.Fatal(err)
		}
		if first, last := ends(t, stores); first != 0 || last != 0 {
			t.Errorf("an empty log goes from %d to %d", first, last)
		}
	})
}

func TestSnapshots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := NewArchive()
		d := New(a, 1)
		s, stores := open(t, d)
		for _, i := range []uint64{0, 1, 2, 4, 3} {
			sink, err := stores.Snapshot.Create(1, i+1, 1, raft.Configuration{}, 1, nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := sink.Write([]byte{byte(i)}); err != nil {
				t.Fatal(err)
			}
			if err := sink.Close(); err != nil {
				t.Fatal(err)
			}
		}
		s.Close()
		_, stores = open(t, d)
		list, err := stores.Snapshot.List()
		if err != nil || len(list) != snapshotsKept || list[0].Index != 5 {
			t.Errorf("%+v, %v", list, err)
		}
		if n := len(a.Snapshots()); n != 5 {
			t.Errorf("the archive has %d snapshots", n)
		}
	})
}

// TestTheArchiveKnowsWhatStandsBefore has an index left out, as a restore does.
func TestTheArchiveKnowsWhatStandsBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := NewArchive()
		_, stores := open(t, New(a, 1))
		sink, err := stores.Snapshot.Create(1, 4, 2, raft.Configuration{}, 1, nil)
		if err != nil {
			t.Fatal(err)
		}
		last := &raft.Log{Index: 5, Term: 3}
		if err := errors.Join(stores.Log.StoreLogs(entries(1, 3)), sink.Close(), stores.Log.StoreLog(last)); err != nil {
			t.Fatal(err)
		}
		for at, want := range map[Place]uint64{{1, 1}: 0, {2, 1}: 1, {5, 3}: 2} {
			if e, ok := a.Entry(at); !ok || e.Before != want {
				t.Errorf("before %v stands one of term %d (%v), not of %d", at, e.Before, ok, want)
			}
		}
		if k := a.Snapshots()[0]; k.Place() != (Place{4, 2}) || k.Before != (Place{3, 1}) {
			t.Errorf("the snapshot is at %v behind %v", k.Place(), k.Before)
		}
	})
}
