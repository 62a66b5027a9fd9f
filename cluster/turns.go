package cluster

import (
	"context"
	"sync"
)

// turns decide whose record goes to raft next where more are wanted than raft
// is given at a time, so that callers wait here, where there is an order, and
// not in raft's queue, where there is none:
//
//   - what gives slots back or keeps them (release, renew, cancel) and what
//     operators do goes before all acquires;
//   - of the acquires each limit has one turn after the other, however many wait
//     for it: a flood on one limit delays another by a turn, not by the flood;
//   - what does not fit into the queue is refused at once, before it costs memory,
//     and one limit may fill no more than a quarter of it.
//
// The zero turns take nobody; make them by newTurns.
type turns struct {
	most, queue int // records with raft; records that wait

	mu      sync.Mutex
	inside  int             // guarded by mu; records with raft
	waiting int             // guarded by mu
	first   row             // guarded by mu; goes before all others
	rows    map[string]*row // guarded by mu; acquires by their first limit; none is empty
	ring    []*row          // guarded by mu; the same, the next to have its turn first
	refused uint64          // guarded by mu; so far
}

// row is those who wait for the same, in the order of their coming.
type row struct {
	key  string
	line []*turn
}

// turn is one caller.
type turn struct {
	called chan struct{} // closed when it may go
	gone   bool          // guarded by turns.mu; it waits no more
}

const (
	// recordsWithRaft is one batch that raft commits and one that gathers
	// meanwhile. More would only wait longer.
	recordsWithRaft = 512
	// recordsWaiting is what a leader catches up with in a few seconds. Each costs
	// some 10 KiB, the goroutine of its call for the most part.
	recordsWaiting = 16_384
)

func newTurns(most, queue int) *turns {
	return &turns{most: most, queue: queue, rows: map[string]*row{}}
}

// enter waits for the caller's turn; who got it must leave. Acquires give the
// limit that they name first, all else goes first. It returns ErrOverloaded, at
// once, where the queue is full, or what ctx ended by.
func (q *turns) enter(ctx context.Context, first bool, limit string) error {
	t, err := q.take(first, limit)
	if t == nil || err != nil {
		return err
	}
	select {
	case <-t.called:
		return nil
	case <-ctx.Done():
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	select {
	case <-t.called: // at the same moment
		return nil
	default:
	}
	t.gone = true
	return context.Cause(ctx)
}

// take counts the caller in, or gives it a place in the queue.
func (q *turns) take(first bool, limit string) (*turn, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.inside < q.most && (first || q.waiting == 0) {
		q.inside++
		return nil, nil
	}
	r := &q.first
	if !first {
		r = q.rows[limit]
	}
	full := first && len(r.line) >= q.queue || !first && (q.waiting >= q.queue || r != nil && len(r.line) >= q.queue/4)
	if full {
		q.refused++
		return nil, ErrOverloaded
	}
	if r == nil {
		r = &row{key: limit}
		q.rows[limit] = r
		q.ring = append(q.ring, r)
	}
	t := &turn{called: make(chan struct{})}
	r.line = append(r.line, t)
	q.waiting++
	return t, nil
}

// leave gives the caller's turn to the next.
func (q *turns) leave() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.inside--
	for q.inside < q.most && q.waiting > 0 {
		if t := q.next(); !t.gone {
			q.inside++
			close(t.called)
		}
	}
}

// next takes the next turn out of the queue, which is not empty; q.mu is held.
func (q *turns) next() *turn {
	r := &q.first
	if len(r.line) == 0 {
		r = q.ring[0]
		q.ring = q.ring[1:]
	}
	t := r.line[0]
	r.line[0] = nil
	r.line = r.line[1:]
	q.waiting--
	switch {
	case r == &q.first:
	case len(r.line) == 0:
		delete(q.rows, r.key)
	default:
		q.ring = append(q.ring, r)
	}
	return t
}

// pressed tells whether turns are scarce, so that nobody should keep his for long.
func (q *turns) pressed() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.inside > q.most/4
}

// state returns how many wait, and how many were refused so far.
func (q *turns) state() (waiting int, refused uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.waiting, q.refused
}
