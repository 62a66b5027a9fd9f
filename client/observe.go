package client

import (
	"context"
	"log/slog"
	"net/url"
	"time"
)

// Observer hears of what a client does, so that a program can count it in the
// metrics that it has. Each function may be nil. They are called from many
// goroutines, between the client's own steps: they must be quick, and may call
// nothing that waits for a node.
//
//	&client.Observer{
//		Exchanged: func(x client.Exchange) { requests.WithLabelValues(x.Route).Observe(x.Took.Seconds()) },
//		Acquired:  func(a client.Acquired) { waits.WithLabelValues(outcome(a.Err)).Observe(a.Took.Seconds()) },
//		Ended: func(_ *client.Lease, why error) {
//			if errors.Is(why, client.ErrLeaseLost) {
//				lost.Inc()
//			}
//		},
//	}
type Observer struct {
	// Exchanged is told of every request to a node, of its repetitions, too.
	Exchanged func(Exchange)
	// Acquired is told how each acquire ended.
	Acquired func(Acquired)
	// Ended is told of the end of each lease, and why: ErrReleased, ErrLeaseLost or
	// ErrClosed. A grant of RateLimits alone, whose TTL is 0, has no end.
	Ended func(l *Lease, why error)
}

// Exchange is one request to one node, and its end.
type Exchange struct {
	Node   string // host:port
	Method string
	Route  string        // as the API's documentation writes it: "/v1/limits/{name}"
	Took   time.Duration // of a wait in the queue, too
	// Operations is how many acquires, releases and cancels went together, by the
	// route /v1/batch; else 1.
	Operations int
	// Err is an *Error where it failed; nil also where the answer was "still waiting".
	// Where the program's ctx ended it, errors.Is(Err, context.Canceled) or
	// DeadlineExceeded holds: that is no fault of the node.
	Err error
}

// Acquired is the end of one call of Acquire, or of what goes by it: RateLimit,
// Concurrency, AcquireAsync.
type Acquired struct {
	Request Request
	Lease   *Lease // nil where Err is set
	Err     error
	Took    time.Duration
}

// exchanged runs do, a request, and tells how it ended.
func (c *Client) exchanged(ctx context.Context, u *url.URL, x exchange, do func() error) error {
	tell := c.cfg.Observer.Exchanged
	debug := c.log.Enabled(ctx, slog.LevelDebug)
	if tell == nil && !debug {
		return do()
	}
	begun := time.Now()
	err := do()
	e := Exchange{Node: u.Host, Method: x.method, Route: x.route, Took: time.Since(begun), Operations: max(x.operations, 1), Err: err}
	if tell != nil {
		tell(e)
	}
	if debug {
		c.log.LogAttrs(ctx, slog.LevelDebug, "limitd: request", slog.String("node", e.Node), slog.String("method", e.Method),
			slog.String("path", x.path), slog.Duration("took", e.Took), slog.Any("err", err))
	}
	return err
}

// acquired tells how an acquire ended.
func (c *Client) acquired(a *acquiring, lease *Lease, err error) {
	if tell := c.cfg.Observer.Acquired; tell != nil {
		tell(Acquired{Request: a.r, Lease: lease, Err: err, Took: c.cfg.Clocks().since(a.begun)})
	}
}

// ended tells of leases that have ended.
func (c *Client) ended(leases []endedLease) {
	for _, e := range leases {
		if asError(e.why).Code == ErrLeaseLost {
			c.log.LogAttrs(e.lease.ctx, slog.LevelError, "limitd: lease lost", slog.String("id", e.lease.ID()),
				slog.Uint64("token", e.lease.Token()), slog.Any("limits", e.lease.names()), slog.Any("err", e.why))
		}
		if tell := c.cfg.Observer.Ended; tell != nil {
			tell(e.lease, e.why)
		}
	}
}

type endedLease struct {
	lease *Lease
	why   error
}

// turned logs that a node stopped to answer, or answers again.
func (c *Client) turned(ctx context.Context, u *url.URL, err error) {
	if err == nil {
		c.log.LogAttrs(ctx, slog.LevelInfo, "limitd: a node answers again", slog.String("node", u.Host))
		return
	}
	c.log.LogAttrs(ctx, slog.LevelWarn, "limitd: a node fails, asking the next", slog.String("node", u.Host), slog.Any("err", err))
}
