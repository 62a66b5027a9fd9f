package forward

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/limitd/limitd/fsm/limit"
)

// Position is where in the log, and when, a read was true.
type Position struct {
	Index uint64 // of the last record that the state had applied
	Time  int64  // cluster time of the state, ns
	// Age is how far the state may have been behind the cluster's time, by this
	// node's own lower bound of it: an idle cluster, which writes nothing, ages
	// too. 0 for reads that are not stale; negative: the node knows no cluster
	// time yet.
	Age time.Duration
}

// Read calls read with a state of this node, which must neither be kept nor
// changed. A stale read takes the state as it is, at once, and never fails.
// Any other is linearizable: the state holds all that had been answered
// anywhere when Read was called; its errors are those of Run, always with
// effect none: ErrNoLeader where no leader confirmed it before ctx ended.
func (n *Node) Read(ctx context.Context, stale bool, read func(*limit.State)) (Position, error) {
	if stale {
		return n.view(read, true), nil
	}
	if err := n.Refresh(ctx); err != nil {
		return Position{}, err
	}
	return n.view(read, false), nil
}

// Refresh waits until this node's own state holds all that had been answered
// anywhere when Refresh was called. Its errors are those of Read.
func (n *Node) Refresh(ctx context.Context) error {
	index, err := n.readIndex(ctx)
	if err != nil {
		return err
	}
	if err := n.cfg.Replica.AwaitApplied(ctx, index); err != nil {
		return fmt.Errorf("%w: wait until this node has applied record %d: %w", ErrNoLeader, index, err)
	}
	return nil
}

func (n *Node) view(read func(*limit.State), aged bool) (p Position) {
	n.cfg.Replica.View(func(s *limit.State) {
		p.Index, p.Time = s.Index(), s.Time()
		read(s)
	})
	if aged {
		now, known := n.cfg.Replica.Now()
		p.Age = time.Duration(max(0, now-p.Time))
		if !known {
			p.Age = -1
		}
	}
	return p
}

// readIndex returns the index of a record proposed after it was called. On the
// leader the replica gathers those who wait; elsewhere they are gathered here,
// so that a thousand readers send one frame.
func (n *Node) readIndex(ctx context.Context) (uint64, error) {
	if n.current().self {
		return n.askIndex(ctx)
	}
	f := n.reads.join(n)
	if f == nil {
		return 0, ErrClosed
	}
	select {
	case <-f.done:
		return f.index, f.err
	case <-ctx.Done():
		return 0, giveUp(ctx, false, nil)
	}
}

// askIndex asks the leader. Repeating a read is harmless.
func (n *Node) askIndex(ctx context.Context) (uint64, error) {
	index, err := atLeader(ctx, n, op[uint64]{
		kind:   frameReadIndex,
		again:  true,
		body:   func() [][]byte { return nil },
		local:  n.cfg.Replica.ReadIndex,
		decode: decodeIndex,
	})
	if errors.Is(err, ErrOutcomeUnknown) {
		return 0, giveUp(ctx, false, nil) // whatever became of the record, it has no effect
	}
	return index, err
}

// indexReads gathers reads: while one asks the leader, those who come wait for
// the next one, for its record must be proposed after they came.
type indexReads struct {
	mu      sync.Mutex
	shut    bool       // guarded by mu; nobody joins any more
	running bool       // guarded by mu
	next    *indexRead // guarded by mu; gathers; nil: nobody waits
}

// indexRead is one question to the leader, shared by all who joined it.
type indexRead struct {
	done  chan struct{} // closed when index or err is set
	index uint64
	err   error
}

// join returns a read that is yet to begin, nil where n is closing.
func (r *indexReads) join(n *Node) *indexRead {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.shut {
		return nil
	}
	if r.next == nil {
		r.next = &indexRead{done: make(chan struct{})}
	}
	f := r.next
	if !r.running {
		r.running = true
		n.wait.Go(func() { r.run(n) })
	}
	return f
}

// close lets nobody join any more.
func (r *indexReads) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.shut = true
}

// run asks until nobody waits.
func (r *indexReads) run(n *Node) {
	for {
		r.mu.Lock()
		f := r.next
		r.next = nil
		r.running = f != nil
		r.mu.Unlock()
		if f == nil {
			return
		}
		f.index, f.err = n.askIndex(n.ctx)
		close(f.done)
	}
}
