package store

import (
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/hashicorp/raft"
)

// slowDisk is a log whose writes wait until they are let through.
type slowDisk struct {
	*raft.InmemStore
	let  chan error
	sets [][]uint64 // indexes of each write
}

func (s *slowDisk) StoreLogs(list []*raft.Log) error {
	if err := <-s.let; err != nil {
		return err
	}
	var set []uint64
	for _, e := range list {
		set = append(set, e.Index)
	}
	s.sets = append(s.sets, set)
	return s.InmemStore.StoreLogs(list)
}

// ledger is a Deferred over a slow disk.
type ledger struct {
	*Deferred
	disk  *slowDisk
	leads atomic.Bool
}

func inLedger(t *testing.T, test func(t *testing.T, l *ledger)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := &ledger{disk: &slowDisk{InmemStore: raft.NewInmemStore(), let: make(chan error)}}
		l.Deferred = NewDeferred(l.disk, func([]*raft.Log) error { return nil })
		l.Defer(l.leads.Load)
		l.leads.Store(true)
		test(t, l)
		l.Close()
	})
}

func (l *ledger) store(t *testing.T, indexes ...uint64) {
	t.Helper()
	for _, i := range indexes {
		if err := l.StoreLog(entry(i)); err != nil {
			t.Fatal(err)
		}
	}
}

// later runs do, and returns whether it has ended as soon as all else waits.
func later(do func()) (ended func() bool) {
	done := make(chan struct{})
	go func() {
		do()
		close(done)
	}()
	return func() bool {
		synctest.Wait()
		select {
		case <-done:
			return true
		default:
			return false
		}
	}
}

func TestALeaderDoesNotWaitForItsDisk(t *testing.T) {
	inLedger(t, func(t *testing.T, l *ledger) {
		if l.Durable() != ^uint64(0) {
			t.Errorf("with nothing to write, all up to %d is on the disk", l.Durable())
		}
		l.store(t, 1, 2, 3)
		synctest.Wait()
		if last, err := l.LastIndex(); last != 3 || err != nil || l.Durable() != 0 {
			t.Errorf("last %d, durable %d, %v", last, l.Durable(), err)
		}
		if first, err := l.FirstIndex(); first != 1 || err != nil {
			t.Errorf("first %d, %v", first, err)
		}
		var e raft.Log
		if err := l.GetLog(2, &e); err != nil || e.Index != 2 {
			t.Errorf("entry %d, %v", e.Index, err)
		}
		first, all := later(func() { _ = l.Await(1) }), later(func() { _ = l.Await(3) })
		if first() || all() {
			t.Error("it did not wait")
		}
		l.disk.let <- nil
		synctest.Wait()
		l.store(t, 4)
		if n := len(l.disk.sets[0]); !first() || n < 3 && all() {
			t.Errorf("after %v", l.disk.sets)
		}
		close(l.disk.let)
		if !all() {
			t.Error("it waits for what is on the disk")
		}
		if err := l.Await(4); err != nil || l.Durable() != ^uint64(0) {
			t.Errorf("%d, %v", l.Durable(), err)
		}
	})
}

// raft acts on its own entries by itself, and a follower's answer says that the
// entries are on its disk.
func TestWhatIsNotDeferred(t *testing.T) {
	for name, test := range map[string]func(l *ledger) error{
		"raft's own":            func(l *ledger) error { return l.StoreLog(&raft.Log{Index: 2, Type: raft.LogConfiguration}) },
		"those of a follower":   func(l *ledger) error { l.leads.Store(false); return l.StoreLog(entry(2)) },
		"what does not follow":  func(l *ledger) error { return l.StoreLog(entry(7)) },
		"a deletion":            func(l *ledger) error { return l.DeleteRange(1, 1) },
		"a look of a follower":  func(l *ledger) error { l.leads.Store(false); return l.GetLog(1, new(raft.Log)) },
		"what is applied by it": func(l *ledger) error { return l.Await(1) },
	} {
		t.Run(name, func(t *testing.T) {
			inLedger(t, func(t *testing.T, l *ledger) {
				l.store(t, 1)
				ended := later(func() {
					if err := test(l); err != nil {
						t.Error(err)
					}
				})
				if ended() {
					t.Error("it did not wait for the disk")
				}
				close(l.disk.let)
				if !ended() || len(l.disk.sets) == 0 || l.disk.sets[0][0] != 1 {
					t.Errorf("written were %v", l.disk.sets)
				}
			})
		})
	}
}

// Entries that could not be written never count as written.
func TestAFailedWriteIsNotDurable(t *testing.T) {
	inLedger(t, func(t *testing.T, l *ledger) {
		full := errors.New("no space left on device")
		l.store(t, 1)
		l.disk.let <- full
		synctest.Wait()
		if err := l.Await(1); !errors.Is(err, full) || l.Durable() != 0 {
			t.Errorf("%d, %v", l.Durable(), err)
		}
		if err := l.StoreLog(entry(2)); !errors.Is(err, full) {
			t.Errorf("the next one: %v", err)
		}
	})
}

func TestADiskThatIsBehind(t *testing.T) {
	inLedger(t, func(t *testing.T, l *ledger) {
		for i := range uint64(maxDeferred) {
			l.store(t, i+1)
		}
		ended := later(func() { l.store(t, maxDeferred+1) })
		if ended() {
			t.Error("there is no bound")
		}
		close(l.disk.let)
		if !ended() {
			t.Error("it waits still")
		}
	})
}
