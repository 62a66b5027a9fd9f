package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/limitd/limitd/transport/wire"
)

// slow has every exchange take d before it has its effect.
func slow(d time.Duration) func(string, string) (before, after error) {
	return func(string, string) (error, error) {
		<-time.After(d)
		return nil, nil
	}
}

// sent counts requests by their path.
func sent(f *fakeCluster) map[string]int {
	n := map[string]int{}
	for _, line := range f.requests() {
		n[strings.Fields(line)[1]]++
	}
	return n
}

// acquireMany has n calls begin at once, and returns how they ended.
func acquireMany(c *Client, n int, r Request) (leases []*Lease, errs []error) {
	var tickets []*Ticket
	for range n {
		tickets = append(tickets, c.AcquireAsync(context.Background(), r))
	}
	for _, t := range tickets {
		l, err := t.Lease()
		leases, errs = append(leases, l), append(errs, err)
	}
	return leases, errs
}

// Calls go alone while few are under way; what comes meanwhile goes together.
func TestCallsAreGathered(t *testing.T) {
	withCluster(t, func(t *testing.T, f *fakeCluster, c *Client) {
		f.slots["db"] = 1000
		f.setFault(slow(time.Second))
		begun := time.Now()
		if _, errs := acquireMany(c, lanes, db()); slices.ContainsFunc(errs, func(err error) bool { return err != nil }) {
			t.Errorf("errors: %v", errs)
		}
		if n := sent(f); n["/v1/acquire"] != lanes || n["/v1/batch"] != 0 || time.Since(begun) != time.Second {
			t.Errorf("%d calls were sent as %v in %v", lanes, n, time.Since(begun))
		}
		f.forgetLog()
		begun = time.Now()
		leases, errs := acquireMany(c, lanes+100, db())
		if n := sent(f); n["/v1/acquire"] != lanes || n["/v1/batch"] != 1 || time.Since(begun) != 2*time.Second {
			t.Errorf("%d calls were sent as %v in %v: %v", lanes+100, n, time.Since(begun), errs)
		}
		tokens := map[uint64]bool{}
		for _, l := range leases {
			tokens[l.Token()] = true
		}
		if len(tokens) != lanes+100 || f.held("db") != int64(2*lanes+100) {
			t.Errorf("%d grants, %d held", len(tokens), f.held("db"))
		}
		f.forgetLog()
		var wait sync.WaitGroup
		for _, l := range leases {
			wait.Go(func() { _ = l.Release(context.Background()) })
		}
		wait.Wait()
		if n := sent(f); n["/v1/release"] != lanes || n["/v1/batch"] != 1 || f.held("db") != lanes {
			t.Errorf("the releases were sent as %v; %d are held", n, f.held("db"))
		}
	})
}

// Who waits in the queue takes no lane up, and what is gathered waits alone.
func TestWaitersAreNotInTheWay(t *testing.T) {
	withCluster(t, func(t *testing.T, f *fakeCluster, c *Client) {
		first := mustAcquire(t, c, db())
		r := db()
		r.Wait = Forever
		var waiters []*Ticket
		for range 3 * lanes {
			waiters = append(waiters, c.AcquireAsync(context.Background(), r))
		}
		<-time.After(time.Second)
		if n := sent(f); n["/v1/acquire"] < 3*lanes || n["/v1/batch"] == 0 {
			t.Errorf("those who wait were sent as %v", n)
		}
		begun := time.Now()
		mustAcquire(t, c, Request{Limits: Slots{"other": 1}, Missing: MissingCreate})
		if took := time.Since(begun); took != 0 {
			t.Errorf("another call took %v", took)
		}
		f.mu.Lock()
		f.slots["db"] = int64(len(waiters))
		f.mu.Unlock()
		_ = first.Release(context.Background())
		for _, w := range waiters {
			if _, err := w.Lease(); err != nil {
				t.Error(err)
			}
		}
	})
}

// A call whose ctx ends before it is sent is never sent.
func TestWithdrawn(t *testing.T) {
	withCluster(t, func(t *testing.T, f *fakeCluster, c *Client) {
		c.SetLanes(1)
		f.slots["db"] = 10
		f.setFault(slow(time.Second))
		first := c.AcquireAsync(context.Background(), db())
		synctest.Wait()
		ctx, cancel := context.WithCancel(context.Background())
		second := c.AcquireAsync(ctx, db())
		synctest.Wait()
		cancel()
		if _, err := second.Lease(); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		if _, err := first.Lease(); err != nil {
			t.Error(err)
		}
		<-time.After(10 * time.Second)
		if f.held("db") != 1 || f.tokens != 1 {
			t.Errorf("%d held of %d grants", f.held("db"), f.tokens)
		}
	})
}

// What breaks a gathered request is each call's own failure: it is sent again
// under its id, and has one effect.
func TestGatheredRequestsFail(t *testing.T) {
	for _, fault := range []error{errWire, errSilent} {
		for _, had := range []string{"no effect", "its effect"} {
			t.Run(fmt.Sprint(fault, ", ", had), func(t *testing.T) {
				withCluster(t, func(t *testing.T, f *fakeCluster, c *Client) {
					f.slots["db"] = 1000
					left := 2
					f.setFault(func(_, path string) (before, after error) {
						<-time.After(time.Millisecond)
						if path != "/v1/batch" || left == 0 {
							return nil, nil
						}
						if left--; had == "no effect" {
							return fault, nil
						}
						return nil, fault
					})
					_, errs := acquireMany(c, lanes+20, db())
					if slices.ContainsFunc(errs, func(err error) bool { return err != nil }) || f.tokens != lanes+20 {
						t.Errorf("%d grants: %v", f.tokens, errs)
					}
				})
			})
		}
	}
}

// A node that cannot serve says so for each operation: the next one is asked.
func TestGatheredRequestsMoveOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeCluster()
		f.slots["db"] = 1000
		c := f.client(t, func(cfg *Config) { cfg.Addresses = []string{"n1:1", "n2:1"} })
		c.SetLanes(1)
		refused := wire.Result{Status: http.StatusServiceUnavailable, Body: encode(wire.NewProblem(wire.CodeNoLeader, "none"))}
		f.setFault(slow(time.Millisecond))
		f.reply = func(node, path string) *http.Response {
			if node != "n1:1" || path != "/v1/batch" {
				return nil
			}
			return respond(http.StatusOK, &wire.Batch{Results: slices.Repeat([]wire.Result{refused}, 10)})
		}
		c.nodes.current = 0
		begun := time.Now()
		_, errs := acquireMany(c, 11, db())
		if took := time.Since(begun); slices.ContainsFunc(errs, func(err error) bool { return err != nil }) || took > 100*time.Millisecond {
			t.Errorf("after %v: %v", took, errs)
		}
		_ = c.Close()
	})
}

// Close ends what is gathered, too, and nothing is left held.
func TestCloseWhileGathered(t *testing.T) {
	withCluster(t, func(t *testing.T, f *fakeCluster, c *Client) {
		c.SetLanes(1)
		f.slots["db"] = 1000
		var tickets []*Ticket
		f.setFault(slow(100 * time.Millisecond))
		for range 20 {
			tickets = append(tickets, c.AcquireAsync(context.Background(), db()))
		}
		<-time.After(150 * time.Millisecond) // one has its answer, the others are on their way
		_ = c.Close()
		got := 0
		for _, ticket := range tickets {
			if _, err := ticket.Lease(); err == nil {
				got++
			} else if !errors.Is(err, ErrClosed) {
				t.Errorf("got %v", err)
			}
		}
		if f.held("db") != int64(got) {
			t.Errorf("%d held, %d of which somebody knows", f.held("db"), got)
		}
	})
}
