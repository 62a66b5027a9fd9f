package client

import (
	"context"
	"errors"
	"testing"
	"time"
)

var errWork = errors.New("the work's own")

func TestConcurrency(t *testing.T) {
	withCluster(t, func(t *testing.T, f *fakeCluster, c *Client) {
		ctx, cancel := context.WithCancel(context.WithValue(context.Background(), leaseName{}, "mine"))
		err := c.Concurrency(ctx, []string{"db"}, func(in context.Context) error {
			if f.held("db") != 1 || LeaseFrom(in).Token() != 1 || in.Value(leaseName{}) != "mine" {
				t.Errorf("fn runs with %d slots under the lease %v", f.held("db"), LeaseFrom(in))
			}
			cancel()
			<-in.Done() // ctx ends fn's as well
			return errWork
		})
		if !errors.Is(err, errWork) || f.held("db") != 0 {
			t.Errorf("%v; %d held", err, f.held("db"))
		}
		if LeaseFrom(context.Background()) != nil {
			t.Error("a lease out of nothing")
		}
		for _, name := range []string{"db", "made-on-the-way"} {
			if err := c.RateLimit(context.Background(), name); err != nil {
				t.Error(err)
			}
		}
	})
}

type leaseName struct{}

func TestConcurrencyOptions(t *testing.T) {
	withCluster(t, func(t *testing.T, f *fakeCluster, c *Client) {
		f.slots["db"] = 3
		work := func(ctx context.Context) error {
			if f.held("db") != 3 || LeaseFrom(ctx).TTL() != 30*time.Second {
				t.Errorf("%d held for %v", f.held("db"), LeaseFrom(ctx).TTL())
			}
			return c.Concurrency(ctx, []string{"db"}, func(context.Context) error { return nil }, WithWait(0))
		}
		ctx := context.Background()
		if err := c.Concurrency(ctx, []string{"db", "db"}, work, WithSlots(3), WithTTL(30*time.Second)); !errors.Is(err, ErrDenied) {
			t.Errorf("got %v", err)
		}
		if err := c.Concurrency(ctx, []string{"unknown"}, work, WithMissing(MissingError)); !errors.Is(err, ErrLimitNotFound) {
			t.Errorf("got %v", err)
		}
	})
}

func TestConcurrencyPanics(t *testing.T) {
	withCluster(t, func(t *testing.T, f *fakeCluster, c *Client) {
		defer func() {
			if recover() != errWork || f.held("db") != 0 {
				t.Errorf("%d held after a panic", f.held("db"))
			}
		}()
		_ = c.Concurrency(context.Background(), []string{"db"}, func(context.Context) error { panic(errWork) })
	})
}

// A lease that was lost while fn ran is told whatever fn says.
func TestConcurrencyLosesItsLease(t *testing.T) {
	for _, own := range []error{nil, errWork} {
		withCluster(t, func(t *testing.T, f *fakeCluster, c *Client) {
			err := c.Concurrency(context.Background(), []string{"db"}, func(ctx context.Context) error {
				f.setFault(stall("/v1/renew"))
				<-ctx.Done()
				if !errors.Is(context.Cause(ctx), ErrLeaseLost) || !errors.Is(ctx.Err(), context.Canceled) {
					t.Errorf("the context ended with %v because of %v", ctx.Err(), context.Cause(ctx))
				}
				return own
			}, WithTTL(20*time.Second))
			var e *Error
			if !errors.Is(err, ErrLeaseLost) || own != nil && !errors.Is(err, own) || !errors.As(err, &e) || e.Code != ErrLeaseLost {
				t.Errorf("got %v", err)
			}
		})
	}
}

// fn's context has the deadline of its caller's, and ends as that does.
func TestConcurrencyDeadline(t *testing.T) {
	withCluster(t, func(t *testing.T, f *fakeCluster, c *Client) {
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		want, _ := ctx.Deadline()
		err := c.Concurrency(ctx, []string{"db"}, func(in context.Context) error {
			if got, ok := in.Deadline(); !ok || !got.Equal(want) {
				t.Errorf("the deadline is %v, %v", got, ok)
			}
			<-in.Done()
			return in.Err()
		})
		if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrLeaseLost) || f.held("db") != 0 {
			t.Errorf("%v; %d held", err, f.held("db"))
		}
	})
}

func TestOrdinals(t *testing.T) {
	withCluster(t, func(t *testing.T, f *fakeCluster, c *Client) {
		l := mustAcquire(t, c, db())
		if got := l.Ordinals("db"); len(got) != 1 || got[0] != 0 || l.Ordinals("other") != nil {
			t.Errorf("the ordinals are %v", got)
		}
	})
}
