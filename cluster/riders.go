package cluster

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/raft"
	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
)

const (
	// rideFor is how long an acquire that has to wait in any case lets others go first.
	rideFor = 5 * time.Millisecond
	// rideLeast is how long an acquire must be ready to wait, that this is nothing to it.
	rideLeast = 20 * rideFor
)

// riders are acquires that this node's state says have to wait: they travel with
// the next record that anybody proposes.
//
// Where callers contend for few slots, a slot goes from hand to hand as fast as
// a record that releases it is committed. Who has just released asks again at
// once, and a record of his own would be on its way to the disks when the next
// release comes, which had to wait until it is there. He has time.
type riders struct {
	mu   sync.Mutex
	list []*rider
}

// rider is one of them.
type rider struct {
	record []byte
	sent   chan raft.ApplyFuture // gets the proposal, once
}

func (q *riders) add(record []byte) *rider {
	one := &rider{record: record, sent: make(chan raft.ApplyFuture, 1)}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.list = append(q.list, one)
	return one
}

// take takes all.
func (q *riders) take() []*rider {
	q.mu.Lock()
	defer q.mu.Unlock()
	all := q.list
	q.list = nil
	return all
}

// leave takes one out; false: it is on its way.
func (q *riders) leave(one *rider) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	at := slices.Index(q.list, one)
	if at < 0 {
		return false
	}
	q.list = slices.Delete(q.list, at, at+1)
	return true
}

// ride proposes record together with the next one that anybody proposes, or after
// rideFor. Its error says that nothing was proposed.
func (t *tenure) ride(ctx context.Context, record []byte) (raft.ApplyFuture, error) {
	one := t.riders.add(record)
	timer := time.NewTimer(rideFor)
	defer timer.Stop()
	select {
	case f := <-one.sent:
		return f, nil
	case <-timer.C:
	case <-ctx.Done():
	case <-t.ctx.Done():
	}
	switch {
	case !t.riders.leave(one):
		return <-one.sent, nil
	case ctx.Err() != nil:
		return nil, fmt.Errorf("%w: %w", errAgain, context.Cause(ctx))
	case t.ctx.Err() != nil:
		return nil, errAgain
	}
	future := t.stamped(record)
	t.sendRiders() // who came later
	return future, nil
}

// sendRiders proposes those who ride, in the order in which they came.
func (t *tenure) sendRiders() {
	for _, one := range t.riders.take() {
		one.sent <- t.stamped(one.record)
	}
}

// rides tells whether an acquire has to wait, and has the time to ride, and the turn
// that it keeps meanwhile.
func (r *Replica) rides(op *command.Acquire) (crowded bool) {
	if op.Wait < int64(rideLeast) || r.turns.pressed() {
		return false
	}
	r.View(func(s *limit.State) { crowded = !s.Fits(op.Entries) })
	return crowded
}
