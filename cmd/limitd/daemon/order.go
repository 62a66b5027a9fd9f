package daemon

import (
	"context"
	"errors"
	"net"
)

// step is one step of starting or stopping a node, and why it has its place.
type step struct {
	name string
	why  string
	do   func(context.Context) error
}

// startOrder is what starts when.
func (d *Daemon) startOrder() []step {
	return []step{
		{"trust", "certificates and keys that cannot be used are told before anybody is answered", d.openTrust},
		{"sockets", "a taken port is found before anything is written, and port 0 becomes a number to tell the others", d.openSockets},
		{"ops", "before all that it looks into, so that it can be asked why a start hangs", d.startOps},
		{"audit log", "one that cannot be written is told before anybody is answered", d.openAudit},
		{"stores", "the node's id is in them; they must be whole before anybody may ask us to vote", d.openStores},
		{"peer port", "raft dials and is dialled through it; streams of another cluster are refused from the first on", d.startPeer},
		{"gossip", "the replica finds the other founders by it; it says nothing until the replica gives it something to say", d.startGossip},
		{"replica", "from here on the node votes, follows or leads", d.startReplica},
		{"forwarding", "other nodes' calls reach the replica, ours reach the leader", d.startForward},
		{"seeds", "limits of the configuration are made in the background: they need a leader, the start does not", d.startSeeds},
		{"backups", "in the background, of a state that has caught up with the leader's", d.startBackups},
		{"http", "who calls meets a node that can answer", d.startHTTP},
		{"reload", "last: new certificates and keys reach parts that all run", d.watchTrust},
	}
}

// stopOrder is what stops when, after Retire has given load balancers the time to
// notice. Steps of parts that never started do nothing.
func (d *Daemon) stopOrder() []step {
	return []step{
		{"drain http", "first: while everything below still answers, what is under way ends well and open waits go on elsewhere", d.drainHTTP},
		{"seeds, backups and reload", "making a limit and a snapshot need forwarding, which stops next", d.stopTasks},
		{"replica", "hands over while forwarding still answers the other nodes, so that their callers see latency, no error; then stops raft", d.stopReplica},
		{"forwarding", "the answers of the last proposals have gone out", d.stopForward},
		{"gossip", "says goodbye only now: until here the node did its part; it stays a member of the cluster", d.stopGossip},
		{"peer port", "nobody uses its streams any more", d.stopPeer},
		{"stores", "raft has written its last entry", d.closeStores},
		{"audit log", "the last call has been written down", d.closeAudit},
		{"ops", "what was stopped could be looked into until here", d.stopOps},
		{"sockets", "what an early end of the start has left open", d.closeSockets},
	}
}

func (d *Daemon) openSockets(ctx context.Context) (err error) {
	d.sockets, err = listen(ctx, d.cfg, d.deps.Machine)
	return err
}

func (d *Daemon) closeSockets(context.Context) error {
	if d.sockets == nil {
		return nil
	}
	return d.sockets.Close()
}

func (d *Daemon) stopTasks(context.Context) error {
	d.stop()
	d.tasks.Wait()
	return nil
}

func (d *Daemon) stopReplica(context.Context) error {
	if d.replica == nil {
		return nil
	}
	return d.replica.Close()
}

func (d *Daemon) stopForward(context.Context) error {
	if d.node == nil {
		return nil
	}
	return ignoreClosed(d.node.Close())
}

func (d *Daemon) stopPeer(context.Context) error {
	if d.port == nil {
		return nil
	}
	return ignoreClosed(d.port.Close())
}

func (d *Daemon) closeStores(context.Context) error {
	if d.stores == nil {
		return nil
	}
	return d.stores.Close()
}

// ignoreClosed takes a listener that somebody closed before for closed.
func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
