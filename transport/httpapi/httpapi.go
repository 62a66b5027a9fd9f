// Package httpapi serves limitd's native HTTP API v1, as docs/api.md tells it:
// it decodes, has the operation run or reads the state, and encodes. What a
// request means is decided by fsm/limit, where it runs by the backend.
//
// All routes stand in one table (route.go), all error codes with their
// statuses in another (transport/wire). The package promises:
//
//   - what is wrong with a request is told at once and by name, before
//     anything happens;
//   - an acquire whose caller is gone leaves nothing behind, where its id was
//     made here and never told; under an id that the caller made, another call
//     can go on (semantics.md A4);
//   - a panic of one request is that request's 500.
//
// A node serves it like this:
//
//	api, err := httpapi.New(httpapi.Config{Node: "n1", Backend: node, ...})
//	server := api.HTTPServer()
//	go server.Serve(listener)
//	...
//	api.Drain()             // new calls and open waits are sent elsewhere
//	server.Shutdown(ctx)    // what is under way ends
package httpapi

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/limitd/limitd/fsm"
	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
	"github.com/limitd/limitd/transport/audit"
	"github.com/limitd/limitd/transport/auth"
	"github.com/limitd/limitd/transport/drain"
	"github.com/limitd/limitd/transport/wire"
	"github.com/prometheus/client_golang/prometheus"
)

// Backend runs operations on the replicated state and reads it, wherever the
// leader is.
type Backend interface {
	// Run has cmd applied exactly once for its id, trying until ctx ends. An
	// acquire that has to wait is waited for during hold; then, or at once
	// where hold is 0, *command.Waiting is the answer. When ctx is cancelled
	// the open call is dropped, and the place in the queue is left to lapse.
	Run(ctx context.Context, cmd command.Command, hold time.Duration) (fsm.Answer, error)
	// Read calls read with the state as it is now; with stale, as this node
	// has it, at once. read must neither keep nor change the state.
	Read(ctx context.Context, stale bool, read func(*limit.State)) (Position, error)
}

// Position tells where in the log a read stood.
type Position struct {
	Index uint64
	Time  int64         // cluster time, ns
	Age   time.Duration // stale reads: how far behind the state may have been; negative: not known
}

// Cluster is what the routes about the cluster itself need.
type Cluster interface {
	// Status returns leader, term and nodes as this node knows them, at once.
	Status(ctx context.Context) (wire.Cluster, error)
	// Digests asks all nodes for the digest that the Verify record at index
	// made them take: hex by node name, and the names that did not answer.
	Digests(ctx context.Context, index uint64) (digests map[string]string, missing []string, err error)
	// Transfer hands leadership to the named node; "": to the best suited one.
	Transfer(ctx context.Context, to string) error
	// Leave takes this node out of the cluster.
	Leave(ctx context.Context) error
	// Remove takes the named node out of the cluster.
	Remove(ctx context.Context, name string) error
	// SetRole makes the named node a voter or a nonvoter.
	SetRole(ctx context.Context, name, role string) error
	// Autopilot returns how the leader sees the members, and what it does about them.
	Autopilot(ctx context.Context) (wire.Autopilot, error)
}

// Snapshots saves and restores the whole state.
type Snapshots interface {
	// Save writes a snapshot of the present state to w. ctx bounds how long it
	// looks for that state, not how long it writes.
	Save(ctx context.Context, w io.Writer) error
	// Restore replaces the cluster's state by the snapshot in r. Then limits without
	// decay grant nothing for as long as leases of longestTTL may run that are not
	// in it; 0: all grant at once.
	Restore(ctx context.Context, r io.Reader, longestTTL time.Duration) error
}

// Config is what an API needs. All fields are required unless told otherwise.
type Config struct {
	Node      string // this node's name, told in Limitd-Node
	Version   string // of the program
	Backend   Backend
	Cluster   Cluster
	Snapshots Snapshots
	// Ready returns why this node should get no calls; nothing: it is ready.
	Ready func() []string
	// Classify names the code of an error of Backend, Cluster or Snapshots;
	// "" for one that it does not know, which becomes CodeInternal, or
	// CodeOutcomeUnknown where the time ran out.
	Classify func(error) wire.Code
	Access
	// Timeouts bound how long a slow caller is waited for.
	Timeouts Timeouts
	// Registry gets the API's metrics, and is what GET /metrics shows.
	Registry *prometheus.Registry
	Logger   hclog.Logger
	// Gate is passed by callers that wait. Default: one of the API's own; a node
	// with several front ends gives all of them the same.
	Gate *drain.Gate
	Rand io.Reader // for ids; default crypto/rand
}

// Access says who may call, and who hears of it.
type Access struct {
	// Guard tells who callers are; nil: everybody may do everything.
	Guard *auth.Guard
	// OpenMetrics lets everybody read GET /metrics.
	OpenMetrics bool
	// Audit takes the calls that manage something; nil: nobody does.
	Audit *audit.Log
	// Reset tells whether an operator who lost the first token has asked this node,
	// by other ways than HTTP, to make it again under the secret with this hash, and
	// forgets it. Default: nobody has.
	Reset func(hash [32]byte) bool
}

// API is the handler of all routes. It has no goroutines of its own.
type API struct {
	cfg      Config
	router   router
	metrics  *metrics
	origin   *http.CrossOriginProtection
	calls    sync.Pool // of *call
	prefix   string    // of the request ids of this start
	requests atomic.Uint64
}

var errConfig = errors.New("httpapi: the configuration lacks")

// New returns the API of a node. It fails where cfg lacks something, or its
// registry holds metrics of the same names.
func New(cfg Config) (*API, error) {
	if cfg.Backend == nil || cfg.Cluster == nil || cfg.Snapshots == nil || cfg.Ready == nil || cfg.Classify == nil {
		return nil, fmt.Errorf("%w one of Backend, Cluster, Snapshots, Ready, Classify", errConfig)
	}
	if cfg.Registry == nil || cfg.Logger == nil || cfg.Node == "" {
		return nil, fmt.Errorf("%w one of Registry, Logger, Node", errConfig)
	}
	if cfg.Rand == nil {
		cfg.Rand = rand.Reader
	}
	if cfg.Reset == nil {
		cfg.Reset = func([32]byte) bool { return false }
	}
	if cfg.Gate == nil {
		cfg.Gate = new(drain.Gate)
	}
	cfg.Timeouts = cfg.Timeouts.orDefaults()
	a := &API{cfg: cfg, origin: http.NewCrossOriginProtection()}
	prefix, err := a.randomText(8)
	if err != nil {
		return nil, err
	}
	a.prefix = prefix + "-"
	a.calls.New = func() any { return new(call) }
	table := routes()
	a.router = newRouter(table)
	a.metrics = newMetrics(a, table)
	if err := a.metrics.register(cfg.Registry); err != nil {
		return nil, err
	}
	return a, nil
}

// Drain makes the API refuse new calls, other than those about health, and
// ends all open waits, so that their callers go on at another node. It may be
// called twice.
func (a *API) Drain() { a.cfg.Gate.Drain() }
