// Package daemon wires the rooms of limitd into one running node: a validated
// configuration goes in, a node comes out.
//
//	node, err := daemon.Start(ctx, cfg, daemon.Deps{Logger: logger, Version: "0.1.0", Fatal: fatal})
//	...
//	err = node.Close(ctx)
//
// main and the tests start nodes in this same way. What starts and stops when,
// and why, is one readable list: order.go. The package holds wiring only: no
// rule of limits, no HTTP, no retry lives here.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/limitd/limitd/cluster"
	"github.com/limitd/limitd/cluster/store"
	"github.com/limitd/limitd/cmd/limitd/backup"
	"github.com/limitd/limitd/cmd/limitd/config"
	"github.com/limitd/limitd/transport/audit"
	"github.com/limitd/limitd/transport/drain"
	"github.com/limitd/limitd/transport/forward"
	"github.com/limitd/limitd/transport/httpapi"
	"github.com/limitd/limitd/transport/peer"
	"github.com/limitd/limitd/transport/prefect"
	"github.com/prometheus/client_golang/prometheus"
)

// Deps is what a node is given besides its configuration.
type Deps struct {
	// Logger is the root of the node's loggers. Required.
	Logger hclog.Logger
	// Version of limitd, told to the other nodes and to callers.
	Version string
	// Fatal is called when the node must not live on: its disk failed or hangs,
	// or its log holds what this version cannot play. It should end the process
	// and not return. Required.
	Fatal func(error)
	// Registry takes the node's metrics; main gives that of NewRegistry.
	// Default: a registry of the node's own.
	Registry *prometheus.Registry
	// Machine is what the node runs on. Default: this computer.
	Machine Machine
}

// ErrFiles says that a node did not start because of a file that its configuration
// names: a certificate, a key, or the audit log.
var ErrFiles = errors.New("a file that the configuration names cannot be used")

// Daemon is a running node.
type Daemon struct {
	cfg  config.Config
	deps Deps
	log  hclog.Logger

	// The parts, in the order of their start; nil until then.
	trust   *trust
	sockets *sockets
	stores  *store.Stores
	port    *peer.Port
	gossip  Gossip
	replica *cluster.Replica
	node    *forward.Node
	api     *httpapi.API
	prefect *prefect.API // nil where it is not enabled
	server  *http.Server
	ops     *http.Server     // nil where it is not served
	backups *backup.Schedule // nil where none are taken

	auditLog  *audit.Log // nil where none is kept
	gate      drain.Gate // for callers that wait, of both APIs
	clusterID late       // of the replica, for the peer port that starts before it

	ctx   context.Context // ends when the node stops; the background tasks hang on it
	stop  context.CancelFunc
	tasks sync.WaitGroup

	opsTask sync.WaitGroup // the server of ops, which outlives the tasks

	retired atomic.Bool // Retire was called
	closing atomic.Bool
	done    chan struct{} // closed when the node has stopped
	closed  error         // set before done is closed
}

// Start starts a node. cfg must have passed config.Validate. When a part does
// not start, those before it are stopped again. ctx bounds the start only.
func Start(ctx context.Context, cfg config.Config, deps Deps) (*Daemon, error) {
	if deps.Logger == nil || deps.Fatal == nil {
		return nil, errors.New("daemon: Logger and Fatal are required")
	}
	if deps.Registry == nil {
		deps.Registry = prometheus.NewRegistry()
	}
	deps.Machine = deps.Machine.real()
	d := &Daemon{cfg: cfg, deps: deps, log: deps.Logger, done: make(chan struct{})}
	d.ctx, d.stop = context.WithCancel(context.Background())
	for _, s := range d.startOrder() {
		if err := s.do(ctx); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", s.name, err), d.Close(ctx))
		}
	}
	d.log.Info("started", "name", cfg.Name, "id", d.stores.ID, "http", d.URL(),
		"peer", d.sockets.peerAt, "gossip", d.gossip.Address(), "version", deps.Version)
	return d, nil
}

// Retire makes the node not ready, for good, and returns after http.drain_delay, or when
// ctx is over. The node serves as before until Close: who chooses nodes by /readyz
// has gone by then.
func (d *Daemon) Retire(ctx context.Context) {
	d.retired.Store(true)
	delay := d.cfg.HTTP.DrainDelay
	if delay <= 0 {
		return
	}
	d.log.Info("not ready from now on, and serving until the delay ends; another signal ends it", "drain_delay", delay.String())
	over := time.NewTimer(delay)
	defer over.Stop()
	select {
	case <-over.C:
	case <-ctx.Done():
	}
}

// ready returns why callers should go elsewhere. What the front ends themselves say
// of a node that drains is left to them.
func (d *Daemon) ready() []string {
	reasons := d.replica.Ready()
	if d.retired.Load() && !d.gate.Draining() {
		reasons = append(reasons, "the node is shutting down")
	}
	return reasons
}

// Close stops the node: it lets open calls end until ctx is over, hands over
// the leadership, and waits for every goroutine. The node stays a member of its
// cluster. It may be called twice.
func (d *Daemon) Close(ctx context.Context) error {
	if !d.closing.CompareAndSwap(false, true) {
		<-d.done
		return d.closed
	}
	defer close(d.done)
	var errs []error
	for _, s := range d.stopOrder() {
		if err := s.do(ctx); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", s.name, err))
		}
	}
	d.closed = errors.Join(errs...)
	return d.closed
}

// Name returns the node's name.
func (d *Daemon) Name() string { return d.cfg.Name }

// HTTPAddress returns the host:port at which callers reach the node.
func (d *Daemon) HTTPAddress() string { return d.sockets.httpAt }

// URL returns the base URL at which callers reach the node.
func (d *Daemon) URL() string { return d.cfg.TLS.Scheme() + "://" + d.sockets.httpAt }

// PeerAddress returns the host:port that the other nodes dial.
func (d *Daemon) PeerAddress() string { return d.sockets.peerAt }

// GossipAddress returns the host:port that other nodes join by.
func (d *Daemon) GossipAddress() string { return d.gossip.Address() }

// Leads tells whether the node leads its cluster, as far as it knows.
func (d *Daemon) Leads() bool { return d.replica.IsLeader() }

// WaitReady waits until the node can serve, or ctx is over; then it returns why not.
func (d *Daemon) WaitReady(ctx context.Context) error {
	for {
		changed := d.replica.LeaderChanged()
		reasons := d.replica.Ready()
		if len(reasons) == 0 {
			return nil
		}
		look, cancel := context.WithTimeout(ctx, lookEvery)
		_ = changed(look) // readiness has other causes than leadership: look again in any case
		cancel()
		if ctx.Err() != nil {
			return fmt.Errorf("the node is not ready: %s: %w", reasons[0], ctx.Err())
		}
	}
}

// lookEvery is how often WaitReady looks at what nobody announces.
const lookEvery = 20 * time.Millisecond
