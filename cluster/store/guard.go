package store

import (
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

var (
	// ErrWrite says that a write failed: the process must stop.
	ErrWrite = errors.New("store: a write to the data directory failed")
	// ErrStalled says that a write hangs: the process must stop.
	ErrStalled = errors.New("store: a write to the data directory hangs")
	// ErrDamaged says that an entry or a vote is not what was written.
	ErrDamaged = errors.New("store: the data directory is damaged: empty it and let the node join as a new one")
)

// StallAfter is how long a write may take before it is taken for a hang. It is
// counted in looks, not by the clock: a process that was stopped and goes on
// has done nothing wrong.
const StallAfter = stallLooks * stallEvery

const (
	stallEvery = 500 * time.Millisecond
	stallLooks = 10
)

// A Guard makes every failure of the stores below it fatal. Its Log and Stable
// are what raft is given. Close ends the watchdog.
type Guard struct {
	log    raft.LogStore
	stable raft.StableStore
	fatal  func(error)

	mu    sync.Mutex
	ops   map[uint64]*operation // writes under way, by number
	count uint64

	stop chan struct{}
	done sync.WaitGroup
	once sync.Once
}

// An operation is a write under way.
type operation struct {
	name  string
	since time.Time
	looks int // of the watchdog that met it
}

// NewGuard guards log and stable and starts the watchdog. fatal is told once
// for each failure and should end the process: the failed call does not return
// until the guard is closed, so that raft cannot go on from it.
func NewGuard(log raft.LogStore, stable raft.StableStore, fatal func(error)) *Guard {
	g := &Guard{log: log, stable: stable, fatal: fatal, ops: make(map[uint64]*operation), stop: make(chan struct{})}
	g.done.Go(g.watch)
	return g
}

// Close ends the watchdog and lets go of calls that failed. It may be called twice.
func (g *Guard) Close() error {
	g.once.Do(func() { close(g.stop) })
	g.done.Wait()
	return nil
}

// watch tells of a write that takes too long, once.
func (g *Guard) watch() {
	tick := time.NewTicker(stallEvery)
	defer tick.Stop()
	for {
		select {
		case <-g.stop:
			return
		case now := <-tick.C:
			if op := g.look(); op != nil {
				g.fatal(fmt.Errorf("%w: %s for %v", ErrStalled, op.name, now.Sub(op.since).Round(time.Millisecond)))
				return
			}
		}
	}
}

// look counts the looks at each write, and returns one that hangs.
func (g *Guard) look() (hangs *operation) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, op := range g.ops {
		if op.looks++; op.looks > stallLooks {
			hangs = op
		}
	}
	return hangs
}

// write runs one write under the watchdog; a failure is fatal.
func (g *Guard) write(name string, do func() error) error {
	g.mu.Lock()
	g.count++
	n := g.count
	g.ops[n] = &operation{name: name, since: time.Now()}
	g.mu.Unlock()
	err := guarded(do)
	g.mu.Lock()
	delete(g.ops, n)
	g.mu.Unlock()
	if err != nil {
		return g.fail(fmt.Errorf("%w: %s: %w", ErrWrite, name, err))
	}
	return nil
}

// guarded reads or writes the stores. What the store below panics with is damage:
// a page that is not what it should be, or one of a mapped file that the disk does
// not give, which is a fault of memory here.
func guarded(do func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", ErrDamaged, p)
		}
	}()
	return do()
}

// fail tells of err and holds the caller until the guard is closed.
func (g *Guard) fail(err error) error {
	g.fatal(err)
	<-g.stop
	return err
}
