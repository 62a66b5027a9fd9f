package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/limitd/limitd/transport/wire"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// withCluster runs test with a client of a fake cluster whose limit "db" has
// one slot, in a bubble of fake time.
func withCluster(t *testing.T, test func(t *testing.T, f *fakeCluster, c *Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeCluster()
		f.slots["db"] = 1
		c := f.client(t, nil)
		test(t, f, c)
		for range 2 {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}

func db() Request { return Request{Limits: Slots{"db": 1}, TTL: 20 * time.Second} }

func mustAcquire(t *testing.T, c *Client, r Request) *Lease {
	t.Helper()
	l, err := c.Acquire(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestAcquireAndRelease(t *testing.T) {
	withCluster(t, func(t *testing.T, f *fakeCluster, c *Client) {
		l := mustAcquire(t, c, db())
		if l.Token() != 1 || l.TTL() != 20*time.Second || l.Unlimited() || len(l.ID()) != 26 || l.Err() != nil {
			t.Errorf("the lease is %+v", l.grant)
		}
		if got := l.Limits(); len(got) != 1 || got[0].Name != "db" || !slices.Equal(got[0].Ordinals, []uint32{0}) {
			t.Errorf("the limits are %+v", got)
		}
		_, err := c.Acquire(context.Background(), db())
		var e *Error
		if !errors.Is(err, ErrDenied) || !errors.As(err, &e) || e.RetryAfter != 1500*time.Millisecond || e.Position != 4 || e.Effect != wire.EffectNone {
			t.Errorf("a full limit gave %+v", err)
		}
		for range 2 {
			if err := l.Release(context.Background()); err != nil {
				t.Error(err)
			}
		}
		if f.held("db") != 0 || !errors.Is(l.Err(), ErrReleased) || !errors.Is(context.Cause(l.Context()), ErrReleased) {
			t.Errorf("%d slots are held after the release; the lease says %v", f.held("db"), l.Err())
		}
	})
}

func TestWaitIsAnsweredWhenSlotsComeBack(t *testing.T) {
	withCluster(t, func(t *testing.T, f *fakeCluster, c *Client) {
		first := mustAcquire(t, c, db())
		begun := time.Now()
		time.AfterFunc(30*time.Second, func() { _ = first.Release(context.Background()) })
		r := db()
		r.Wait, r.TTL = time.Minute, time.Minute
		second := mustAcquire(t, c, r)
		if time.Since(begun) != 30*time.Second || second.Waited() != 30*time.Second {
			t.Errorf("granted after %v, waited %v", time.Since(begun), second.Waited())
		}
		ids := map[string]int{}
		for _, line := range f.requests() {
			if strings.Contains(line, "/v1/acquire") {
				ids[strings.Fields(line)[2]]++
			}
		}
		if len(ids) != 2 || ids[second.ID()] != 4 { // after 8, 16 and 24 s it asks again
			t.Errorf("asked under ids %v", ids)
		}
	})
}

func TestWaitRunsOut(t *testing.T) {
	withCluster(t, func(t *testing.T, f *fakeCluster, c *Client) {
		mustAcquire(t, c, db())
		r := db()
		r.Wait = 12 * time.Second
		begun := time.Now()
		if _, err := c.Acquire(context.Background(), r); !errors.Is(err, ErrTimeout) {
			t.Errorf("got %v", err)
		}
		if took := time.Since(begun); took < 12*time.Second || took > 21*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

func TestFailures(t *testing.T) {
	for code, retried := range map[wire.Code]bool{
		wire.CodeInvalidRequest: false, wire.CodeLimitNotFound: false, wire.CodeNeverFits: false, wire.CodeNoDecay: false,
		wire.CodeTooMany: false, wire.CodePermissionDenied: false, wire.CodeUnauthenticated: false, wire.CodeLimitDeleted: false,
		wire.CodeNoLeader: true, wire.CodeShuttingDown: true, wire.CodeOutcomeUnknown: true, wire.CodeInternal: true,
		wire.CodeTooOld: true, wire.CodeOverloaded: true, wire.CodeDiskFailure: true,
	} {
		t.Run(string(code), func(t *testing.T) {
			withCluster(t, func(t *testing.T, f *fakeCluster, c *Client) {
				left := 3
				f.reply = func(string, string) *http.Response {
					if left--; left < 0 {
						return nil
					}
					p := wire.NewProblem(code, "as the test wants")
					p.Hint = "none"
					return respond(p.Status, p)
				}
				l, err := c.Acquire(context.Background(), db())
				if retried {
					if err != nil || l.Token() != 1 {
						t.Fatalf("got %v", err)
					}
					wantOneID(t, f)
					return
				}
				var e *Error
				if !errors.Is(err, code) || !errors.As(err, &e) || e.Hint != cmp.Or(hints[code], "none") || e.Status != code.Info().Status {
					t.Errorf("got %+v", err)
				}
			})
		})
	}
}

func wantOneID(t *testing.T, f *fakeCluster) {
	t.Helper()
	ids := map[string]bool{}
	for _, line := range f.requests() {
		ids[strings.Fields(line)[2]] = true
	}
	if len(ids) != 1 {
		t.Errorf("one acquire was sent under %d ids", len(ids))
	}
}

// What proxies answer is no word of limitd's: the same id is sent again.
func TestProxiesAreNotBelieved(t *testing.T) {
	for _, status := range []int{500, 502, 503, 504, 200} {
		withCluster(t, func(t *testing.T, f *fakeCluster, c *Client) {
			left := 3
			f.reply = func(string, string) *http.Response {
				if left--; left < 0 {
					return nil
				}
				a := respond(status, "<html>")
				a.Header.Set("Content-Type", "text/html")
				return a
			}
			mustAcquire(t, c, db())
			wantOneID(t, f)
		})
	}
	withCluster(t, func(t *testing.T, f *fakeCluster, c *Client) {
		f.reply = func(string, string) *http.Response { return respond(http.StatusNotFound, "not here") }
		if _, err := c.Acquire(context.Background(), db()); !errors.Is(err, ErrNotLimitd) {
			t.Errorf("got %v", err)
		}
	})
}

// A code that this client does not know is judged by its status.
func TestUnknownCodes(t *testing.T) {
	for status, retried := range map[int]bool{http.StatusConflict: false, http.StatusServiceUnavailable: true} {
		withCluster(t, func(t *testing.T, f *fakeCluster, c *Client) {
			left := 2
			f.reply = func(string, string) *http.Response {
				if left--; left < 0 {
					return nil
				}
				return respond(status, &wire.Problem{Code: "moon_phase", Status: status, Effect: wire.EffectNone})
			}
			_, err := c.Acquire(context.Background(), db())
			if retried != (err == nil) || !retried && !errors.Is(err, wire.Code("moon_phase")) {
				t.Errorf("status %d: got %v", status, err)
			}
		})
	}
}

func TestFailover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeCluster()
		f.slots["db"] = 1000
		c := f.client(t, func(cfg *Config) { cfg.Addresses = []string{"n1:1", "http://n2:1", "n3:1/"} })
		down := map[string]bool{"n1:1": true, "n2:1": true}
		f.setFault(func(node, _ string) (error, error) {
			if down[node] {
				return errWire, nil
			}
			return nil, nil
		})
		begun := time.Now()
		for range 5 {
			mustAcquire(t, c, db())
		}
		if took := time.Since(begun); took > 0 {
			t.Errorf("moving on to a node that works took %v", took)
		}
		asked := map[string]int{}
		for _, line := range f.requests() {
			asked[strings.Fields(line)[0]]++
		}
		if asked["n3:1"] != 5 || asked["n1:1"] > 1 || asked["n2:1"] > 1 {
			t.Errorf("nodes were asked %v times", asked)
		}
		down["n3:1"], down["n1:1"] = true, false
		<-time.After(6 * time.Second)
		mustAcquire(t, c, db())
		_ = c.Close()
	})
}

func TestBadAddress(t *testing.T) {
	for _, a := range []string{"ftp://n1", "http://", "::"} {
		if _, err := New(Config{Addresses: []string{a}}); !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: %v", a, err)
		}
	}
}

// When ctx ends, the acquire is cancelled in the background: waiting, granted
// without an answer, or not heard of yet.
func TestCancelledAcquireLeavesNothing(t *testing.T) {
	for name, fault := range map[string]func(node, path string) (error, error){
		"waiting": nil,
		"granted": func(_, path string) (error, error) {
			if path == "/v1/acquire" {
				return nil, errSilent
			}
			return nil, nil
		},
		"on its way": func(_, path string) (error, error) {
			if path == "/v1/acquire" {
				return errSilent, nil
			}
			return nil, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			withCluster(t, func(t *testing.T, f *fakeCluster, c *Client) {
				if name == "waiting" {
					mustAcquire(t, c, db())
				}
				f.setFault(fault)
				ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
				defer cancel()
				r := db()
				r.Wait = Forever
				_, err := c.Acquire(ctx, r)
				if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, ErrInterrupted) {
					t.Errorf("got %v", err)
				}
				synctest.Wait()
				for id, a := range f.ids {
					if a.token != 1 && a.state != wire.StateEnded || name == "granted" && f.held("db") > 0 {
						t.Errorf("acquire %s is left as %s", id, a.state)
					}
				}
				if last := f.requests(); !strings.Contains(last[len(last)-1], "/v1/cancel") {
					t.Errorf("the last request was %s", last[len(last)-1])
				}
			})
		})
	}
}

// A refusal ends the call, but not a sending of the same id that is still on its
// way: it is cancelled.
func TestRefusedAfterASendingWentAstray(t *testing.T) {
	withCluster(t, func(t *testing.T, f *fakeCluster, c *Client) {
		first := true
		f.setFault(func(_, path string) (before, after error) {
			if path == "/v1/acquire" && first {
				first = false
				return errWire, nil
			}
			return nil, nil
		})
		_, err := c.Acquire(context.Background(), Request{Limits: Slots{"unknown": 1}})
		if !errors.Is(err, ErrLimitNotFound) {
			t.Errorf("got %v", err)
		}
		synctest.Wait()
		log := f.requests()
		if len(log) != 3 || !strings.HasPrefix(log[2], "n1:1 /v1/cancel ") {
			t.Errorf("the requests were %q: the sending that was lost can still be granted once the limit exists", log)
		}
	})
}

// An id that belongs to another request is not this call's to cancel, whatever
// went astray: that would release the lease of whoever holds it.
func TestReusedIDIsNotCancelled(t *testing.T) {
	withCluster(t, func(t *testing.T, f *fakeCluster, c *Client) {
		if _, err := c.Acquire(context.Background(), Request{ID: "job-1", Limits: Slots{"db": 1}}); err != nil {
			t.Fatal(err)
		}
		first := true
		f.setFault(func(_, path string) (before, after error) {
			if path == "/v1/acquire" && first {
				first = false
				return errWire, nil
			}
			return nil, nil
		})
		_, err := c.Acquire(context.Background(), Request{ID: "job-1", Limits: Slots{"other": 1}})
		if !errors.Is(err, ErrIDReused) {
			t.Errorf("got %v", err)
		}
		synctest.Wait()
		if f.held("db") != 1 {
			t.Errorf("the requests were %q: the lease that has the id was released", f.requests())
		}
	})
}

func TestCloseEndsCallsAndLeases(t *testing.T) {
	withCluster(t, func(t *testing.T, f *fakeCluster, c *Client) {
		given := mustAcquire(t, c, db())
		_ = given.Release(context.Background())
		l := mustAcquire(t, c, db())
		done := make(chan error)
		go func() {
			r := db()
			r.Wait = Forever
			_, err := c.Acquire(context.Background(), r)
			done <- err
		}()
		synctest.Wait()
		begun := time.Now()
		_ = c.Close()
		if err := given.Release(context.Background()); err != nil {
			t.Errorf("a lease that was released before: %v", err)
		}
		if err := <-done; !errors.Is(err, ErrClosed) {
			t.Errorf("the acquire got %v", err)
		}
		if !errors.Is(l.Err(), ErrClosed) || time.Since(begun) != 0 {
			t.Errorf("the lease says %v; Close took %v", l.Err(), time.Since(begun))
		}
		for _, a := range f.ids {
			if a.state == wire.StateWaiting {
				t.Error("an acquire still waits after Close")
			}
		}
		for _, err := range []error{l.Release(context.Background()), l.Renew(context.Background())} {
			if !errors.Is(err, ErrClosed) {
				t.Errorf("after Close: %v", err)
			}
		}
		if _, err := c.Acquire(context.Background(), db()); !errors.Is(err, ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	})
}

// Close does not wait for nodes that say nothing.
func TestCloseIsBounded(t *testing.T) {
	withCluster(t, func(t *testing.T, f *fakeCluster, c *Client) {
		f.setFault(func(string, string) (error, error) { return errSilent, nil })
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_, _ = c.Acquire(ctx, db())
		begun := time.Now()
		_ = c.Close()
		if took := time.Since(begun); took != 2*time.Second {
			t.Errorf("Close took %v", took)
		}
	})
}

// An id that could not be sent for 50 s is not used any more: the acquire goes
// on under a new one, and the old one is cancelled.
func TestWornIDIsGivenUp(t *testing.T) {
	withCluster(t, func(t *testing.T, f *fakeCluster, c *Client) {
		once := true
		f.setFault(func(_, path string) (error, error) {
			if path == "/v1/acquire" && once {
				once = false
				f.sleepMachine(51 * time.Second)
				return nil, errWire // granted, and the answer lost
			}
			return nil, nil
		})
		r := db()
		r.Wait = Forever
		l := mustAcquire(t, c, r)
		synctest.Wait()
		log := f.requests()
		first := strings.Fields(log[0])[2]
		if l.ID() == first || !slices.Contains(log, "n1:1 /v1/cancel "+first) || f.held("db") != 1 {
			t.Errorf("granted under %s; requests:\n%s", l.ID(), strings.Join(log, "\n"))
		}
		r.ID = "mine"
		once = true
		var e *Error
		if _, err := c.Acquire(context.Background(), r); !errors.As(err, &e) || e.Effect != wire.EffectUnknown || !errors.Is(err, errIDWorn) {
			t.Errorf("an id of the program's: %v", err)
		}
	})
}

func TestGiveUp(t *testing.T) {
	leaderless := func(string, string) *http.Response {
		p := wire.NewProblem(ErrNoLeader, "there is no leader")
		return respond(p.Status, p)
	}
	for want, set := range map[wire.Code]func(*fakeCluster){
		ErrUnreachable: func(f *fakeCluster) { f.fault = func(string, string) (error, error) { return errWire, nil } },
		ErrNoLeader:    func(f *fakeCluster) { f.reply = leaderless },
	} {
		synctest.Test(t, func(t *testing.T) {
			f := newFakeCluster()
			set(f)
			c := f.client(t, func(cfg *Config) { cfg.GiveUp = 5 * time.Second })
			begun := time.Now()
			_, err := c.Acquire(context.Background(), db())
			if took := time.Since(begun); !errors.Is(err, want) || took < 5*time.Second || took > 7*time.Second {
				t.Errorf("got %v after %v, want %s", err, took, want)
			}
			_ = c.Close()
		})
	}
}

// A call that ctx ends is that, whatever cause a program gave; and it tells what the
// tries before met, not that the last one was broken off.
func TestACallThatIsEnded(t *testing.T) {
	withCluster(t, func(t *testing.T, f *fakeCluster, c *Client) {
		stopped := errors.New("SIGTERM")
		ctx, cancel := context.WithCancelCause(context.Background())
		silent := time.Now().Add(10 * time.Second)
		f.reply = func(string, string) *http.Response {
			p := wire.NewProblem(ErrNoLeader, "there is no leader")
			return respond(p.Status, p)
		}
		f.setFault(func(string, string) (error, error) {
			if time.Now().Before(silent) {
				return nil, nil
			}
			return errSilent, nil
		})
		time.AfterFunc(11*time.Second, func() { cancel(stopped) }) // within the first silent try
		_, err := c.Acquire(ctx, db())
		for _, want := range []error{ErrNoLeader, context.Canceled, stopped} {
			if !errors.Is(err, want) {
				t.Errorf("%v is not %v", err, want)
			}
		}
		ended, cancel2 := context.WithCancelCause(context.Background())
		cancel2(stopped)
		if _, err := c.Acquire(ended, db()); !errors.Is(err, ErrInterrupted) || !errors.Is(err, context.Canceled) || !errors.Is(err, stopped) {
			t.Errorf("a call whose ctx is over: %v", err)
		}
	})
}

// A node that hangs holds up who does not wait for Timeout and half a second, no more.
func TestATryIsNotHeldUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeCluster()
		f.slots["db"] = 1
		hung := ""
		f.setFault(func(node, _ string) (error, error) {
			if hung == "" {
				hung = node
			}
			if node == hung {
				return errSilent, nil
			}
			return nil, nil
		})
		c := f.client(t, func(cfg *Config) { cfg.Addresses = []string{"n1:1", "n2:1"} })
		begun := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := c.Acquire(ctx, db()); err != nil || time.Since(begun) != 2*time.Second {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
		_ = c.Close()
	})
}

func TestCloseEndsACall(t *testing.T) {
	withCluster(t, func(t *testing.T, _ *fakeCluster, c *Client) {
		mustAcquire(t, c, db())
		r := db()
		r.Wait = Forever
		failed := make(chan error, 1)
		go func() {
			_, err := c.Acquire(context.Background(), r)
			failed <- err
		}()
		synctest.Wait()
		_ = c.Close()
		if err := <-failed; !errors.Is(err, ErrClosed) || errors.Is(err, ErrInterrupted) || errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}

func TestReleaseIsRepeated(t *testing.T) {
	withCluster(t, func(t *testing.T, f *fakeCluster, c *Client) {
		l := mustAcquire(t, c, db())
		left := 3
		f.setFault(func(string, string) (error, error) {
			if left--; left >= 0 {
				return nil, errWire
			}
			return nil, nil
		})
		if err := l.Release(context.Background()); err != nil || f.held("db") != 0 {
			t.Errorf("%v; %d held", err, f.held("db"))
		}
	})
}

// A release that ctx cuts short goes on in the background.
func TestReleaseGoesOn(t *testing.T) {
	withCluster(t, func(t *testing.T, f *fakeCluster, c *Client) {
		l := mustAcquire(t, c, db())
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if err := l.Release(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		synctest.Wait()
		if f.held("db") != 0 {
			t.Error("the slot is still held")
		}
	})
}

func TestErrorsTellEverything(t *testing.T) {
	e := &Error{Code: ErrInvalid, Detail: "no", Fields: []wire.FieldError{{Field: "ttl", Detail: "too long"}}, Hint: "shorten it", Cause: errWire}
	want := "limitd: invalid_request: no; ttl: too long: the wire is cut (shorten it)"
	if e.Error() != want || !errors.Is(e, errWire) || errors.Is(e, ErrDenied) {
		t.Errorf("%q", e.Error())
	}
	if !errors.Is(fmt.Errorf("wrapped: %w", e), ErrInvalid) {
		t.Error("a wrapped error lost its code")
	}
}

// What a node says of a request is said once.
func TestANodesErrorsAreToldOnce(t *testing.T) {
	ttl, slots := wire.FieldError{Field: "ttl", Detail: "too long"}, wire.FieldError{Field: "slots", Detail: "too many"}
	for want, p := range map[string]*wire.Problem{
		"limitd: denied: no room (to stand in the queue, set Request.Wait)":                            {Code: ErrDenied, Detail: "no room", Hint: `ask with "wait"`},
		"limitd: invalid_request: ttl: too long":                                                       {Code: ErrInvalid, Detail: "ttl: too long", Errors: []wire.FieldError{ttl}},
		"limitd: invalid_request: 2 things are wrong with the request; ttl: too long; slots: too many": {Code: ErrInvalid, Detail: "ttl: too long (and 1 more, see errors)", Errors: []wire.FieldError{ttl, slots}},
	} {
		if got := fromProblem(p, 400).Error(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
