package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

// notes is an Observer that writes down what it hears.
type notes struct {
	mu   sync.Mutex
	list []string
}

func (n *notes) add(format string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.list = append(n.list, fmt.Sprintf(format, args...))
}

func (n *notes) observer() *Observer {
	return &Observer{
		Exchanged: func(x Exchange) { n.add("%s %s %s %v %v", x.Node, x.Method, x.Route, x.Took, code(x.Err)) },
		Acquired:  func(a Acquired) { n.add("acquired %v %v %v", a.Request.Limits, a.Took, code(a.Err)) },
		Ended: func(l *Lease, why error) {
			if l.Err() == nil { // it may be asked
				n.add("a lease that ended says nothing")
			}
			n.add("lease %d %v", l.Token(), code(why))
		},
	}
}

func code(err error) any {
	if err == nil {
		return nil
	}
	return asError(err).Code
}

func TestObserver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, n := newFakeCluster(), &notes{}
		f.slots["db"] = 1
		c := f.client(t, func(cfg *Config) { cfg.Observer = n.observer() })
		first := mustAcquire(t, c, db())
		_, _ = c.Acquire(context.Background(), db())
		_ = first.Release(context.Background())
		_ = c.RateLimit(context.Background(), "api")
		_, _ = c.Limit(context.Background(), "db") // which the fake does not know
		f.setFault(stall("/v1/renew"))
		ends(mustAcquire(t, c, db()))
		mustAcquire(t, c, Request{Limits: Slots{"other": 1}, Missing: MissingCreate})
		_ = c.Close()
		renewals := func(s string) bool { return strings.Contains(s, "/v1/renew") }
		if !slices.ContainsFunc(n.list, renewals) {
			t.Error("no renewal was told")
		}
		want := []string{
			"n1:1 POST /v1/acquire 0s <nil>", "acquired map[db:1] 0s <nil>",
			"n1:1 POST /v1/acquire 0s denied", "acquired map[db:1] 0s denied",
			"lease 1 released", "n1:1 POST /v1/release 0s <nil>",
			"n1:1 POST /v1/acquire 0s <nil>", "acquired map[] 0s <nil>",
			"n1:1 GET /v1/limits/{name} 0s route_not_found",
			"n1:1 POST /v1/acquire 0s <nil>", "acquired map[db:1] 0s <nil>", "lease 3 lease_lost",
			"n1:1 POST /v1/acquire 0s <nil>", "acquired map[other:1] 0s <nil>", "lease 4 client_closed",
		}
		if got := slices.DeleteFunc(n.list, renewals); !slices.Equal(got, want) {
			t.Errorf("heard\n%s", strings.Join(got, "\n"))
		}
	})
}

func TestLogger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeCluster()
		f.slots["db"] = 1
		var out bytes.Buffer
		c := f.client(t, func(cfg *Config) {
			cfg.Logger = slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelInfo}))
		})
		l := mustAcquire(t, c, db())
		f.setFault(func(string, string) (error, error) { return errWire, nil })
		ends(l)
		f.setFault(nil)
		<-time.After(10 * time.Second)
		mustAcquire(t, c, db())
		_ = c.Close()
		log := out.String()
		for want, times := range map[string]int{
			`level=WARN msg="limitd: a node fails, asking the next" node=n1:1`:        1,
			`level=WARN msg="limitd: the leases were not renewed, trying again" err=`: 1,
			`level=ERROR msg="limitd: lease lost" id=`:                                1,
			`level=INFO msg="limitd: a node answers again" node=n1:1`:                 1,
			"\n": 4,
		} {
			if n := strings.Count(log, want); n != times {
				t.Errorf("%q stands %d times in\n%s", want, n, log)
			}
		}
	})
}

func TestRequestsAreLoggedForDebugging(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeCluster()
		var out bytes.Buffer
		c := f.client(t, func(cfg *Config) {
			cfg.Logger = slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
		})
		_, _ = c.Limit(context.Background(), "db")
		_ = c.Close()
		if want := `msg="limitd: request" node=n1:1 method=GET path=/v1/limits/db took=0s`; !strings.Contains(out.String(), want) {
			t.Errorf("logged\n%s", out.String())
		}
	})
}

// A grant that came so late that it cannot be trusted by the time it is looked
// at is renewed before it is believed: also where the process stood still between
// two looks at the clock.
func TestPauseBeforeTheLeaseIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeCluster()
		f.slots["db"] = 1
		var looks, pauseAt atomic.Int64
		c := f.client(t, func(cfg *Config) {
			cfg.Clocks = func() Clocks {
				if looks.Add(1) == pauseAt.Load() {
					f.sleepMachine(30 * time.Second)
				}
				return f.clocks()
			}
		})
		for at := range int64(12) {
			pauseAt.Store(at)
			looks.Store(0)
			r := db()
			r.Manual = true
			l := mustAcquire(t, c, r)
			if l.Err() == nil && f.held("db") == 0 {
				t.Errorf("paused at look %d: the lease is believed, and the cluster has ended it", at)
			}
			_ = l.Release(context.Background())
			synctest.Wait()
		}
		_ = c.Close()
	})
}

// Close leaves no goroutine, whatever was under way.
func TestCloseLeavesNoGoroutine(t *testing.T) {
	f := newFakeCluster()
	f.slots["db"] = 1
	server := real(f)
	defer server.Close()
	before := goleak.IgnoreCurrent()
	c, err := New(Config{Addresses: []string{server.URL}})
	if err != nil {
		t.Fatal(err)
	}
	mustAcquire(t, c, db())
	waiting := db()
	waiting.Wait = Forever
	var tickets []*Ticket
	for range 5 {
		tickets = append(tickets, c.AcquireAsync(context.Background(), waiting))
	}
	tickets[0].Cancel()
	_ = c.Close()
	server.CloseClientConnections()
	server.Close()
	for _, ticket := range tickets {
		if _, err := ticket.Lease(); !errors.Is(err, ErrClosed) && !errors.Is(err, context.Canceled) {
			t.Errorf("a ticket says %v", err)
		}
	}
	goleak.VerifyNone(t, before)
}

// That the program ended a request is told apart from a node's fault.
func TestEndedRequestsAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeCluster()
		f.setFault(stall("/v1/limits/db"))
		var seen error
		c := f.client(t, func(cfg *Config) { cfg.Observer = &Observer{Exchanged: func(x Exchange) { seen = x.Err }} })
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel()
		if _, err := c.Limit(ctx, "db"); err == nil || !errors.Is(seen, context.DeadlineExceeded) {
			t.Errorf("told %v", seen)
		}
		_ = c.Close()
	})
}
