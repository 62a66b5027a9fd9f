package cluster

import (
	"context"
	"sync"
	"time"

	"github.com/limitd/limitd/fsm/command"
)

// reads lets all linearizable reads that wait at one moment share one record,
// proposed after the last of them came.
type reads struct {
	mu   sync.Mutex
	next *readBatch // gathering
	work kick
}

// A readBatch is a group of reads with one record.
type readBatch struct {
	done  chan struct{} // closed once index and err are set
	index uint64
	err   error
}

// readTimeout bounds one record: callers bring their own, shorter deadlines.
const readTimeout = 10 * time.Second

// join takes the caller into the batch that is gathering.
func (q *reads) join() *readBatch {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.next == nil {
		q.next = &readBatch{done: make(chan struct{})}
		q.work.wake()
	}
	return q.next
}

// take ends the gathering: who comes later waits for the next record.
func (q *reads) take() *readBatch {
	q.mu.Lock()
	defer q.mu.Unlock()
	b := q.next
	q.next = nil
	return b
}

// ReadIndex returns the index of a stamped read record that was proposed after
// this call came, so that a state which has applied it shows all that was
// answered before. This node must lead. See Run for the errors.
func (r *Replica) ReadIndex(ctx context.Context) (uint64, error) {
	if _, err := r.leading(ctx); err != nil {
		return 0, err
	}
	b := r.reads.join()
	select {
	case <-b.done:
		return b.index, b.err
	case <-ctx.Done():
		return 0, unknown(context.Cause(ctx))
	case <-r.ctx.Done():
		return 0, ErrShutdown
	}
}

// readLoop proposes one record a batch, one batch at a time.
func (r *Replica) readLoop() {
	for {
		select {
		case <-r.reads.work:
		case <-r.ctx.Done():
			return
		}
		if b := r.reads.take(); b != nil {
			r.readOnce(b)
		}
	}
}

func (r *Replica) readOnce(b *readBatch) {
	ctx, cancel := context.WithTimeout(r.ctx, readTimeout)
	defer cancel()
	a, err := r.propose(ctx, readRecord())
	b.index, b.err = a.Index, err
	r.stats.reads.Add(1)
	close(b.done)
}

func readRecord() []byte { return command.Encode(command.Command{Op: &command.Read{}}) }
