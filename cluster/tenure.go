package cluster

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
	"github.com/limitd/limitd/cluster/clock"
	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
)

// tenure is one term of this node's leadership, from the moment that its
// Barrier has been applied. Everything that a leader does belongs to one, and
// every record it stamps bears its term: an entry that reaches the log in
// another term is not run.
type tenure struct {
	r     *Replica
	term  uint64
	clock clock.Leading

	ctx    context.Context // ends with the leadership
	cancel context.CancelCauseFunc
	tasks  sync.WaitGroup

	riders riders
	began  int64 // instant, by the monotonic clock

	unreached atomic.Pointer[unreached]
	vigil     vigil

	stamp   atomic.Int64 // the newest that was proposed
	ticking atomic.Bool  // a tick is under way
}

// reopenDelay is how long a leader waits before it tries its Barrier again.
const reopenDelay = 50 * time.Millisecond

// barrierTimeout covers the hand-over of the Barrier to raft, not its commit.
const barrierTimeout = time.Second

// watchLeadership opens a tenure when this node is elected and ends it when
// that is over. raft may merge signals, so each one only means: look.
func (r *Replica) watchLeadership() {
	var t *tenure
	defer func() { r.endTenure(t) }()
	for {
		again := (<-chan time.Time)(nil)
		term, leads := r.leads()
		if t != nil && (!leads || t.term != term || t.ctx.Err() != nil) {
			r.endTenure(t)
			t = nil
		}
		if t == nil && leads {
			var err error
			if t, err = r.openTenure(term); err != nil {
				r.log.Warn("elected, but not open for business yet", "term", term, "err", err)
				again = time.After(reopenDelay)
			}
		}
		select {
		case <-r.raft.LeaderCh():
		case <-r.reopen:
		case <-again:
		case <-r.ctx.Done():
			return
		}
	}
}

// leads tells whether this node is raft's leader, and the term.
func (r *Replica) leads() (uint64, bool) {
	term := r.raft.CurrentTerm()
	return term, r.raft.State() == raft.Leader
}

// errTermOver says that the term ended before the tenure could open.
var errTermOver = errors.New("the term is over")

// openTenure waits until all that older terms left in the log has been applied
// here, sets the clock, makes sure that the cluster has its first record, and
// opens for business.
func (r *Replica) openTenure(term uint64) (*tenure, error) {
	if err := r.await(r.ctx, r.raft.Barrier(barrierTimeout)); err != nil {
		return nil, fmt.Errorf("barrier: %w", err)
	}
	if now, leads := r.leads(); !leads || now != term {
		return nil, errTermOver
	}
	t := &tenure{r: r, term: term, began: r.cfg.Clock.Monotonic()}
	t.unreached.Store(new(unreached))
	t.ctx, t.cancel = context.WithCancelCause(r.ctx)
	t.setClock()
	if err := t.genesis(); err != nil {
		t.cancel(err)
		return nil, fmt.Errorf("genesis: %w", err)
	}
	t.tasks.Go(t.tickLoop)
	t.tasks.Go(t.interestLoop)
	t.tasks.Go(t.announce)
	t.tasks.Go(t.governLoop)
	r.tenure.Store(t)
	r.leadership.notify()
	r.stats.tenures.Add(1)
	r.log.Info("leading", "term", term, "time", t.now())
	return t, nil
}

// setClock continues cluster time from what the log and this node's own clock say.
func (t *tenure) setClock() {
	r := t.r
	r.timeMu.Lock()
	defer r.timeMu.Unlock()
	t.clock = r.bound.Continue(r.last.Load().time, r.cfg.Clock.Monotonic())
}

// now returns cluster time.
func (t *tenure) now() int64 { return t.clock.At(t.r.cfg.Clock.Monotonic()) }

// endTenure closes t for business and waits for its goroutines. Calls that it
// held open end with ErrOutcomeUnknown: the next leader knows.
func (r *Replica) endTenure(t *tenure) {
	if t == nil {
		return
	}
	r.tenure.CompareAndSwap(t, nil)
	t.cancel(ErrNotLeader)
	t.tasks.Wait()
	r.leadership.notify()
	r.log.Info("no longer leading", "term", t.term)
}

// genesis proposes the cluster's first record where the log holds none.
func (t *tenure) genesis() error {
	var id [16]byte
	t.r.View(func(s *limit.State) { id = s.ClusterID() })
	if id != ([16]byte{}) {
		return nil
	}
	if err := randomID(t.r.cfg.Rand, &id); err != nil {
		return err
	}
	op := &command.Genesis{ClusterID: id, Settings: t.r.cfg.Settings, Rules: 1}
	_, err := t.try(t.ctx, command.Encode(command.Command{Op: op}), false)
	return err
}

// announce gives the term its first stamp, so that every node has a bound of
// the new leader's clock and knows that it is up to date.
func (t *tenure) announce() {
	if _, err := t.r.propose(t.ctx, readRecord()); err != nil && t.ctx.Err() == nil {
		t.r.log.Warn("the term's first record was not applied", "term", t.term, "err", err)
	}
}
