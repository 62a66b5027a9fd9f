package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"
)

// Transfer hands the leadership to the voter with this name, or with "" to the
// one that is furthest. It returns when another node leads; at once where the
// named one does. This node must lead. Other errors are ErrNoSuchNode and
// ErrNoSuccessor; what raft itself met leaves open who will lead.
func (r *Replica) Transfer(ctx context.Context, name string) error {
	if _, leads := r.leads(); !leads {
		return ErrNotLeader
	}
	to, err := r.successor(name)
	switch {
	case err != nil:
		return err
	case to.ID == r.ID():
		return nil
	}
	if err := r.await(ctx, r.handTo(to)); err != nil {
		return fmt.Errorf("hand over the leadership: %w", err)
	}
	return r.awaitOther(ctx)
}

// successor returns the node that is to lead: the one with this name, or with
// "" the heir; the zero Node where raft may choose.
func (r *Replica) successor(name string) (Node, error) {
	if name == "" {
		n, ok := r.heir()
		if !ok && r.voters() < 2 {
			return n, fmt.Errorf("%w: no other node votes", ErrNoSuccessor)
		}
		return n, nil
	}
	n, err := r.nodeNamed(name)
	switch {
	case err != nil:
		return n, err
	case n.ID == r.ID():
		return n, nil
	case n.Role != Voter:
		return n, fmt.Errorf("%w: %q does not vote", ErrNoSuccessor, name)
	case !answers(n, 2*r.cfg.Raft.Heartbeat):
		return n, fmt.Errorf("%w: %q does not answer", ErrNoSuccessor, name)
	}
	return n, nil
}

func (r *Replica) handTo(n Node) raft.Future {
	if n.ID == "" {
		return r.raft.LeadershipTransfer()
	}
	return r.raft.LeadershipTransferToServer(raft.ServerID(n.ID), raft.ServerAddress(n.Peer))
}

// answers tells whether n was heard of within the time given.
func answers(n Node, within time.Duration) bool {
	return n.LastContact >= 0 && n.LastContact < within
}

// heir returns the voter that has the most entries of those that answer. raft
// would choose by entries alone, and hand over to a node that is down.
func (r *Replica) heir() (heir Node, ok bool) {
	for _, n := range r.Nodes() {
		if n.ID == r.ID() || n.Role != Voter || !answers(n, r.cfg.Raft.Heartbeat) {
			continue
		}
		if !ok || n.Applied > heir.Applied {
			heir, ok = n, true
		}
	}
	return heir, ok
}

// awaitOther waits until another leader is known.
func (r *Replica) awaitOther(ctx context.Context) error {
	for {
		wait := r.leadership.wait()
		if _, id := r.raft.LeaderWithID(); id != "" && id != raft.ServerID(r.ID()) {
			return nil
		}
		if err := wait(ctx); err != nil {
			return fmt.Errorf("wait for the new leader: %w", err)
		}
	}
}

const (
	handoverTimeout = 2 * time.Second // for another node to take over
	drainTimeout    = 5 * time.Second // for proposals under way to be answered
)

// Close stops the replica. A leader first hands over, so that the cluster goes
// on after a few milliseconds; the node stays a member. Close waits for all
// goroutines and may be called twice.
//
// The order, and why:
//
//  1. hand over, while proposals are still answered: raft refuses new ones
//     definitely from then on, and callers go to the new leader;
//  2. shut the gate, and wait for what is under way: raft drops the futures of
//     entries that it has not applied when it stops;
//  3. end the tenure and every other goroutine, which use raft;
//  4. stop raft, which closes the transport;
//  5. end the guard, which raft's last writes still need.
func (r *Replica) Close() error {
	r.close.Do(func() { r.closed = r.shutdown() })
	return r.closed
}

func (r *Replica) shutdown() error {
	r.handOver()
	r.gate.close()
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	err := errors.Join(r.gate.drain(ctx), r.futures.drain(ctx))
	if err != nil {
		r.log.Warn("proposals are under way still: their callers do not learn the outcome", "err", err)
	}
	r.cancel(ErrShutdown)
	r.leadership.notify()
	r.tasks.Wait()
	if err := r.futures.drain(ctx); err != nil {
		r.log.Warn("raft owes answers", "err", err)
	}
	err = r.raft.Shutdown().Error()
	if err != nil {
		err = fmt.Errorf("stop raft: %w", err)
	}
	r.machine.Close()
	return errors.Join(err, r.closeStores())
}

// closeStores ends what stands between raft and the disk.
func (r *Replica) closeStores() error {
	err := r.guard.Close() // which lets go of a write that failed
	if r.logs != nil {
		r.logs.Close()
	}
	return err
}

// handOver gives the leadership away where there is somebody to take it.
func (r *Replica) handOver() {
	if _, leads := r.leads(); !leads || r.voters() < 2 {
		return
	}
	ctx, cancel := context.WithTimeout(r.ctx, handoverTimeout)
	defer cancel()
	if err := r.Transfer(ctx, ""); err != nil {
		r.log.Warn("the leadership was not handed over; the others will elect", "err", err)
	}
}

func (r *Replica) voters() (n int) {
	for _, s := range r.servers() {
		if s.Suffrage == raft.Voter {
			n++
		}
	}
	return n
}
