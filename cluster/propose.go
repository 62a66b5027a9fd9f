package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/hashicorp/raft"
	"github.com/limitd/limitd/fsm/command"
)

// enqueueTimeout bounds how long raft may take to accept a proposal before the
// caller's deadline is looked at again. raft's own timeout covers no more.
const enqueueTimeout = time.Second

// leading returns this node's tenure. A node that has been elected but is not
// open yet is waited for.
func (r *Replica) leading(ctx context.Context) (*tenure, error) {
	for {
		wait := r.leadership.wait()
		if t := r.tenure.Load(); t != nil {
			return t, nil
		}
		if r.ctx.Err() != nil {
			return nil, ErrShutdown
		}
		if r.raft.State() != raft.Leader {
			if _, known := r.Leader(); known {
				return nil, ErrNotLeader
			}
			return nil, ErrNoLeader
		}
		if err := wait(ctx); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrNoLeader, err)
		}
	}
}

// propose brings record through the log and returns its answer. A record that
// was not run (its stamp was of another term, or it was cut short) is proposed
// again.
func (r *Replica) propose(ctx context.Context, record []byte) (Answer, error) {
	return r.proposeAs(ctx, record, false)
}

// proposeAs is propose, at first as a rider or not.
func (r *Replica) proposeAs(ctx context.Context, record []byte, rides bool) (Answer, error) {
	if len(record) > command.MaxSize {
		return Answer{}, fmt.Errorf("%w: %d bytes, at most %d", ErrTooBig, len(record), command.MaxSize)
	}
	for {
		t, err := r.leading(ctx)
		if err != nil {
			return Answer{}, err
		}
		a, err := t.try(ctx, record, rides)
		rides = false
		if errors.Is(err, errAgain) && ctx.Err() == nil {
			continue
		}
		if err != nil {
			return Answer{}, err
		}
		if _, notRun := a.Result.(*command.NotRun); !notRun {
			return a, nil
		}
		r.stats.notRun.Add(1)
		if ctx.Err() != nil {
			return Answer{}, fmt.Errorf("%w: %w", ErrNoLeader, context.Cause(ctx))
		}
	}
}

// errAgain says that nothing was proposed, and that another try may succeed.
var errAgain = fmt.Errorf("%w: raft did not take the record", ErrNoLeader)

// try stamps a copy of record, proposes it once and waits for its answer.
//
// Calls run side by side, with no lock between stamp and log: of two records
// stamped within the same microseconds the later stamp may come first in the
// log. State-machine time is the larger of time and stamp, so the other one is
// then played at the later instant, which has come by then as well.
func (t *tenure) try(ctx context.Context, record []byte, rides bool) (Answer, error) {
	r := t.r
	if err := r.gate.enter(ctx); err != nil {
		return Answer{}, fmt.Errorf("%w: %w", ErrNoLeader, err)
	}
	defer r.gate.leave()
	if t.ctx.Err() != nil { // the gate was shut, and the tenure went by
		return Answer{}, errAgain
	}
	future, err := t.start(ctx, record, rides)
	if err != nil {
		return Answer{}, err
	}
	begun := time.Now()
	err = r.await(ctx, future)
	if errors.Is(err, raft.ErrEnqueueTimeout) {
		return Answer{}, errAgain
	}
	if err = classify(err); err != nil {
		r.stats.failed.Add(1)
		return Answer{}, err
	}
	a, ok := future.Response().(Answer)
	if !ok { // the state machine gave no answer: it is about to stop the process
		return Answer{}, unknown(fmt.Errorf("the state machine answered %T", future.Response()))
	}
	r.stats.proposed.Add(1)
	r.cfg.Meter.Committed(time.Since(begun))
	return a, nil
}

// start proposes record, now or as a rider.
func (t *tenure) start(ctx context.Context, record []byte, rides bool) (raft.ApplyFuture, error) {
	if rides {
		return t.ride(ctx, record)
	}
	return t.send(record), nil
}

// send proposes record, and what rides with it: behind it, or before an acquire,
// which may want the same slots and came later.
func (t *tenure) send(record []byte) raft.ApplyFuture {
	if command.Kind(record[1]) == command.KindAcquire {
		t.sendRiders()
		return t.stamped(record)
	}
	future := t.stamped(record)
	t.sendRiders()
	return future
}

// stamped proposes a copy of record that bears cluster time.
func (t *tenure) stamped(record []byte) raft.ApplyFuture {
	b := append([]byte(nil), record...)
	stamp := t.now()
	command.Stamp(b, command.Header{Stamp: stamp, Term: t.term, Wall: t.r.cfg.Clock.Wall()})
	future := t.r.raft.Apply(b, enqueueTimeout)
	t.proposed(stamp)
	return future
}

// proposed notes the stamp of a record that is under way.
func (t *tenure) proposed(stamp int64) {
	for {
		old := t.stamp.Load()
		if stamp <= old || t.stamp.CompareAndSwap(old, stamp) {
			return
		}
	}
}

// await waits for a future of raft's, no longer than ctx and this replica live.
// raft drops futures over a shutdown, so nobody may wait for one without an end;
// Close waits for those under way before it stops raft.
func (r *Replica) await(ctx context.Context, f raft.Future) error {
	if err := r.futures.enter(ctx); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() {
		defer r.futures.leave()
		done <- f.Error()
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-r.ctx.Done():
		return ErrShutdown
	}
}

func randomID(from io.Reader, id *[16]byte) error {
	if _, err := io.ReadFull(from, id[:]); err != nil {
		return fmt.Errorf("read random bytes: %w", err)
	}
	return nil
}
