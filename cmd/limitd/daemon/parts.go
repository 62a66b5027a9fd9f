package daemon

import (
	"context"

	"github.com/hashicorp/raft"
	"github.com/limitd/limitd/cluster"
	"github.com/limitd/limitd/cluster/store"
	"github.com/limitd/limitd/transport/forward"
	"github.com/limitd/limitd/transport/peer"
)

func (d *Daemon) openStores(context.Context) (err error) {
	if open := d.deps.Machine.Stores; open != nil {
		d.stores, err = open()
		return err
	}
	if d.cfg.Memory {
		id, err := store.NewID(d.deps.Machine.Rand)
		if err != nil {
			return err
		}
		d.stores = store.Memory(id)
		return nil
	}
	stores, err := store.Open(d.cfg.DataDir, store.Options{
		Kind: store.Kind(d.cfg.Raft.LogStore), Rand: d.deps.Machine.Rand, Logger: d.log.Named("store"),
		Reserve: store.ReserveSize,
	})
	if err != nil {
		return err
	}
	d.stores = stores
	return nil
}

func (d *Daemon) startPeer(context.Context) (err error) {
	c := peer.Config{
		Listener: d.sockets.peer, Advertise: d.sockets.peerAt, NodeID: d.stores.ID,
		ClusterID: d.clusterID.get, Dial: d.deps.Machine.Dial, Logger: d.log.Named("peer"),
	}
	if d.trust.certs != nil { // a nil *Store must not become a Guard
		c.Guard = d.trust.certs
	}
	d.port, err = peer.Start(c)
	return err
}

func (d *Daemon) startReplica(context.Context) error {
	meter := newMeter()
	c := cluster.Config{
		Node: cluster.Identity{
			Name: d.cfg.Name, Peer: d.sockets.peerAt, HTTP: d.sockets.httpAt,
			Version: d.deps.Version, NonVoter: d.cfg.Cluster.Role == "nonvoter",
		},
		Raft: cluster.RaftOptions{
			Heartbeat: d.cfg.Raft.HeartbeatTimeout, Election: d.cfg.Raft.ElectionTimeout, LeaderLease: d.cfg.Raft.LeaderLeaseTimeout,
			SnapshotInterval: d.cfg.Raft.SnapshotInterval, SnapshotThreshold: uint64(d.cfg.Raft.SnapshotThreshold),
			TrailingLogs: uint64(d.cfg.Raft.TrailingLogs),
		},
		Form:      cluster.Formation{Expect: int(d.cfg.Cluster.BootstrapExpect)},
		Autopilot: autopilotOf(d.cfg.Autopilot),
		Logger:    d.log,
		Stores:    d.stores,
		Streams:   d.port.Raft(),
		Gone:      d.deps.Machine.gone,
		Reach:     d.port.Reach,
		Gossip:    d.gossip,
		Clock:     d.deps.Machine.Clock,
		Rand:      d.deps.Machine.Rand,
		Settings:  d.cfg.Limits.Settings(),
		Fatal:     d.deps.Fatal,
		Meter:     meter,
	}
	if carry := d.deps.Machine.Transport; carry != nil {
		c.Transport = carry(raft.ServerID(d.stores.ID), raft.ServerAddress(d.sockets.peerAt))
	}
	d.deps.Machine.Tune(&c)
	r, err := cluster.Start(c)
	if err != nil {
		return err
	}
	d.replica = r
	d.clusterID.set(r.ClusterID)
	return register(d.deps.Registry, meter, newReplicaMetrics(announced{r, d}, d.deps.Version), newLimitSeries(r, d.cfg.Ops.LimitSeries))
}

func (d *Daemon) startForward(context.Context) (err error) {
	hop := newHop()
	d.node, err = forward.Start(forward.Config{
		Self: d.stores.ID, Replica: d.replica, Leadership: d.replica, Operator: d.replica,
		Streams: d.port.Forward(), Version: d.deps.Version, Logger: d.log.Named("forward"),
		Called: hop.called,
	})
	if err != nil {
		return err
	}
	hop.watch(d.node)
	return register(d.deps.Registry, hop)
}
