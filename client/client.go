// Package client is limitd's Go library: it acquires slots of limits, keeps
// them, and tells its program in time when it holds them no more. It needs the
// standard library only.
//
//	c, err := client.New(client.Config{Addresses: []string{"http://127.0.0.1:7480"}})
//	defer c.Close()
//	lease, err := c.Acquire(ctx, client.Request{Limits: client.Slots{"db": 2}, Wait: 30 * time.Second})
//	defer lease.Release(ctx)
//	work(lease.Context())
//
// # What it promises
//
// One acquire is one acquire. Acquire makes an id and asks under it again, at
// any of the addresses, through timeouts, leader changes, broken connections
// and proxies' errors, until it has the one true answer or ctx ends. Then the
// acquire is cancelled in the background.
//
// A lease ends here before it ends there. The cluster gives a lease's slots to
// somebody else at the earliest one TTL of the cluster's time after it granted
// or renewed it, and that time is never faster than real time. Lease.Context is
// cancelled, with cause ErrLeaseLost, at
//
//	(the instant before the acquire was first sent) + waited + TTL - margin
//	(the instant before the renewal was sent)       +          TTL - margin
//	margin = 1 % of (waited + TTL) + 10 ms, or of the TTL after a renewal
//
// where waited is the cluster's own measure of how long the acquire stood in
// the queue. Instants are read from two clocks, and the one that advanced more
// counts; on Linux these are CLOCK_BOOTTIME and CLOCK_MONOTONIC_RAW, so neither
// a sleeping machine nor a corrected clock makes a lease look younger. A grant
// that cannot be dated so is renewed before Acquire returns it: where the
// program chose the id, and another process may have sent it first; where
// waited exceeds the TTL; where the end computed has passed. The rates of two
// machines' clocks may differ by 0.87 % for a TTL of a minute, by 0.18 % for one of
// a second: what the margin allows over the TTL and the ten seconds for which a
// node takes what it heard of the cluster's time for good.
//
// With the default TTL of 60 s that is 0.61 s before the cluster can grant
// again, if every renewal since the last 60 s failed. Renewals are sent a third
// of a TTL after the last, one request for all leases of a Client (10,000 a
// request), by one goroutine, so a lease outlives two thirds of its TTL without
// any reachable node.
//
// # What only tokens can do
//
// No lease can stop a program that does not look: one that is paused by the
// kernel, the garbage collector or a debugger between checking its lease and
// writing to a disk goes on when it wakes, and others may hold the slots by
// then. Timers do not run in a sleeping machine either: after it wakes, Done
// closes within a tenth of a second, while Lease.Err and the Err of
// Lease.Context are right at once. To exclude a late write altogether, send
// Lease.Token with it, and have the thing that is written to refuse tokens below
// the highest it has seen. That is exact for a limit of one slot, and for
// numbered limits with the highest token kept for each ordinal (Lease.Limits); of
// the holders of a plain limit with more slots none is the rightful one alone.
package client

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/limitd/limitd/transport/wire"
)

const userAgent = "limitd-go/1"

// Config says where the cluster is. The zero Config means a node on this
// machine, at http://127.0.0.1:7480.
type Config struct {
	// Addresses of nodes: URLs, or host:port, which means http. Give all of
	// them: calls stay with one while it answers, and move on when it does not.
	Addresses []string
	// Token is sent as a bearer token. Default: none.
	Token string
	// Owner is who this program says it is, to those who look at leases. Default:
	// the program's name, the host's name and the process's id.
	Owner *wire.Owner
	// Hold is how long a waiting Acquire lets a node be silent before it asks
	// again; a node that was cut off is noticed that late. Default 8 s; at most
	// 10 s, so that the place in the queue does not lapse (15 s) meanwhile.
	Hold time.Duration
	// Timeout is how long a node may try on the client's behalf, beside waiting;
	// then, or when it was silent for half a second more, the next node is asked
	// the same again. Default 1.5 s: a change of leaders takes less, and a node
	// that hangs holds nobody up for long.
	Timeout time.Duration
	// GiveUp is how long no node may give an answer before a call fails with
	// ErrUnreachable. Default 0: only the end of its ctx fails it.
	GiveUp time.Duration
	// Remember is the cluster's setting remember, for which it knows an id.
	// Default 60 s. Acquire gives an id up 10 s before.
	Remember time.Duration

	// Transport carries the requests; for tests and special networks. Default: a
	// transport of its own, tuned for many calls to few nodes.
	Transport http.RoundTripper
	// Clocks reads the machine's clocks; for tests. See Clocks.
	Clocks func() Clocks
	// Rand gives randomness for ids and pauses; for tests. Default crypto/rand.
	Rand io.Reader
}

func (c Config) withDefaults() Config {
	if len(c.Addresses) == 0 {
		c.Addresses = []string{"http://127.0.0.1:7480"}
	}
	if c.Owner == nil {
		host, _ := os.Hostname()
		c.Owner = &wire.Owner{Name: filepath.Base(os.Args[0]), Host: host, PID: int64(os.Getpid())}
	}
	if c.Hold <= 0 || c.Hold > 10*time.Second {
		c.Hold = 8 * time.Second
	}
	if c.Timeout <= 0 {
		c.Timeout = 1500 * time.Millisecond
	}
	if c.Remember <= 10*time.Second {
		c.Remember = time.Minute
	}
	if c.Clocks == nil {
		c.Clocks = systemClocks()
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	return c
}

// newTransport returns a transport for many requests at once to few nodes.
func newTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: 2 * time.Second, KeepAliveConfig: net.KeepAliveConfig{
		Enable: true, Idle: 5 * time.Second, Interval: 2 * time.Second, Count: 3,
	}}
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: dialer.DialContext, TLSHandshakeTimeout: 5 * time.Second,
		MaxIdleConns: 4096, MaxIdleConnsPerHost: 1024, IdleConnTimeout: 90 * time.Second,
		DisableCompression: true, ForceAttemptHTTP2: true,
		ReadBufferSize: 8 << 10, WriteBufferSize: 8 << 10,
	}
}

// Client talks to a cluster. One is enough for a program; it is safe for
// concurrent use.
type Client struct {
	cfg    Config
	nodes  *nodes
	own    *http.Transport // where Config gave none
	keeper *keeper

	ctx  context.Context // ends at Close
	stop context.CancelCauseFunc
	wait sync.WaitGroup // the keeper's goroutines, the calls, and what they leave to the background

	mu         sync.Mutex
	closed     bool // guarded by mu; no call begins any more
	background int  // guarded by mu; exchanges under way in the background
}

// New returns a client of the cluster that cfg tells of. It reaches for nothing
// yet. Its error is ErrInvalid: an address cannot be read.
func New(cfg Config) (*Client, error) {
	cfg = cfg.withDefaults()
	c := &Client{cfg: cfg}
	var err error
	if c.nodes, err = parseNodes(cfg.Addresses, int(c.chance(1<<20))); err != nil {
		return nil, err
	}
	if cfg.Transport == nil {
		c.own = newTransport()
		c.cfg.Transport = c.own
	}
	c.ctx, c.stop = context.WithCancelCause(context.Background())
	c.keeper = newKeeper(c)
	c.wait.Go(c.keeper.run)
	return c, nil
}

// Close ends the keep-alive of all leases, cancels their contexts, ends calls
// that are under way, and returns when no goroutine of the client is left,
// after two seconds at most. It does not release leases, because whoever works
// under one may not have stopped yet: release them before, or the cluster ends
// them when their TTL is over. It may be called twice, and returns nil.
func (c *Client) Close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.stop(&Error{Code: ErrClosed, RetryAfter: -1, Effect: wire.EffectNone})
	c.wait.Wait()
	if c.own != nil {
		c.own.CloseIdleConnections()
	}
	return nil
}

// newID returns an id that nobody else makes.
func (c *Client) newID() string {
	var b [16]byte
	c.random(b[:])
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b[:]))
}

// chance returns a random duration from 0 to most.
func (c *Client) chance(most time.Duration) time.Duration {
	var b [8]byte
	c.random(b[:])
	return time.Duration(binary.LittleEndian.Uint64(b[:]) % uint64(most+1))
}

func (c *Client) random(b []byte) {
	if _, err := io.ReadFull(c.cfg.Rand, b); err != nil { // never: crypto/rand does not fail
		panic("limitd: no randomness: " + err.Error())
	}
}

// calling begins a call: it returns ctx, ended by Close as well, and what ends
// the call, which Close waits for.
func (c *Client) calling(ctx context.Context) (context.Context, func(), error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, nil, context.Cause(c.ctx)
	}
	c.wait.Add(1)
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(c.ctx, func() { cancel(context.Cause(c.ctx)) })
	return ctx, func() {
		stop()
		cancel(nil)
		c.wait.Done()
	}, nil
}

const (
	// afterward bounds what is done in the background.
	afterward = 10 * time.Second
	// closeWait is how long Close leaves it.
	closeWait = 2 * time.Second
	// grace is how long an answer may be on its way.
	grace = 500 * time.Millisecond
	// maxLater bounds how much is done in the background at once. What is
	// beyond is left to lapse: the cluster ends waits and leases by itself.
	maxLater = 256
)

// later sends x in the background until it is answered. It must be called
// within a call.
func (c *Client) later(x exchange) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.background >= maxLater {
		return
	}
	c.background++
	c.wait.Go(func() {
		defer func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.background--
		}()
		ctx, cancel := context.WithTimeout(context.Background(), afterward)
		defer cancel()
		defer context.AfterFunc(c.ctx, func() { time.AfterFunc(closeWait, cancel) })()
		var ignored json.RawMessage
		_ = c.persist(ctx, x, &ignored)
	})
}

// quick is an exchange that a node answers at once.
func (c *Client) quick(path string, body any) exchange {
	return exchange{path: path, body: encode(body), timeout: c.cfg.Timeout, silence: c.cfg.Timeout + grace}
}

// cancelLater sees to it that nothing comes of the acquire id, or is kept.
func (c *Client) cancelLater(id string) {
	c.later(c.quick("/v1/cancel", wire.CancelRequest{ID: id}))
}
