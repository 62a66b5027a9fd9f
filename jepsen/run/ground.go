//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/limitd/limitd/jepsen/nemesis"
	"github.com/limitd/limitd/jepsen/network"
	"github.com/limitd/limitd/jepsen/nodes"
	"golang.org/x/sys/unix"
)

// ground is the cluster of one run with all that it stands on.
type ground struct {
	dir     string
	network *network.Network
	cluster *nodes.Cluster
	disks   []*nemesis.Disk
	noDisks string // why there are none
	hand    *http.Transport
	callers *http.Transport
}

// openGround makes a cluster that has not been started long.
func openGround(p plan, o options, binary string) (g *ground, err error) {
	g = &ground{dir: filepath.Join(o.out, p.name())}
	if err := os.RemoveAll(g.dir); err != nil {
		return nil, fmt.Errorf("clear the run's folder: %w", err)
	}
	if err := os.MkdirAll(g.dir, 0o755); err != nil {
		return nil, fmt.Errorf("make the run's folder: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, g.close())
		}
	}()
	if g.network, err = network.Open(network.Config{Nodes: p.nodes, Seed: p.seed, Loopback: o.loopback}); err != nil {
		return g, err
	}
	g.callers, g.hand = transport(g.network.Dialer(network.Callers)), transport(g.network.Dialer(g.network.Hand()))
	if err := g.openDisks(p); err != nil {
		return g, err
	}
	g.cluster, err = nodes.Start(nodes.Config{
		Binary: binary, Dir: g.dir, Size: p.nodes, Places: g.places(p.nodes), Transport: g.hand, Extra: extra(p),
	})
	return g, err
}

// extra is what makes nodes do in seconds what else takes hours: snapshots.
func extra(p plan) string {
	return fmt.Sprintf(`log { level = "info" }
raft {
  log_store          = %q
  snapshot_interval  = "3s"
  snapshot_threshold = 2000
  trailing_logs      = 10240
}
`, p.store)
}

func (g *ground) places(n int) (list []nodes.Place) {
	for i := 1; i <= n; i++ {
		a := g.network.Addresses(i)
		list = append(list, nodes.Place{
			HTTP: nodes.Address(a.HTTP), Peer: nodes.Address(a.Peer), Gossip: nodes.Address(a.Gossip),
			Start: func(cmd *exec.Cmd) error { return g.network.Start(i, cmd) },
		})
	}
	return list
}

// openDisks makes the data directories disks of their own where disks are to
// fail and the machine lets them; else it keeps the reason.
func (g *ground) openDisks(p plan) error {
	if _, list, _ := p.check(); !slices.ContainsFunc(list, func(n nemesis.Nemesis) bool { return n.Group == nemesis.DiskGroup }) {
		return nil
	}
	if !isPrivate() {
		g.noDisks = "there is no mount namespace of our own, which needs root"
		return nil
	}
	for i := 1; i <= p.nodes; i++ {
		d, err := nemesis.NewDisk(filepath.Join(g.dir, fmt.Sprintf("n%d", i)))
		if err != nil && i == 1 {
			g.noDisks = err.Error()
			return nil
		}
		if err != nil {
			return err
		}
		g.disks = append(g.disks, d)
	}
	return nil
}

// Dead connections: how long what was sent may go unacknowledged, and an idle
// connection unused.
const (
	deadAfter = 3 * time.Second
	idleFor   = 5 * time.Second
)

type dialer func(ctx context.Context, network, address string) (net.Conn, error)

// transport returns one that gives up connections over which nothing comes.
func transport(dial dialer) *http.Transport {
	return &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(ctx, deadAfter)
			defer cancel()
			c, err := dial(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return c, mortal(c)
		},
		MaxIdleConnsPerHost: 256,
		IdleConnTimeout:     idleFor,
	}
}

// mortal has the kernel end a connection whose other end is gone.
func mortal(c net.Conn) error {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return fmt.Errorf("set the time-out of a connection: %w", err)
	}
	var set error
	err = raw.Control(func(fd uintptr) {
		set = errors.Join(
			syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(deadAfter/time.Millisecond)),
			syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, unix.TCP_KEEPIDLE, 1),
			syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, unix.TCP_KEEPINTVL, 1),
			syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, unix.SO_KEEPALIVE, 1),
		)
	})
	return errors.Join(err, set)
}

// close ends the nodes and takes away what they stood on; their files stay.
func (g *ground) close() error {
	var errs []error
	if g.cluster != nil {
		errs = append(errs, g.cluster.Close())
	}
	for _, d := range g.disks {
		errs = append(errs, d.Unmount())
	}
	if g.callers != nil {
		g.callers.CloseIdleConnections()
		g.hand.CloseIdleConnections()
	}
	if g.network != nil {
		errs = append(errs, g.network.Close())
	}
	return errors.Join(errs...)
}
