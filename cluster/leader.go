package cluster

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/raft"
)

// Leader returns the leader that this node knows of; false where it knows none.
func (r *Replica) Leader() (Node, bool) {
	addr, id := r.raft.LeaderWithID()
	if id == "" {
		return Node{}, false
	}
	n := Node{ID: string(id), Peer: string(addr)}
	r.describe(&n)
	return n, true
}

// IsLeader tells whether this node leads and is open for business.
func (r *Replica) IsLeader() bool { return r.tenure.Load() != nil }

// LeaderChanged returns a function that waits until something about leadership
// has changed since this call: another leader, none, or this node open or
// closed for business. Take it before looking, so that no change is missed.
func (r *Replica) LeaderChanged() func(context.Context) error {
	wait := r.leadership.wait()
	return func(ctx context.Context) error {
		ctx, cancel := r.either(ctx)
		defer cancel()
		return wait(ctx)
	}
}

// either returns a context that ends with ctx or with this replica.
func (r *Replica) either(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(r.ctx, func() { cancel(ErrShutdown) })
	return ctx, func() { stop(); cancel(nil) }
}

const (
	// observations that may wait; more only repeat that something changed.
	observations = 64
	// checkEvery is how often watchRaft looks at what raft does not tell.
	checkEvery = time.Second
)

// startWatchingRaft listens to raft before Start returns: a leader that is heard
// of right after it must not be missed by those who looked too early.
func (r *Replica) startWatchingRaft() {
	seen := make(chan raft.Observation, observations)
	observer := raft.NewObserver(seen, false, nil)
	r.raft.RegisterObserver(observer)
	r.tasks.Go(func() {
		defer r.raft.DeregisterObserver(observer)
		r.watchRaft(seen)
	})
}

// watchRaft passes on what raft tells of leaders and peers, and sees to it that
// the applied index never goes back: a follower that installs the same snapshot
// over and over would serve an older state each time.
func (r *Replica) watchRaft(seen <-chan raft.Observation) {
	tick := time.NewTicker(checkEvery)
	defer tick.Stop()
	var applied uint64
	var leader, led raft.ServerID
	for {
		select {
		case o := <-seen:
			r.observed(o)
			r.noteLeader(&led)
		case <-tick.C:
			now := r.raft.AppliedIndex()
			if now < applied {
				r.fatal(fmt.Errorf("cluster: raft's applied index went back from %d to %d: restart the node", applied, now))
			}
			applied = max(applied, now)
			r.membership.notify()
			if _, id := r.raft.LeaderWithID(); id != leader { // an observation may have been dropped
				leader = id
				r.leadership.notify()
			}
			r.noteLeader(&led)
		case <-r.ctx.Done():
			return
		}
	}
}

// noteLeader counts a leader that is not the one of last time.
func (r *Replica) noteLeader(led *raft.ServerID) {
	if _, id := r.raft.LeaderWithID(); id != "" && id != *led {
		*led = id
		r.stats.leaders.Add(1)
	}
}

func (r *Replica) observed(o raft.Observation) {
	switch o.Data.(type) {
	case raft.LeaderObservation, raft.RaftState:
		r.leadership.notify()
		r.membership.notify()
	case raft.PeerObservation:
		r.membership.notify()
	}
}
