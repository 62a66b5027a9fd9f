//go:build linux

package main

import (
	"context"
	"crypto/rand"
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
	"github.com/limitd/limitd/jepsen/prefect"
	"github.com/limitd/limitd/jepsen/secure"
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
	trust   *secure.Trust  // nil: without TLS
	tokens  *secure.Tokens // nil: nobody is asked for one
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
	cfg := nodes.Config{Binary: binary, Dir: g.dir, Size: p.nodes, Places: g.places(p.nodes), Transport: g.hand, Extra: extra(p)}
	if err := g.secure(p, &cfg); err != nil {
		return g, err
	}
	g.cluster, err = nodes.Start(cfg)
	return g, err
}

// secure makes the cluster one that trusts nobody without proof, as far as p says.
func (g *ground) secure(p plan, cfg *nodes.Config) (err error) {
	cfg.Guarded = p.tls && p.acl
	if p.tls {
		hosts := make(map[string]string)
		for i := 1; i <= p.nodes; i++ {
			hosts[fmt.Sprintf("n%d", i)], _, err = net.SplitHostPort(g.network.Addresses(i).HTTP.Advertise)
			if err != nil {
				return fmt.Errorf("the address of n%d: %w", i, err)
			}
		}
		if g.trust, err = secure.NewTrust(filepath.Join(g.dir, trustDir), hosts); err != nil {
			return err
		}
		cfg.Scheme, cfg.Each, cfg.GossipKeys = "https", g.trust.HCL, g.trust.GossipKeys()
		g.trust.Transport(g.hand)
		g.trust.Transport(g.callers)
	}
	if p.acl {
		if g.tokens, err = secure.NewTokens(rand.Reader); err != nil {
			return err
		}
		cfg.Extra += "acl { enabled = true }\n"
		cfg.Transport = g.tokens.Hand(g.hand)
	}
	return nil
}

// outside is how callers reach the nodes.
func (g *ground) outside() http.RoundTripper {
	if g.tokens != nil {
		return g.tokens.Callers(g.callers)
	}
	return g.callers
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

// programs are those under Prefect's client, where the callers are.
func (g *ground) programs(o options) prefect.Programs {
	return prefect.Programs{Python: o.prefect, Dir: filepath.Join(g.dir, programsDir), Start: func(cmd *exec.Cmd) error {
		return g.network.Start(network.Callers, cmd)
	}}
}

// openDisks makes the data directories disks of their own where disks are to
// fail and the machine lets them; else it keeps the reason.
func (g *ground) openDisks(p plan) error {
	if _, list, _ := p.check(); !slices.ContainsFunc(list, func(n nemesis.Nemesis) bool { return n.Group == nemesis.DiskGroup }) {
		return nil
	}
	if !nemesis.IsPrivate() {
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
