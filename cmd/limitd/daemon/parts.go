package daemon

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/limitd/limitd/cluster"
	"github.com/limitd/limitd/cluster/clock"
	"github.com/limitd/limitd/cluster/store"
	"github.com/limitd/limitd/transport/forward"
	"github.com/limitd/limitd/transport/peer"
)

func (d *Daemon) openStores(context.Context) error {
	if d.cfg.Memory {
		id, err := store.NewID(rand.Reader)
		if err != nil {
			return err
		}
		d.stores = store.Memory(id)
		return nil
	}
	stores, err := store.Open(d.cfg.DataDir, store.Options{
		Kind: store.Kind(d.cfg.Raft.LogStore), Rand: rand.Reader, Logger: d.log.Named("store"),
		Reserve: store.ReserveSize,
	})
	if err != nil {
		return err
	}
	d.stores = stores
	return nil
}

func (d *Daemon) startPeer(context.Context) (err error) {
	d.port, err = peer.Start(peer.Config{
		Listener: d.sockets.peer, Advertise: d.sockets.peerAt, NodeID: d.stores.ID,
		ClusterID: d.clusterID.get, Logger: d.log.Named("peer"),
	})
	return err
}

func (d *Daemon) startReplica(context.Context) error {
	r, err := cluster.Start(cluster.Config{
		Node: cluster.Identity{
			Name: d.cfg.Name, Peer: d.sockets.peerAt, HTTP: d.sockets.httpAt,
			Version: d.deps.Version, NonVoter: d.cfg.Cluster.Role == "nonvoter",
		},
		Raft: cluster.RaftOptions{
			Heartbeat: d.cfg.Raft.HeartbeatTimeout, Election: d.cfg.Raft.ElectionTimeout, LeaderLease: d.cfg.Raft.LeaderLeaseTimeout,
			SnapshotInterval: d.cfg.Raft.SnapshotInterval, SnapshotThreshold: uint64(d.cfg.Raft.SnapshotThreshold),
			TrailingLogs: uint64(d.cfg.Raft.TrailingLogs),
		},
		Form:     cluster.Formation{Expect: int(d.cfg.Cluster.BootstrapExpect)},
		Logger:   d.log,
		Stores:   d.stores,
		Streams:  d.port.Raft(),
		Gossip:   d.gossip,
		Clock:    clock.New(),
		Rand:     rand.Reader,
		Settings: d.cfg.Limits.Settings(),
		Fatal:    d.deps.Fatal,
	})
	if err != nil {
		return err
	}
	d.replica = r
	d.clusterID.set(r.ClusterID)
	if err := d.deps.Registry.Register(newClusterMetrics(r, d.deps.Version)); err != nil {
		return fmt.Errorf("register the metrics of the cluster: %w", err)
	}
	return nil
}

func (d *Daemon) startForward(context.Context) (err error) {
	d.node, err = forward.Start(forward.Config{
		Self: d.stores.ID, Replica: d.replica, Leadership: d.replica, Operator: d.replica,
		Streams: d.port.Forward(), Version: d.deps.Version, Logger: d.log.Named("forward"),
	})
	return err
}
