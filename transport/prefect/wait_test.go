package prefect_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
	"github.com/limitd/limitd/transport/prefect"
)

// one has a world with a limit of one slot, which somebody holds.
func one(t *testing.T, hold time.Duration) (w *world, lease string) {
	t.Helper()
	w = newWorld(t, hold)
	w.post("/", `{"name":"db","limit":1}`).must(201)
	return w, w.post("/increment-with-lease", `{"slots":1,"names":["db"]}`, "Limitd-Wait: 0s").lease()
}

func (w *world) release(lease string) {
	w.t.Helper()
	w.post("/decrement-with-lease", `{"lease_id":"`+lease+`"}`).must(204)
}

// later makes a call in the background.
func (w *world) later(ctx context.Context, path, body string, headers ...string) <-chan answer {
	got := make(chan answer, 1)
	go func() {
		defer func() {
			if recover() != nil { // a caller that has hung up
				got <- answer{}
			}
		}()
		got <- w.doContext(ctx, http.MethodPost, limitsPath+path, body, headers...)
	}()
	return got
}

const ask = `{"slots":1,"names":["db"]}`

// An increment waits, and is granted the moment that a slot is freed.
func TestHold(t *testing.T) {
	for _, path := range []string{"/increment", "/increment-with-lease"} {
		synctest.Test(t, func(t *testing.T) {
			w, lease := one(t, 25*time.Second)
			begun := time.Now()
			waiting := w.later(t.Context(), path, ask)
			time.Sleep(3 * time.Second)
			w.release(lease)
			(<-waiting).must(200)
			if took := time.Since(begun); took != 3*time.Second {
				t.Errorf("%s took %v", path, took)
			}
			if l := w.limit("db"); l.occupied != 1 || l.waiting != 0 {
				t.Errorf("%+v", l)
			}
		})
	}
}

// A client that is told to come again finds its place, before those that came
// after it; another client, or another request, does not.
func TestComeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, lease := one(t, 25*time.Second)
		begun := time.Now()
		a := (<-w.later(t.Context(), "/increment-with-lease", ask)).must(423).is(`{"detail":"Locked"}`)
		if took := time.Since(begun); took != 25*time.Second || a.header.Get("Retry-After") != "0.01" {
			t.Errorf("423 after %v, Retry-After %q", took, a.header.Get("Retry-After"))
		}
		ours := w.later(t.Context(), "/increment-with-lease", `{"slots":1,"names":["db"],"lease_duration":60}`)
		synctest.Wait()
		theirs := w.later(t.Context(), "/increment-with-lease", ask, "Authorization: Basic eA==")
		synctest.Wait()
		older := w.later(t.Context(), "/increment", ask)
		time.Sleep(time.Second)
		again := w.later(t.Context(), "/increment-with-lease", ask)
		synctest.Wait()
		for _, next := range []<-chan answer{again, ours, theirs} {
			w.release(lease)
			lease = (<-next).lease()
		}
		w.release(lease)
		(<-older).must(200)
	})
}

// What was waited for is what was asked for: a lease of the duration given, or
// slots that a decrement gives back.
func TestWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, lease := one(t, 25*time.Second)
		served := w.later(t.Context(), "/increment-with-lease", ask)
		synctest.Wait()
		w.release(lease)
		lease = (<-served).lease()
		w.Advance(299 * time.Second)
		w.post("/leases/"+lease+"/renew", "").must(204)

		served = w.later(t.Context(), "/increment", ask)
		synctest.Wait()
		w.release(lease)
		(<-served).must(200)
		w.Advance(time.Hour)
		if l := w.limit("db"); l.occupied != 1 {
			t.Errorf("%+v", l)
		}
		w.post("/decrement", ask).must(200)
		if l := w.limit("db"); l.occupied != 0 {
			t.Errorf("%+v", l)
		}
	})
}

// A node that dies with clients waiting leaves their places behind. What one of
// them is granted is free again soon.
func TestNodeDiesWhileClientsWait(t *testing.T) {
	for _, path := range []string{"/increment", "/increment-with-lease"} {
		synctest.Test(t, func(t *testing.T) {
			w, lease := one(t, 25*time.Second)
			dead := newWorld(t, 25*time.Second)
			dead.Node = w.Node
			dying := make(chan struct{})
			dead.before = func(cmd command.Command) {
				if cmd.Op.Kind() != command.KindAcquire {
					<-dying // nothing comes of it any more
				}
			}
			orphan := dead.later(t.Context(), path, ask)
			synctest.Wait()
			w.release(lease)
			synctest.Wait()
			if l := w.limit("db"); l.occupied != 1 {
				t.Errorf("%s: %+v", path, l)
			}
			w.Advance(10 * time.Second)
			if l := w.limit("db"); l.occupied != 0 {
				t.Errorf("%s: %+v", path, l)
			}
			close(dying)
			(<-orphan).must(423)
		})
	}
}

// A client that knows no leases gets no numbered slots, and leaves none taken.
func TestWaitForNumberedSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, lease := one(t, 25*time.Second)
		numbered := true
		w.release(lease)
		if _, err := w.Run(t.Context(), command.Command{Op: &command.UpdateLimit{Name: "db", Numbered: &numbered}}, 0); err != nil {
			t.Fatal(err)
		}
		w.post("/increment", ask).must(422)
		lease = w.post("/increment-with-lease", ask).lease()
		waiting := w.later(t.Context(), "/increment", ask)
		synctest.Wait()
		w.release(lease)
		(<-waiting).must(422).is(`{"detail":"a numbered limit has no anonymous slots"}`)
		if l := w.limit("db"); l.occupied != 0 {
			t.Errorf("%+v", l)
		}
	})
}

// A place that nobody comes back for lapses after a few seconds.
func TestPlaceLapses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := one(t, time.Second)
		w.Advance(20 * time.Second) // in the first seconds of a term nothing lapses
		(<-w.later(t.Context(), "/increment-with-lease", ask)).must(423)
		if l := w.limit("db"); l.waiting != 1 {
			t.Errorf("%+v", l)
		}
		w.Advance(5 * time.Second)
		if l := w.limit("db"); l.waiting != 0 {
			t.Errorf("%+v", l)
		}
	})
}

// A grant that comes between the end of the hold and the parting is not lost.
func TestGrantBeforeParting(t *testing.T) {
	for _, path := range []string{"/increment", "/increment-with-lease"} {
		synctest.Test(t, func(t *testing.T) {
			w, lease := one(t, time.Second)
			w.before = func(cmd command.Command) {
				if cmd.Op.Kind() == command.KindPart {
					w.before = nil
					w.release(lease)
				}
			}
			(<-w.later(t.Context(), path, ask)).must(200)
			if l := w.limit("db"); l.occupied != 1 {
				t.Errorf("%+v", l)
			}
		})
	}
}

// Prefect's own way: no waiting, and an honest time to come again.
func TestNoHold(t *testing.T) {
	w, lease := one(t, 0)
	if a := w.post("/increment", ask).must(423); a.header.Get("Retry-After") != "1" {
		t.Errorf("Retry-After %q where nothing is known", a.header.Get("Retry-After"))
	}
	w.Advance(100 * time.Second)
	w.release(lease)
	w.post("/increment", ask).must(200)
	if a := w.post("/increment", ask).must(423); a.header.Get("Retry-After") != "30" {
		t.Errorf("Retry-After %q, a guess that is too long", a.header.Get("Retry-After"))
	}
	w.post("/", `{"name":"wide","limit":2}`).must(201)
	w.post("/increment", `{"slots":2,"names":["wide"]}`).must(200)
	w.post("/decrement", `{"slots":2,"names":["wide"],"occupancy_seconds":1e300}`).must(200)
	w.post("/increment", `{"slots":2,"names":["wide"]}`).must(200)
	w.View(func(s *limit.State) {
		if l, _ := s.Limit("wide"); l.AvgOccupancy < int64(time.Minute) || l.AvgOccupancy > int64(24*time.Hour) {
			t.Errorf("slots were held for %v on average", time.Duration(l.AvgOccupancy))
		}
	})
	w.post("/", `{"name":"slow","limit":2,"slot_decay_per_second":0.01}`).must(201)
	w.post("/increment", `{"slots":2,"names":["slow"],"mode":"rate_limit"}`).must(200)
	w.Advance(2500 * time.Millisecond)
	if a := w.post("/increment", `{"slots":1,"names":["slow"],"mode":"rate_limit"}`).must(423); a.header.Get("Retry-After") != "97.5" {
		t.Errorf("Retry-After %q, not exact", a.header.Get("Retry-After"))
	}
	for _, x := range []struct{ slots, want string }{{"1", "97.5"}, {"2", "197.5"}} {
		a := w.post("/increment", `{"slots":`+x.slots+`,"names":["wide","slow"]}`).must(423)
		if got := a.header.Get("Retry-After"); got != x.want {
			t.Errorf("Retry-After %q for %s slots, want %s", got, x.slots, x.want)
		}
	}
	w.Advance(90 * time.Second)
	if a := w.post("/increment", `{"slots":1,"names":["wide","slow"]}`).must(423); a.header.Get("Retry-After") != "30" {
		t.Errorf("Retry-After %q, a guess that is too long beside an exact time", a.header.Get("Retry-After"))
	}
	w, _ = one(t, 25*time.Second)
	w.post("/increment", ask, "Limitd-Wait: 0s").must(423)
	w.post("/increment", ask, "Limitd-Wait: soon").must(400)
	w.post("/increment", ask, "Limitd-Wait: 41s").must(400)
	if l := w.limit("db"); l.waiting != 0 {
		t.Errorf("%+v", l)
	}
}

// A client that hangs up while it waits, or before it hears of its grant, leaves
// nothing.
func TestHangUp(t *testing.T) {
	for _, path := range []string{"/increment", "/increment-with-lease"} {
		synctest.Test(t, func(t *testing.T) {
			w, lease := one(t, 25*time.Second)
			ctx, hangUp := context.WithCancel(t.Context())
			waiting := w.later(ctx, path, ask)
			synctest.Wait()
			if l := w.limit("db"); l.waiting != 1 {
				t.Errorf("%+v", l)
			}
			hangUp()
			<-waiting
			if l := w.limit("db"); l.waiting != 0 || l.occupied != 1 {
				t.Errorf("%s: after the client hung up: %+v", path, l)
			}

			ctx, hangUp = context.WithCancel(t.Context())
			waiting = w.later(ctx, path, ask)
			synctest.Wait()
			w.After = func(cmd command.Command) error {
				if cmd.Op.Kind() == command.KindRelease {
					hangUp()
				}
				return nil
			}
			w.release(lease)
			<-waiting
			if l := w.limit("db"); l.waiting != 0 || l.occupied != 0 {
				t.Errorf("%s: after the grant met nobody: %+v", path, l)
			}
		})
	}
}

// brokenPipe is a client's connection that has gone when the answer comes.
type brokenPipe struct{ *httptest.ResponseRecorder }

func (brokenPipe) FlushError() error { return errors.New("broken pipe") }

func TestAnswerThatCannotBeWritten(t *testing.T) {
	for path, body := range map[string]string{
		"/increment":            `{"slots":2,"names":["db","other"]}`,
		"/increment-with-lease": `{"slots":2,"names":["db","other"]}`,
	} {
		w := newWorld(t, 0)
		w.post("/", `{"name":"db","limit":5}`).must(201)
		w.post("/", `{"name":"other","limit":5}`).must(201)
		w.post("/increment", ask).must(200)
		r := httptest.NewRequest(http.MethodPost, prefect.Base+limitsPath+path, strings.NewReader(body))
		w.api.ServeHTTP(brokenPipe{httptest.NewRecorder()}, r)
		if db, other := w.limit("db"), w.limit("other"); db.occupied != 1 || other.occupied != 0 {
			t.Errorf("%s leaves %+v, %+v", path, db, other)
		}
	}
}

// While there is no leader, the client is told what makes it try until there is.
func TestNoLeader(t *testing.T) {
	w, lease := one(t, 25*time.Second)
	w.Fail = func(command.Command) error { return errNoLeader }
	for _, a := range []answer{
		w.post("/increment", ask), w.post("/increment-with-lease", ask), w.post("/leases/"+lease+"/renew", `{"lease_duration":400}`),
		w.post("/decrement-with-lease", `{"lease_id":"`+lease+`"}`), w.post("/decrement", ask), w.post("/filter", ""),
		w.do("GET", limitsPath+"/db", ""), w.do("PATCH", limitsPath+"/db", `{"limit":2}`), w.do("DELETE", limitsPath+"/db", ""),
		w.post("/", `{"name":"x","limit":1}`),
	} {
		a.must(503).is(`{"exception_message":"Service Unavailable"}`)
		if a.header.Get("Retry-After") != "0.2" || a.header.Get("Prefect-Maintenance") != "true" {
			t.Errorf("%v", a.header)
		}
	}
}

// A node that shuts down sends those who wait elsewhere, where they find their
// places.
func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, lease := one(t, 25*time.Second)
		waiting := w.later(t.Context(), "/increment-with-lease", ask)
		synctest.Wait()
		w.gate.Drain()
		if a := (<-waiting).must(503); a.header.Get("Prefect-Maintenance") != "true" {
			t.Errorf("%v", a.header)
		}
		if l := w.limit("db"); l.waiting != 1 {
			t.Errorf("the place was not kept: %+v", l)
		}
		w.post("/increment-with-lease", ask).must(503)
		w.do("GET", "/health", "").must(200)
		w.do("GET", "/ready", "").must(503).is(`{"message":"shutting down"}`)

		other := newWorld(t, 25*time.Second)
		other.Node = w.Node
		waiting = other.later(t.Context(), "/increment-with-lease", ask)
		synctest.Wait()
		other.release(lease)
		(<-waiting).lease()
	})
}
