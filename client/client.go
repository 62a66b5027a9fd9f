package client

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
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
	// Addresses of nodes: URLs, or host:port, which means https where CACert or
	// ClientCert is given, else http. Give all of them: calls stay with one while
	// it answers, and move on when it does not.
	Addresses []string
	// CACert names a file of certificates, PEM, of the authorities by which nodes
	// are believed over https. Default: those of the system. This file and the next
	// two are read again for a new connection where they have changed, so that
	// certificates are renewed, and authorities changed, under a running program.
	CACert string
	// ClientCert and ClientKey name the files, PEM, of the certificate that is
	// shown to nodes, and of its key. Default: none is.
	ClientCert, ClientKey string
	// Token is sent as a bearer token. Default: none.
	Token string
	// Owner is who this program says it is, to those who look at leases. Default:
	// the program's name, the host's name and the process's id.
	Owner *Owner
	// Hold is how long a waiting Acquire lets a node be silent before it asks
	// again; a node that was cut off is noticed that late. Default 8 s; at most
	// 10 s, so that the place in the queue does not lapse (15 s) meanwhile.
	Hold time.Duration
	// Timeout is how long a node may try on the client's behalf, beside waiting;
	// then, or when it was silent for half a second more, the next node is asked
	// the same again. Default 1.5 s: a change of leaders takes less, and a node
	// that hangs holds nobody up for long.
	Timeout time.Duration
	// GiveUp is how long no node may give an answer, or none but that there is no
	// leader, before a call fails with what its last try met: ErrUnreachable, or
	// ErrNoLeader. A try that is under way is not broken off: one that waits takes Hold
	// and Timeout. Default 0: only the end of its ctx fails it.
	GiveUp time.Duration
	// Remember is the cluster's setting remember, for which it knows an id.
	// Default 60 s. Acquire gives an id up 10 s before.
	Remember time.Duration

	// Logger is told at level Error of leases that were lost, at Warn of nodes and
	// renewals that fail, at Info of nodes that answer again, at Debug of every
	// request. Default: nobody is.
	Logger *slog.Logger
	// Observer hears of what the client does, for metrics. Default: nobody does.
	Observer *Observer

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
		c.Owner = &Owner{Name: filepath.Base(os.Args[0]), Host: host, PID: int64(os.Getpid())}
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
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Observer == nil {
		c.Observer = &Observer{}
	}
	if c.Clocks == nil {
		c.Clocks = systemClocks()
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	return c
}

// check tells what would fail each call, or mean something else than was written.
func (c Config) check() error {
	for _, d := range []struct {
		name  string
		given time.Duration
	}{{"Hold", c.Hold}, {"Timeout", c.Timeout}, {"GiveUp", c.GiveUp}, {"Remember", c.Remember}} {
		if d.given < 0 {
			return invalid(fmt.Sprintf("Config.%s is %s", d.name, d.given), "leave it out, or give a time above 0")
		}
	}
	if t := c.Timeout; t > 0 && (t < wire.MinTimeout || t > wire.MaxTimeout) {
		return invalid(fmt.Sprintf("Config.Timeout is %s", t), fmt.Sprintf("nodes take %s to %s", wire.MinTimeout, wire.MaxTimeout))
	}
	if strings.ContainsFunc(c.Token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return invalid("Config.Token has a space, a line break or another character that no token has", "cut off what a file has behind it: strings.TrimSpace")
	}
	return nil
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
	log    *slog.Logger
	nodes  *nodes
	own    *http.Transport // where Config gave none
	keeper *keeper
	gather *gather

	ctx  context.Context // ends at Close
	stop context.CancelCauseFunc
	wait sync.WaitGroup // the keeper's goroutines, the calls, and what they leave to the background

	mu         sync.Mutex
	closed     bool // guarded by mu; no call begins any more
	background int  // guarded by mu; exchanges under way in the background
}

// New returns a client of the cluster that cfg tells of. It reaches for no node
// yet. Its error is ErrInvalid: an address, a time or the token cannot be used, or a
// file of certificates cannot be read.
func New(cfg Config) (*Client, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	c := &Client{cfg: cfg, log: cfg.Logger}
	var err error
	if c.nodes, err = parseNodes(cfg.Addresses, cfg.secure(), int(c.chance(1<<20))); err != nil {
		return nil, err
	}
	if cfg.Transport == nil {
		c.own = newTransport()
		if err := cfg.use(c.own); err != nil {
			return nil, err
		}
		c.cfg.Transport = c.own
	}
	c.ctx, c.stop = context.WithCancelCause(context.Background())
	c.keeper = newKeeper(c)
	c.gather = &gather{c: c, free: lanes}
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

// cancelLater sees to it that nothing comes of the acquire id, or is kept.
func (c *Client) cancelLater(id string) {
	c.later(c.short("cancel", wire.CancelRequest{ID: id}))
}
