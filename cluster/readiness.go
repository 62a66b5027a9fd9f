package cluster

import "sync/atomic"

// readiness is whether this node has applied a record that was proposed since
// it started: until then its state may be old by as long as it was down.
//
// Two things show it: a record of a term that began after the start, and a
// linearizable read answered here, whose record is younger than the call.
type readiness struct {
	startTerm atomic.Uint64
	reached   atomic.Bool
}

func (y *readiness) startedAt(term uint64) { y.startTerm.Store(term) }

// applied hears of a record of term.
func (y *readiness) applied(term uint64) {
	if !y.reached.Load() && term > y.startTerm.Load() {
		y.reached.Store(true)
	}
}

// confirm hears of a read that was answered.
func (y *readiness) confirm() { y.reached.Store(true) }

// Ready returns why this node should not be sent callers; nothing when it is
// ready. A node that restarts among others gets ready by its first
// linearizable read, or by the first record of a new term.
func (r *Replica) Ready() []string {
	var reasons []string
	add := func(is bool, reason string) {
		if is {
			reasons = append(reasons, reason)
		}
	}
	_, known := r.Leader()
	member := r.isMember()
	add(r.ctx.Err() != nil, "this node is shutting down")
	add(!member && !r.wasRemoved(), "this node is not a member of the cluster yet"+r.because())
	add(r.wasRemoved(), "this node was removed from the cluster")
	add(!known, "no leader is known")
	add(known && !r.ready.reached.Load(), "this node has not caught up since it started")
	space := r.space()
	add(space.low(), "the disk of "+r.cfg.Stores.Dir+" is nearly full: "+space.String())
	return reasons
}

// because is why there is no cluster yet, where that is known.
func (r *Replica) because() string {
	if reason := r.waiting.Load(); reason != nil && *reason != "" {
		return ": " + *reason
	}
	return ""
}

// Fresh tells whether this node's state is behind the leader's by replication
// alone: it hears a leader, and has caught up since it started. It is cheap.
func (r *Replica) Fresh() bool {
	_, leader := r.raft.LeaderWithID()
	return leader != "" && r.ready.reached.Load()
}
