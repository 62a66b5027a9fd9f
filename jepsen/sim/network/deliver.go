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
	if !t.travel(there) {
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
		rpc := m.make()
		rpc.RespChan = response
		if !peer.take(rpc) {
			return
		}
	}
	end := time.NewTimer(longest)
	defer end.Stop()
	select {
	case r := <-response:
		if peer.travel(back) {
			select {
			case answer <- reply{r.Response, r.Error}:
			default: // the same was answered before
			}
		}
	case <-peer.host.dead:
	case <-peer.closed:
	case <-end.C:
	}
}

// travel takes a message's time from the host of t; false: it does not arrive.
// What comes to a host that is held, or from one, waits there.
func (t *Transport) travel(l Link) bool {
	n := t.host.net
	n.mu.Lock()
	if t.host.deadLocked() {
		n.mu.Unlock()
		return false
	}
	way := time.NewTimer(n.delayLocked(l))
	n.mu.Unlock()
	defer way.Stop()
	select {
	case <-way.C:
	case <-t.host.dead:
		return false
	}
	end := time.NewTimer(longest)
	defer end.Stop()
	for {
		n.mu.Lock()
		cut, blocked, changed := n.rules[l].Cut, n.blockedLocked(l), n.changed
		n.mu.Unlock()
		if cut {
			return false
		}
		if !blocked {
			return true
		}
		select {
		case <-changed:
		case <-end.C:
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
func (t *Transport) take(rpc raft.RPC) bool {
	if a, ok := rpc.Command.(*raft.AppendEntriesRequest); ok && isHeartbeat(a) {
		t.mu.Lock()
		beat := t.heartbeat
		t.mu.Unlock()
		if beat != nil {
			beat(rpc)
			return true
		}
	}
	end := time.NewTimer(longest)
	defer end.Stop()
	select {
	case t.consumer <- rpc:
		return true
	case <-t.host.dead:
	case <-t.closed:
	case <-end.C:
	}
	return false
}

func isHeartbeat(a *raft.AppendEntriesRequest) bool {
	return a.Term != 0 && a.PrevLogEntry == 0 && a.PrevLogTerm == 0 && len(a.Entries) == 0 && a.LeaderCommitIndex == 0
}
