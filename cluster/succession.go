package cluster

import (
	"context"
	"slices"
	"time"

	"github.com/hashicorp/raft"
)

// A leader whose process has died need not be waited for. Raft's timeouts tell a
// silent leader from a slow one by waiting; but where a computer answers that
// nobody listens at the leader's address any more, there is nothing to wait for.
//
// So a follower that has not heard of the leader for a few heartbeats calls its
// peer port. Only a refusal counts: a call that is lost, or answered, changes
// nothing, and raft's timeouts decide as ever. The first of the other voters, in
// the order of their ids, then stands for election at once, as if the leader had
// handed over to it; each further one a pause later, unless it has voted or heard
// of a leader meanwhile. Who leads is still what a majority votes for: a wrong
// suspicion costs an election, nothing else.
//
// Standing so skips the question whether a vote could be won, and asks nodes
// that may still believe in the leader: what both protect from is a node that is
// cut off from a leader which lives.

// silence is how long the leader was not heard of when its port is called: two
// of the longest times between its heartbeats.
func (o RaftOptions) silence() time.Duration { return o.Heartbeat * 2 / 5 }

// turn is how much later each further voter stands: a vote takes two writes to
// disk and a round trip.
func (o RaftOptions) turn() time.Duration { return o.Heartbeat * 3 / 10 }

// watchSuccession looks after the leader as long as the replica lives.
func (r *Replica) watchSuccession() {
	timer := time.NewTimer(r.cfg.Raft.silence())
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			timer.Reset(r.lookAfterLeader())
		case <-r.ctx.Done():
			return
		}
	}
}

// lookAfterLeader stands for election where the leader is gone. It returns when
// to look again.
func (r *Replica) lookAfterLeader() time.Duration {
	silence := r.cfg.Raft.silence()
	heard := r.raft.LastContact()
	if left := silence - time.Since(heard); left > 0 {
		return left
	}
	addr, leader := r.raft.LeaderWithID()
	place := r.placeAfter(leader)
	if place < 0 || r.raft.State() != raft.Follower || !r.gone(r.address(leader, addr)) {
		return silence
	}
	if place > 0 && !r.pause(time.Duration(place)*r.cfg.Raft.turn()) {
		return silence
	}
	if r.raft.State() == raft.Follower && r.raft.LastContact().Equal(heard) {
		r.log.Info("the leader's process is gone; this node stands for election", "leader", leader, "silent_for", time.Since(heard))
		r.stand()
	}
	return silence
}

// placeAfter is this node's place among the voters that could follow the leader,
// from 0; -1 where it cannot, or knows of no leader.
func (r *Replica) placeAfter(leader raft.ServerID) int {
	if leader == "" {
		return -1
	}
	var heirs []raft.ServerID
	for _, s := range r.servers() {
		if s.Suffrage == raft.Voter && s.ID != leader {
			heirs = append(heirs, s.ID)
		}
	}
	slices.Sort(heirs)
	return slices.Index(heirs, raft.ServerID(r.ID()))
}

// stand makes this node's raft stand for election, and returns when it has begun.
func (r *Replica) stand() {
	begun := make(chan raft.RPCResponse, 1)
	header := raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte(r.ID()), Addr: []byte(r.cfg.Node.Peer)}
	if !r.links.intake.pass(raft.RPC{Command: &raft.TimeoutNowRequest{RPCHeader: header}, RespChan: begun}) {
		return
	}
	select {
	case <-begun:
	case <-r.ctx.Done():
	}
}

// gone tells whether the host at addr says that no process listens there.
func (r *Replica) gone(addr raft.ServerAddress) bool {
	ctx, cancel := context.WithTimeout(r.ctx, r.cfg.Raft.silence())
	defer cancel()
	return r.cfg.Gone(ctx, string(addr))
}

// pause waits; false where the replica ended meanwhile.
func (r *Replica) pause(d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-r.ctx.Done():
		return false
	}
}
