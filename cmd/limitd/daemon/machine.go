package daemon

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/hashicorp/raft"
	"github.com/limitd/limitd/cluster"
	"github.com/limitd/limitd/cluster/clock"
	"github.com/limitd/limitd/cluster/gossip"
	"github.com/limitd/limitd/cluster/store"
)

// Machine is what a node runs on: all of the outside world that it touches,
// beside package time. The zero Machine is this computer; a simulator gives a
// node another one, and starts it by the same wiring as main does.
type Machine struct {
	// Listen opens a listener at a host:port. Its address is a *net.TCPAddr.
	Listen func(ctx context.Context, address string) (net.Listener, error)
	// Dial connects to the peer port of another node.
	Dial func(ctx context.Context, address string) (net.Conn, error)
	// Stores opens what the node keeps, in place of config's data_dir.
	Stores func() (*store.Stores, error)
	// Gossip joins the other nodes; id is this node's.
	Gossip func(id string) (Gossip, error)
	// Transport carries raft's calls, in place of the peer port.
	Transport func(id raft.ServerID, at raft.ServerAddress) raft.Transport
	// Clock is read for all that becomes cluster time.
	Clock clock.Source
	// Rand gives random bytes for ids.
	Rand io.Reader
	// Tune has the last word on the replica's configuration.
	Tune func(*cluster.Config)
}

// Gossip tells who is there. *gossip.Gossip is one.
type Gossip interface {
	cluster.Gossip
	// Address returns the host:port that other nodes join by.
	Address() string
	// Close says goodbye.
	Close() error
}

var _ Gossip = (*gossip.Gossip)(nil)

// real fills in this computer where m leaves something out. Stores, Gossip and
// Transport stay empty: they are made by the configuration.
func (m Machine) real() Machine {
	if m.Listen == nil {
		m.Listen = func(ctx context.Context, address string) (net.Listener, error) {
			return new(net.ListenConfig).Listen(ctx, "tcp", address)
		}
	}
	if m.Dial == nil {
		dialer := &net.Dialer{KeepAlive: 15 * time.Second}
		m.Dial = func(ctx context.Context, address string) (net.Conn, error) {
			return dialer.DialContext(ctx, "tcp", address)
		}
	}
	if m.Clock == nil {
		m.Clock = clock.New()
	}
	if m.Rand == nil {
		m.Rand = rand.Reader
	}
	if m.Tune == nil {
		m.Tune = func(*cluster.Config) {}
	}
	return m
}

// gone calls an address, and tells whether its host refused because no process
// listens there.
func (m Machine) gone(ctx context.Context, address string) bool {
	conn, err := m.Dial(ctx, address)
	if err == nil {
		_ = conn.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}

// text returns 26 random characters of lower-case base32.
func (m Machine) text() (string, error) {
	var b [17]byte
	if _, err := io.ReadFull(m.Rand, b[:]); err != nil {
		return "", fmt.Errorf("read random bytes: %w", err)
	}
	return strings.ToLower(base32.StdEncoding.EncodeToString(b[:]))[:26], nil
}
