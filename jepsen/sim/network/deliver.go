package network

import (
	"time"

	"github.com/hashicorp/raft"
)

// longest is how long a message lives that cannot be delivered.
const longest = 10 * time.Second

// deliver carries a message to its node and the answer back.
func (t *Transport) deliver(m message, answer chan<- reply) {
	there, back := Link{t.host.name, hostOf(m.to)}, Link{hostOf(m.to), t.host.name}
	timer := time.NewTimer(longest) // for one wait after the other
	defer timer.Stop()
	if !t.travel(there, timer) {
		return
	}
	peer := t.host.net.transportAt(m.to)
	if peer == nil {
		return
	}
	response := make(chan raft.RPCResponse, 1)
	if peer.id != m.id {
		response <- raft.RPCResponse{Error: errOtherID}
	} else {
		m.rpc.RespChan = response
		if !peer.take(m.rpc, timer) {
			return
		}
	}
	timer.Reset(longest)
	select {
	case r := <-response:
		if peer.travel(back, timer) {
			select {
			case answer <- reply{r.Response, r.Error}:
			default: // the same was answered before
			}
		}
	case <-peer.gone:
	case <-timer.C:
	}
}

// travel takes a message's time from the host of t; false: it does not arrive.
// What comes to a host that is held, or from one, waits there.
func (t *Transport) travel(l Link, timer *time.Timer) bool {
	n := t.host.net
	n.mu.Lock()
	if t.host.deadLocked() {
		n.mu.Unlock()
		return false
	}
	timer.Reset(n.delayLocked(l))
	n.mu.Unlock()
	select {
	case <-timer.C:
	case <-t.host.dead:
		return false
	}
	return n.passes(l, timer)
}

// passes tells whether a message gets over a link, as soon as neither of its
// hosts is held.
func (n *Network) passes(l Link, timer *time.Timer) bool {
	for waits := false; ; waits = true {
		n.mu.Lock()
		cut, blocked, changed := n.rules[l].Cut, n.blockedLocked(l), n.changed
		n.mu.Unlock()
		if cut || !blocked {
			return !cut
		}
		if !waits {
			timer.Reset(longest)
		}
		select {
		case <-changed:
		case <-timer.C:
			return false
		}
	}
}

func (n *Network) transportAt(at raft.ServerAddress) *Transport {
	n.mu.Lock()
	defer n.mu.Unlock()
	if h := n.hosts[hostOf(at)]; h != nil {
		return h.transport
	}
	return nil
}

// take gives a request to this node's raft; false: it did not take it.
func (t *Transport) take(rpc raft.RPC, timer *time.Timer) bool {
	if a, ok := rpc.Command.(*raft.AppendEntriesRequest); ok && isHeartbeat(a) {
		t.mu.Lock()
		beat := t.heartbeat
		t.mu.Unlock()
		if beat != nil {
			beat(rpc)
			return true
		}
	}
	timer.Reset(longest)
	select {
	case t.consumer <- rpc:
		return true
	case <-t.gone:
	case <-timer.C:
	}
	return false
}

func isHeartbeat(a *raft.AppendEntriesRequest) bool {
	return a.Term != 0 && a.PrevLogEntry == 0 && a.PrevLogTerm == 0 && len(a.Entries) == 0 && a.LeaderCommitIndex == 0
}
