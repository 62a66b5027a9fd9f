package daemon

import (
	"context"
	"fmt"
	"net"

	"github.com/limitd/limitd/cluster/gossip"
)

// startGossip joins the other nodes. Addresses travel as numbers, so that names
// are looked up here, once.
func (d *Daemon) startGossip(ctx context.Context) (err error) {
	if join := d.deps.Machine.Gossip; join != nil {
		d.gossip, err = join(d.stores.ID)
		return err
	}
	bind, err := resolve(ctx, d.cfg.Gossip.Address)
	if err != nil {
		return fmt.Errorf("gossip.address: %w", err)
	}
	advertise, err := d.gossipAdvertise(ctx, bind)
	if err != nil {
		return fmt.Errorf("gossip.advertise: %w", err)
	}
	g, err := gossip.Start(gossip.Config{
		ID: d.stores.ID, Bind: bind, Advertise: advertise, Join: d.cfg.Cluster.RetryJoin, Keys: d.trust.keys, Logger: d.log,
	})
	if err == nil { // a nil *Gossip must not become a Gossip
		d.gossip, d.trust.ring = g, g
	}
	return err
}

// gossipAdvertise returns what the others are told, "" for what is bound. Where
// a wildcard is bound, the host that the peer port advertises is told.
func (d *Daemon) gossipAdvertise(ctx context.Context, bind string) (string, error) {
	if d.cfg.Gossip.Advertise != "" {
		return resolve(ctx, d.cfg.Gossip.Advertise)
	}
	host, port, err := net.SplitHostPort(bind)
	if err != nil || !net.ParseIP(host).IsUnspecified() {
		return "", err
	}
	peer, _, err := net.SplitHostPort(d.sockets.peerAt)
	if err != nil {
		return "", err
	}
	return resolve(ctx, net.JoinHostPort(peer, port))
}

// resolve looks up the host of an address. Without a host it is every address
// of the machine.
func resolve(ctx context.Context, address string) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", err
	}
	if host == "" {
		return net.JoinHostPort("0.0.0.0", port), nil
	}
	addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return "", err
	}
	return net.JoinHostPort(addresses[0].Unmap().String(), port), nil
}

func (d *Daemon) stopGossip(context.Context) error {
	if d.gossip == nil {
		return nil
	}
	return d.gossip.Close()
}
