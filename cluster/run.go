package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
)

// Run stamps record, which command.Encode made, proposes it, and returns its
// answer. This node must lead.
//
// An acquire that has to wait stays open for at most hold (0: not at all) and
// then gets its final outcome, or *command.Waiting with its place at the end of
// hold. While it is open the node shows interest in it (semantics.md A4). Where
// this node's state knows the id as waiting, the call joins without a record.
//
// It returns ErrNotLeader, ErrNoLeader, ErrOverloaded, ErrTooBig or ErrShutdown where nothing
// was proposed, and ErrOutcomeUnknown, which wraps the cause, after that; also
// where ctx ended or the leadership was lost while the call was open.
func (r *Replica) Run(ctx context.Context, record []byte, hold time.Duration) (Answer, error) {
	if a, early := r.beforeItsTime(record); early {
		return a, nil
	}
	c, isAcquire, err := acquireOf(record)
	if err != nil {
		return Answer{}, err
	}
	if !isAcquire {
		return r.inTurn(ctx, true, "", func() (Answer, error) { return r.propose(ctx, record) })
	}
	t, err := r.leading(ctx)
	if err != nil {
		return Answer{}, err
	}
	a, joined := Answer{}, false
	if hold > 0 { // a call that does not stay open shows its interest by a record
		a, joined = r.lookUp(c)
	}
	if !joined {
		propose := func() (Answer, error) { return r.proposeAs(ctx, record, hold > 0 && r.rides(c.Op.(*command.Acquire))) }
		if a, err = r.inTurn(ctx, false, firstLimit(c), propose); err != nil {
			return Answer{}, err
		}
	}
	if w, waits := a.Result.(*command.Waiting); waits && hold > 0 {
		return t.hold(ctx, w.ID, hold, ownPace(c))
	}
	return a, nil
}

// beforeItsTime returns the refusal of a record whose kind came with rules that
// are not in force (semantics.md T8).
func (r *Replica) beforeItsTime(record []byte) (a Answer, early bool) {
	if len(record) < 2 || command.Kind(record[1]).Rules() <= 1 { // of the first version: known to all
		return a, false
	}
	r.View(func(s *limit.State) {
		if p := command.Kind(record[1]).NotInForce(s.Rules()); p != nil {
			a, early = Answer{Result: p, Index: s.Index(), Time: s.Time()}, true
		}
	})
	return a, early
}

// inTurn has a caller's record proposed when its turn comes.
func (r *Replica) inTurn(ctx context.Context, first bool, limit string, propose func() (Answer, error)) (Answer, error) {
	if err := r.turns.enter(ctx, first, limit); err != nil {
		if errors.Is(err, ErrOverloaded) {
			return Answer{}, err
		}
		return Answer{}, fmt.Errorf("%w: %w", ErrNoLeader, err)
	}
	defer r.turns.leave()
	return propose()
}

// firstLimit names the limit on whose account an acquire waits for its turn.
func firstLimit(c command.Command) string {
	if op, _ := c.Op.(*command.Acquire); op != nil && len(op.Entries) > 0 {
		return op.Entries[0].Name
	}
	return ""
}

// ownPace is how often a call must show its interest by itself, because its
// place would lapse before the next turn of interestLoop; 0: it need not.
func ownPace(c command.Command) time.Duration {
	op, _ := c.Op.(*command.Acquire)
	if op == nil || op.Linger == 0 || op.Linger >= int64(2*interestEvery) {
		return 0
	}
	return time.Duration(op.Linger / 4)
}

// acquireOf returns the acquire that record holds; false for another kind.
func acquireOf(record []byte) (command.Command, bool, error) {
	if len(record) < 2 || command.Kind(record[1]) != command.KindAcquire {
		return command.Command{}, false, nil
	}
	c, err := command.Decode(record)
	if err != nil {
		return c, false, fmt.Errorf("read the record: %w", err)
	}
	return c, true, nil
}

// lookUp returns the place of an acquire that waits already, with this content,
// and stays until the interest of open calls is next renewed.
// Tries are not looked up: they hardly ever meet their own id in the queue.
func (r *Replica) lookUp(c command.Command) (a Answer, joined bool) {
	op, _ := c.Op.(*command.Acquire)
	if op == nil || op.Wait <= 0 || c.ID == "" {
		return a, false
	}
	r.View(func(s *limit.State) {
		var w *command.Waiting
		if w, joined = s.Joins(c.ID, op, int64(2*interestEvery)); joined {
			a = Answer{Result: w, Index: s.Index(), Time: s.Time()}
		}
	})
	if joined {
		r.stats.joined.Add(1)
	}
	return a, joined
}

// place returns how the acquire id stands in this node's own state.
func (r *Replica) place(id string) (a Answer, known bool) {
	r.View(func(s *limit.State) {
		a.Result, known = s.Acquire(id)
		a.Index, a.Time = s.Index(), s.Time()
	})
	return a, known
}

// hold keeps a call open for a waiting acquire.
//
// It counts itself in before it looks at the state: an end that the state does
// not show yet is told to all who are counted in, and one that it shows is the
// answer. Where its place would lapse too soon, it shows interest at its own pace.
func (t *tenure) hold(ctx context.Context, id string, hold, pace time.Duration) (Answer, error) {
	r := t.r
	call := r.calls.join(id)
	defer r.calls.leave(id, call)
	a, known := r.place(id)
	w, waits := a.Result.(*command.Waiting)
	if known && !waits {
		return a, nil
	}
	if waits {
		r.calls.waiting(call, w.Age)
	}
	if !waits {
		pace = 0
	}
	timer := time.NewTimer(hold)
	defer timer.Stop()
	for {
		select {
		case <-call.done:
			return call.answer, nil
		case <-timer.C:
			t.lastInterest(w, pace)
			return r.overdue(id, call)
		case <-after(pace):
			t.interest(ctx, []uint64{w.Age})
		case <-ctx.Done():
			t.lastInterest(w, pace)
			return Answer{}, unknown(context.Cause(ctx))
		case <-t.ctx.Done():
			return Answer{}, unknown(context.Cause(t.ctx))
		}
	}
}

// after returns a channel that delivers after pace; nil, which never does,
// where there is no pace.
func after(pace time.Duration) <-chan time.Time {
	if pace == 0 {
		return nil
	}
	return time.After(pace)
}

// lastInterest shows the interest of a call that ends while it waits, where
// that cannot wait for the next turn of interestLoop.
func (t *tenure) lastInterest(w *command.Waiting, pace time.Duration) {
	if pace > 0 {
		t.interest(t.ctx, []uint64{w.Age})
	}
}

// overdue returns where a waiting acquire stands at the end of its hold.
func (r *Replica) overdue(id string, call *openCall) (Answer, error) {
	select {
	case <-call.done:
		return call.answer, nil
	default:
	}
	a, known := r.place(id)
	if !known {
		return Answer{}, unknown(fmt.Errorf("acquire %q is not in the state", id))
	}
	return a, nil
}
