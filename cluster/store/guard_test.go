package store

import (
	"errors"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"
	"github.com/limitd/limitd/fsm/command"
)

// badDisk is a log that fails or hangs on demand.
type badDisk struct {
	raft.LogStore
	err  error
	hang chan struct{}
}

func (b *badDisk) StoreLogs(l []*raft.Log) error {
	if b.hang != nil {
		<-b.hang
	}
	if b.err != nil {
		return b.err
	}
	return b.LogStore.StoreLogs(l)
}

// alarm records what was fatal.
type alarm struct {
	mu   sync.Mutex
	errs []error
	told chan struct{}
}

func newAlarm() *alarm { return &alarm{told: make(chan struct{}, 10)} }

func (a *alarm) fatal(err error) {
	a.mu.Lock()
	a.errs = append(a.errs, err)
	a.mu.Unlock()
	a.told <- struct{}{}
}

// wait returns the first fatal error.
func (a *alarm) wait() error {
	<-a.told
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.errs[0]
}

func entry(index uint64) *raft.Log {
	data := command.Encode(command.Command{Header: command.Header{ID: "x"}, Op: &command.Tick{}})
	return &raft.Log{Index: index, Term: 3, Type: raft.LogCommand, Data: data}
}

func TestAFailedWriteIsFatalAndNeverReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAlarm()
		full := errors.New("no space left on device")
		g := NewGuard(&badDisk{LogStore: raft.NewInmemStore(), err: full}, newMemoryStable(), a.fatal)
		returned := make(chan error, 1)
		go func() { returned <- g.Logs().StoreLog(entry(1)) }()
		if err := a.wait(); !errors.Is(err, ErrWrite) || !errors.Is(err, full) {
			t.Fatalf("told of %v", err)
		}
		synctest.Wait()
		select {
		case err := <-returned:
			t.Fatalf("raft was given %v and could go on", err)
		default:
		}
		g.Close()
		if err := <-returned; !errors.Is(err, ErrWrite) {
			t.Fatalf("after the end: %v", err)
		}
	})
}

func TestAWriteThatHangsIsFatal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAlarm()
		disk := &badDisk{LogStore: raft.NewInmemStore(), hang: make(chan struct{})}
		g := NewGuard(disk, newMemoryStable(), a.fatal)
		start := time.Now()
		done := make(chan struct{})
		go func() { defer close(done); _ = g.Logs().StoreLog(entry(1)) }()
		if err := a.wait(); !errors.Is(err, ErrStalled) {
			t.Fatalf("told of %v", err)
		}
		if took := time.Since(start); took < StallAfter || took > StallAfter+time.Second {
			t.Fatalf("noticed after %v", took)
		}
		close(disk.hang)
		<-done
		g.Close()
	})
}

func TestSlowWritesAreNotHanging(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAlarm()
		disk := &badDisk{LogStore: raft.NewInmemStore(), hang: make(chan struct{})}
		g := NewGuard(disk, newMemoryStable(), a.fatal)
		defer g.Close()
		for i := range uint64(3) {
			go func() {
				timer := time.NewTimer(StallAfter - time.Second)
				<-timer.C
				disk.hang <- struct{}{}
			}()
			if err := g.Logs().StoreLog(entry(i + 1)); err != nil {
				t.Fatal(err)
			}
		}
		if len(a.errs) > 0 {
			t.Fatalf("told of %v", a.errs)
		}
	})
}

func TestADamagedEntryIsFatal(t *testing.T) {
	damage := map[string]func(*raft.Log){
		"data":   func(l *raft.Log) { l.Data[20] ^= 1 },
		"term":   func(l *raft.Log) { l.Term ^= 4 },
		"type":   func(l *raft.Log) { l.Type = raft.LogNoop },
		"index":  func(l *raft.Log) { l.Index = 9 },
		"sum":    func(l *raft.Log) { l.Extensions[0] ^= 1 },
		"no sum": func(l *raft.Log) { l.Extensions = nil },
	}
	for name, hurt := range damage {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, mem := newAlarm(), raft.NewInmemStore()
				g := NewGuard(mem, newMemoryStable(), a.fatal)
				e := entry(1)
				if err := g.Logs().StoreLog(e); err != nil {
					t.Fatal(err)
				}
				hurt(e) // the store in memory keeps the pointer
				done := make(chan struct{})
				go func() { defer close(done); _ = g.Logs().GetLog(1, new(raft.Log)) }()
				if err := a.wait(); !errors.Is(err, ErrDamaged) {
					t.Fatalf("told of %v", err)
				}
				g.Close()
				<-done
			})
		})
	}
}

// TestADamagedEntryIsNotTakenFromALeader either.
func TestADamagedEntryIsNotTakenFromALeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAlarm()
		g := NewGuard(raft.NewInmemStore(), newMemoryStable(), a.fatal)
		e := entry(1)
		e.Extensions = seal(e)
		e.Data[len(e.Data)-1] ^= 0x10
		done := make(chan struct{})
		go func() { defer close(done); _ = g.Logs().StoreLog(e) }()
		if err := a.wait(); !errors.Is(err, ErrDamaged) {
			t.Fatalf("told of %v", err)
		}
		g.Close()
		<-done
	})
}

func TestTheVoteIsChecked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, mem := newAlarm(), newMemoryStable()
		g := NewGuard(raft.NewInmemStore(), mem, a.fatal)
		s := g.Stable()
		if _, err := s.GetUint64([]byte("CurrentTerm")); err == nil || err.Error() != "not found" {
			t.Fatalf("raft knows a missing key by its text; got %v", err)
		}
		if err := s.SetUint64([]byte("CurrentTerm"), 7); err != nil {
			t.Fatal(err)
		}
		if v, err := s.GetUint64([]byte("CurrentTerm")); err != nil || v != 7 {
			t.Fatalf("%d %v", v, err)
		}
		mem.values["CurrentTerm"][0] ^= 1
		done := make(chan struct{})
		go func() { defer close(done); _, _ = s.GetUint64([]byte("CurrentTerm")) }()
		if err := a.wait(); !errors.Is(err, ErrDamaged) {
			t.Fatalf("told of %v", err)
		}
		g.Close()
		<-done
	})
}

func TestMemorySnapshotsAreShownWhole(t *testing.T) {
	s := &memorySnapshots{}
	for i := range uint64(5) {
		sink, err := s.Create(1, i, 1, raft.Configuration{}, 0, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := sink.Write([]byte{byte(i)}); err != nil {
			t.Fatal(err)
		}
		if list, _ := s.List(); len(list) > 0 && list[0].Index == i {
			t.Fatal("half a snapshot is shown")
		}
		if i == 4 {
			_ = sink.Cancel()
		}
		if err := sink.Close(); err != nil {
			t.Fatal(err)
		}
	}
	list, _ := s.List()
	if len(list) != snapshotsKept || list[0].Index != 3 {
		t.Fatalf("%d kept, newest %d", len(list), list[0].Index)
	}
	_, r, err := s.Open(list[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := io.ReadAll(r); len(b) != 1 || b[0] != 3 {
		t.Fatalf("content %x", b)
	}
	if _, _, err := s.Open("none"); err == nil {
		t.Fatal("opened what is not there")
	}
}

// TestMemorySnapshotsAreOrderedAsFilesAre: raft restores the first of the list.
func TestMemorySnapshotsAreOrderedAsFilesAre(t *testing.T) {
	for _, s := range []raft.SnapshotStore{&memorySnapshots{}, files(t)} {
		var want string
		for _, x := range []struct{ term, index uint64 }{{1, 9}, {3, 7}, {2, 8}, {3, 5}} {
			sink, err := s.Create(1, x.index, x.term, raft.Configuration{}, 0, &raft.InmemTransport{})
			if err != nil {
				t.Fatal(err)
			}
			if err := sink.Close(); err != nil {
				t.Fatal(err)
			}
			if x.index == 7 {
				want = sink.ID()
			}
		}
		list, err := s.List()
		if err != nil || list[0].ID != want {
			t.Errorf("%T: the newest is %+v, %v", s, list[0], err)
		}
	}
}

func files(t *testing.T) raft.SnapshotStore {
	t.Helper()
	s, err := raft.NewFileSnapshotStore(t.TempDir(), snapshotsKept, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
