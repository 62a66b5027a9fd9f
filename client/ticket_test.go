package client

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func isReady(t *Ticket) bool {
	select {
	case <-t.Ready():
		return true
	default:
		return false
	}
}

func TestTicket(t *testing.T) {
	withCluster(t, func(t *testing.T, f *fakeCluster, c *Client) {
		first := mustAcquire(t, c, db())
		r := db()
		r.Wait = time.Minute
		ctx, cancel := context.WithCancel(context.Background())
		ticket := c.AcquireAsync(ctx, r)
		synctest.Wait()
		if isReady(ticket) {
			t.Error("ready without a slot")
		}
		_ = first.Release(context.Background())
		synctest.Wait()
		if !isReady(ticket) {
			t.Fatal("not ready with a slot")
		}
		cancel() // the lease is not ctx's
		for range 2 {
			lease, err := ticket.Lease()
			if err != nil || lease.Token() != 2 || lease.Err() != nil {
				t.Fatalf("%v, %v", lease, err)
			}
			ticket.Cancel() // nor the ticket's any more
		}
		synctest.Wait()
		if f.held("db") != 1 {
			t.Errorf("%d slots are held", f.held("db"))
		}
	})
}

func TestTicketTellsErrors(t *testing.T) {
	withCluster(t, func(t *testing.T, f *fakeCluster, c *Client) {
		_, err := c.AcquireAsync(context.Background(), Request{Limits: Slots{"unknown": 1}}).Lease()
		if !errors.Is(err, ErrLimitNotFound) {
			t.Errorf("got %v", err)
		}
		_ = c.Close()
		if _, err := c.AcquireAsync(context.Background(), db()).Lease(); !errors.Is(err, ErrClosed) {
			t.Errorf("got %v", err)
		}
	})
}

// A ticket that is given up leaves nothing: while it waits, when its grant is on
// its way, and when the lease is there.
func TestTicketGivenUp(t *testing.T) {
	for _, when := range []string{"waiting", "granted unheard", "ready"} {
		t.Run(when, func(t *testing.T) {
			withCluster(t, func(t *testing.T, f *fakeCluster, c *Client) {
				switch when {
				case "waiting":
					mustAcquire(t, c, db())
				case "granted unheard":
					f.setFault(func(_, path string) (error, error) {
						if path == "/v1/acquire" {
							return nil, errSilent
						}
						return nil, nil
					})
				}
				r := db()
				r.Wait = Forever
				ticket := c.AcquireAsync(context.Background(), r)
				synctest.Wait()
				ticket.Cancel()
				lease, err := ticket.Lease()
				if lease != nil || !errors.Is(err, ErrInterrupted) || !errors.Is(err, context.Canceled) {
					t.Errorf("%v, %v", lease, err)
				}
				synctest.Wait()
				for id, a := range f.ids {
					if a.token != 1 && a.state != "ended" || when != "waiting" && f.held("db") != 0 {
						t.Errorf("acquire %s is left as %s", id, a.state)
					}
				}
			})
		})
	}
}

// The maps of a request are the program's again at once.
func TestATicketHasItsOwnRequest(t *testing.T) {
	withCluster(t, func(t *testing.T, f *fakeCluster, c *Client) {
		r := db()
		ticket := c.AcquireAsync(context.Background(), r)
		delete(r.Limits, "db")
		r.Limits["nothing"] = 1
		lease, err := ticket.Lease()
		if err != nil || len(lease.Limits()) != 1 || lease.Limits()[0].Name != "db" {
			t.Fatalf("got %v, %v", lease, err)
		}
		lease.Limits()[0].Name = "other"
		if lease.Limits()[0].Name != "db" {
			t.Error("a lease's limits can be changed from outside")
		}
	})
}
