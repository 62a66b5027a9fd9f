package clienttest_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/limitd/limitd/client"
	"github.com/limitd/limitd/client/clienttest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// inBubble runs test with a kit whose limit "db" has one slot.
func inBubble(t *testing.T, test func(t *testing.T, kit *clienttest.Kit)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		kit := clienttest.New(t)
		kit.SetLimit("db", client.LimitSettings{Slots: 1})
		test(t, kit)
	})
}

func acquire(t *testing.T, c *client.Client, r client.Request) *client.Lease {
	t.Helper()
	l, err := c.Acquire(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func db() client.Request { return client.Request{Limits: client.Slots{"db": 1}} }

func occupied(t *testing.T, c *client.Client) int64 {
	t.Helper()
	l, err := c.Limit(t.Context(), "db")
	if err != nil {
		t.Fatal(err)
	}
	return l.Status.Occupied
}

func TestLeaseIsKeptInABubble(t *testing.T) {
	inBubble(t, func(t *testing.T, kit *clienttest.Kit) {
		c := kit.Client()
		l := acquire(t, c, db())
		<-time.After(time.Hour)
		if l.Err() != nil || occupied(t, c) != 1 {
			t.Fatalf("after an hour: %v, %d occupied", l.Err(), occupied(t, c))
		}
		if _, err := kit.Client().Acquire(t.Context(), db()); !errors.Is(err, client.ErrDenied) {
			t.Errorf("another program got %v", err)
		}
		kit.Disconnect()
		begun := time.Now()
		<-l.Context().Done()
		if took := time.Since(begun); !errors.Is(l.Err(), client.ErrLeaseLost) || took < 39*time.Second || took > time.Minute {
			t.Errorf("after %v without a network: %v", took, l.Err())
		}
		<-time.After(time.Second)
		kit.Reconnect()
		if n := occupied(t, c); n != 0 {
			t.Errorf("%d occupied", n)
		}
	})
}

// No slots are a mistake, not the one slot of a body that says nothing of it.
func TestNoSlotsAreRefused(t *testing.T) {
	inBubble(t, func(t *testing.T, kit *clienttest.Kit) {
		c := kit.Client()
		for _, r := range []client.Request{{Limits: client.Slots{"db": 0}}, {RateLimits: client.Slots{"db": 0}}} {
			if _, err := c.Acquire(t.Context(), r); !errors.Is(err, client.ErrInvalid) {
				t.Errorf("%+v: %v", r, err)
			}
		}
		if n := occupied(t, c); n != 0 {
			t.Errorf("%d occupied", n)
		}
	})
}

func TestWaitersAreGrantedInTheirOrder(t *testing.T) {
	inBubble(t, func(t *testing.T, kit *clienttest.Kit) {
		c := kit.Client()
		first := acquire(t, c, db())
		r := db()
		r.Wait = client.Forever
		var tickets []*client.Ticket
		for range 3 {
			tickets = append(tickets, kit.Client().AcquireAsync(t.Context(), r))
			synctest.Wait()
		}
		<-time.After(10 * time.Minute) // their places are kept
		lease := first
		for i, ticket := range tickets {
			if err := lease.Release(t.Context()); err != nil {
				t.Fatal(err)
			}
			var err error
			if lease, err = ticket.Lease(); err != nil || lease.Token() <= first.Token() {
				t.Fatalf("waiter %d: %v, %v", i, lease, err)
			}
			if i+1 < len(tickets) {
				select {
				case <-tickets[i+1].Ready():
					t.Error("two have the only slot")
				default:
				}
			}
		}
	})
}

func TestRateIsExact(t *testing.T) {
	inBubble(t, func(t *testing.T, kit *clienttest.Kit) {
		kit.SetLimit("api", client.LimitSettings{Slots: 1, Rate: "10/m"})
		c := kit.Client()
		begun := time.Now()
		for range 101 {
			if err := c.RateLimit(t.Context(), "api"); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(begun); took < 10*time.Minute || took > 10*time.Minute+100*time.Millisecond {
			t.Errorf("101 calls at ten a minute took %v", took)
		}
	})
}

func TestWaitRunsOut(t *testing.T) {
	inBubble(t, func(t *testing.T, kit *clienttest.Kit) {
		c := kit.Client()
		acquire(t, c, db())
		r := db()
		r.Wait = 20 * time.Second
		begun := time.Now()
		_, err := kit.Client().Acquire(t.Context(), r)
		if took := time.Since(begun); !errors.Is(err, client.ErrTimeout) || took < r.Wait || took > r.Wait+time.Second {
			t.Errorf("after %v: %v", took, err)
		}
	})
}

func TestAdvanceInABubble(t *testing.T) {
	inBubble(t, func(t *testing.T, kit *clienttest.Kit) { testAdvance(t, kit) })
}

// Outside of a bubble nothing is fake but what Advance skips.
func TestAdvanceInRealTime(t *testing.T) {
	kit := clienttest.New(t)
	kit.SetLimit("db", client.LimitSettings{Slots: 1})
	testAdvance(t, kit)
}

func testAdvance(t *testing.T, kit *clienttest.Kit) {
	t.Helper()
	c, other := kit.Client(), kit.Client()
	l := acquire(t, c, db())
	r := db()
	r.Wait = client.Forever
	ticket := other.AcquireAsync(t.Context(), r)
	for !waits(t, c) {
		<-time.After(time.Millisecond)
	}
	kit.Advance(59 * time.Second)
	if l.Err() != nil {
		t.Fatalf("a minute's lease was lost after 59 s: %v", l.Err())
	}
	kit.Advance(2 * time.Second)
	if !errors.Is(l.Err(), client.ErrLeaseLost) {
		t.Errorf("after 61 s the lease says %v", l.Err())
	}
	next, err := ticket.Lease()
	if err != nil || next.Token() <= l.Token() {
		t.Errorf("the next: %v, %v", next, err)
	}
}

func waits(t *testing.T, c *client.Client) bool {
	t.Helper()
	for range c.Queue(t.Context(), "db") {
		return true
	}
	return false
}

func TestDisconnectEndsWhatIsUnderWay(t *testing.T) {
	inBubble(t, func(t *testing.T, kit *clienttest.Kit) {
		c := kit.Client()
		acquire(t, c, db())
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		r := db()
		r.Wait = client.Forever
		ticket := kit.Client().AcquireAsync(ctx, r)
		synctest.Wait()
		kit.Disconnect()
		_, err := ticket.Lease()
		var e *client.Error
		if !errors.Is(err, client.ErrUnreachable) || !errors.As(err, &e) || e.Status != 0 {
			t.Errorf("got %v", err)
		}
	})
}

func TestHandlerServesOthers(t *testing.T) {
	kit := clienttest.New(t)
	kit.SetLimit("db", client.LimitSettings{Slots: 1})
	server := httptest.NewServer(kit.Handler())
	t.Cleanup(server.Close)
	c, err := client.New(client.Config{Addresses: []string{server.URL}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	l := acquire(t, c, db())
	if n := occupied(t, kit.Client()); n != 1 {
		t.Errorf("%d occupied", n)
	}
	if err := l.Release(t.Context()); err != nil {
		t.Error(err)
	}
}

// What is wrong with a request is told by the names of Go.
func TestFaultsAreNamedAsInRequest(t *testing.T) {
	inBubble(t, func(t *testing.T, kit *clienttest.Kit) {
		missing := client.Request{Limits: client.Slots{"zz": 1}, RateLimits: client.Slots{"yy": 7}, Missing: client.MissingError}
		for want, r := range map[string]client.Request{
			`Limits["zz"]: no limit named "zz"; RateLimits["yy"]: no limit named "yy"`:                     missing,
			`invalid_request: Limits["db"]: must be 1`:                                                     {Limits: client.Slots{"db": -1}},
			"invalid_request: Limits: must name 1 to 64":                                                   {},
			"invalid_request: TTL: must be 1s":                                                             {Limits: client.Slots{"db": 1}, TTL: time.Millisecond},
			"invalid_request: ID: must consist of":                                                         {Limits: client.Slots{"db": 1}, ID: "a b"},
			"decay, so it cannot limit a rate (name it in Request.Limits, or give it a rate: UpdateLimit)": {RateLimits: client.Slots{"db": 1}},
		} {
			if _, err := kit.Client().Acquire(t.Context(), r); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("want %s, got %v", want, err)
			}
		}
		e, err := kit.Client().Explain(t.Context(), missing)
		if err != nil || e.Refused == nil || !strings.Contains(e.Refused.Error(), `Limits["zz"]`) {
			t.Errorf("explained: %+v, %v", e, err)
		}
	})
}
