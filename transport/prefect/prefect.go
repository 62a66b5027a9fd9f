// Package prefect serves what Prefect's clients use of its HTTP API for
// concurrency limits and rate limits, so that their programs run against limitd
// unchanged: PREFECT_API_URL=http://node:7480/api.
//
// It is a second face of the same limits: each request becomes the commands that
// the native API uses, and the rules of fsm/limit decide. docs/prefect.md tells
// what differs from Prefect's own server, and why.
//
//	api, err := prefect.New(prefect.Config{Node: "n1", Backend: node, ...})
//	mux.Handle("/api/", api)
//	...
//	gate.Drain()  // open waits are sent elsewhere
//	api.Close()   // the event streams end
//
// All routes stand in one table (route.go), all answers other than success in
// another (answer.go). What the package promises beyond the rules:
//
//   - An increment that cannot be granted is held in the queue, and granted the
//     moment that its turn comes; one whose client goes away leaves nothing.
//   - A lease id is a UUID that limitd can tell from others, and the id of its
//     acquire, so that the native API knows it too.
//   - What is wrong with a request is told as Prefect's server tells it.
package prefect

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
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
	// where hold is 0, *command.Waiting is the answer.
	Run(ctx context.Context, cmd command.Command, hold time.Duration) (fsm.Answer, error)
	// Read calls read with the state as it is now.
	Read(ctx context.Context, read func(*limit.State)) error
	// ReadAt calls read with a state of this node that has applied the record at
	// index; 0: as it is.
	ReadAt(ctx context.Context, index uint64, read func(*limit.State)) error
}

// Config is what an API needs. All fields are required unless told otherwise.
type Config struct {
	Node    string // this node's name, told in Limitd-Node
	Backend Backend
	// Ready returns why this node should get no calls; nothing: it is ready.
	Ready func() []string
	// Classify names the code of an error of Backend; "" for one it does not know.
	Classify func(error) wire.Code
	// Guard tells who clients are; nil: everybody may do everything.
	Guard *auth.Guard
	// Audit takes the calls that manage something; nil: nobody does.
	Audit *audit.Log
	// Gate is passed by callers that wait.
	Gate     *drain.Gate
	Registry *prometheus.Registry
	Logger   hclog.Logger
	Rand     io.Reader // for ids; default crypto/rand

	// Hold is how long an increment is kept waiting before the client is told to
	// come again, 0 to MaxHold. 0: it is told at once, as Prefect's server does.
	Hold time.Duration
	// BodyTimeout is how long the body of a request may take to come; of one that is
	// passed on, each piece of it. Default: 30 s.
	BodyTimeout time.Duration
	// WriteTimeout is how long a client may take to read what it is sent over HTTP/2,
	// for each piece. (Over HTTP/1.1 the listener sees to it.) Default: 30 s.
	WriteTimeout time.Duration
	// CreateMissing makes, inactive, the limits that a concurrency increment
	// names and nobody has made.
	CreateMissing bool
	// Upstream is the base of the API of a Prefect server, such as
	// http://prefect:4200/api, which gets all that is not about limits. Nil: none.
	// The user and password of this URL, where it has any, are shown to it where the
	// client shows nothing, and with a Guard, whose tokens it never gets, always.
	Upstream *url.URL
	// UpstreamTimeout is how long that server may take to begin an answer; what
	// follows, events for one, may last. Clients give up after 60 s. Default: 50 s.
	UpstreamTimeout time.Duration
}

// MaxHold keeps a held request below the 60 s after which Prefect's clients give
// it up.
const MaxHold = 40 * time.Second

// API is the handler of all routes below /api. Its goroutines are those of
// requests and of event streams.
type API struct {
	cfg     Config
	table   []route
	metrics *metrics
	origin  *http.CrossOriginProtection

	upstream *httputil.ReverseProxy // nil for none
	csrf     csrf
	fresh    fresh
	sockets  drain.Gate     // event streams, and what is passed on
	streams  sync.WaitGroup // the same, to be waited for
}

var errConfig = errors.New("prefect: the configuration lacks")

// New returns the API of a node. It fails where cfg lacks something, or its
// registry holds metrics of the same names.
func New(cfg Config) (*API, error) {
	if cfg.Backend == nil || cfg.Ready == nil || cfg.Classify == nil || cfg.Gate == nil {
		return nil, fmt.Errorf("%w one of Backend, Ready, Classify, Gate", errConfig)
	}
	if cfg.Registry == nil || cfg.Logger == nil || cfg.Node == "" {
		return nil, fmt.Errorf("%w one of Registry, Logger, Node", errConfig)
	}
	if cfg.Hold < 0 || cfg.Hold > MaxHold {
		return nil, fmt.Errorf("prefect: Hold is %v; it can be 0 to %v", cfg.Hold, MaxHold)
	}
	if cfg.Rand == nil {
		cfg.Rand = rand.Reader
	}
	cfg.BodyTimeout = cmp.Or(cfg.BodyTimeout, 30*time.Second)
	cfg.WriteTimeout = cmp.Or(cfg.WriteTimeout, 30*time.Second)
	cfg.UpstreamTimeout = cmp.Or(cfg.UpstreamTimeout, 50*time.Second)
	a := &API{cfg: cfg, table: routes(), origin: http.NewCrossOriginProtection(), metrics: newMetrics()}
	if cfg.Upstream != nil {
		a.upstream, a.csrf.patience = newProxy(cfg), csrfPatience
	}
	if err := a.metrics.register(cfg.Registry); err != nil {
		return nil, err
	}
	return a, nil
}

// Close ends the event streams, and what is passed on to the upstream server, and
// waits for them; a server's Shutdown leaves streams open. It may be called twice.
func (a *API) Close() {
	a.sockets.Drain()
	a.streams.Wait()
	if a.upstream != nil {
		a.upstream.Transport.(*http.Transport).CloseIdleConnections()
	}
}
