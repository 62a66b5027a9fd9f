package workload

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/limitd/limitd/client"
	"github.com/limitd/limitd/jepsen/history"
	"github.com/limitd/limitd/transport/wire"
)

// granting is a cluster that grants and renews whatever it is asked for, and
// notes when.
type granting struct {
	e     *Env
	asked []time.Duration
	token uint64
}

func (g *granting) RoundTrip(r *http.Request) (*http.Response, error) {
	g.asked = append(g.asked, g.e.Record.Now())
	switch r.URL.Path {
	case "/v1/acquire":
		g.token++
		return answerOf(http.StatusOK, wire.Grant{
			Granted: true, ID: "x", Token: g.token, TTL: wire.Duration(2 * time.Second), ExpiresIn: wire.Duration(2 * time.Second),
			Limits: []wire.GrantedLimit{{Name: mutexLimit, Slots: 1, Counted: true}},
		}), nil
	case "/v1/renew":
		return answerOf(http.StatusOK, wire.Renewed{Leases: []wire.RenewedLease{{Token: g.token, State: wire.LeaseHeld}}}), nil
	}
	return answerOf(http.StatusOK, wire.Released{Released: true}), nil
}

// startHolder starts a holder in a bubble.
func startHolder(t *testing.T) (*holder, *granting) {
	t.Helper()
	g := &granting{}
	g.e = scripted(nil)
	g.e.HTTP = g
	started := time.Now()
	g.e.Clocks = func(int) func() client.Clocks {
		return func() client.Clocks { return client.Clocks{int64(time.Since(started)), int64(time.Since(started))} }
	}
	h, err := newHolder(newCaller(g.e, 1), newResource(g.e.Record))
	if err != nil {
		t.Fatal(err)
	}
	return h, g
}

// TestHolderIsStopped stops a holder for longer than its lease lives: its
// library renews nothing meanwhile, it does one late write, and its belief
// ends with its last look.
func TestHolderIsStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, g := startHolder(t)
		defer h.lib.Close()
		stopAt := 3 * time.Second
		h.env.Pause = func(int) time.Duration {
			if now := h.env.Record.Now(); now < stopAt || now > stopAt+time.Second {
				return 0
			}
			return 10 * time.Second
		}
		lease, op := h.acquire(t.Context(), client.Request{Limits: client.Slots{mutexLimit: 1}, TTL: 2 * time.Second})
		if lease == nil {
			t.Fatalf("no lease: %+v", op)
		}
		h.believe(t.Context(), lease, op, time.Minute)
		r := h.env.Record.History()
		if len(r.Beliefs) != 1 {
			t.Fatalf("beliefs: %+v", r.Beliefs)
		}
		b := r.Beliefs[0]
		if !b.Paused || !b.Renewals || b.Lost == "" || b.To < stopAt || b.To > stopAt+lookEvery {
			t.Errorf("it believed %+v", b)
		}
		if last := r.Writes[len(r.Writes)-1]; last.At != b.To+10*time.Second || !last.Accepted {
			t.Errorf("the last write: %+v", last)
		}
		for _, at := range g.asked {
			if at > b.To && at < b.To+10*time.Second {
				t.Errorf("its library sent something at %s", at)
			}
		}
	})
}

// TestHolderWorksInPeace looks at a belief that the holder ends by itself.
func TestHolderWorksInPeace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _ := startHolder(t)
		defer h.lib.Close()
		lease, op := h.acquire(t.Context(), client.Request{Limits: client.Slots{mutexLimit: 1}, TTL: 2 * time.Second})
		h.believe(t.Context(), lease, op, 7*time.Second)
		h.release(t.Context(), lease)
		r := h.env.Record.History()
		if len(r.Beliefs) != 1 || len(r.Ops) != 2 {
			t.Fatalf("recorded %+v, %+v", r.Beliefs, r.Ops)
		}
		b := r.Beliefs[0]
		if b.Lost != "" || b.Paused || b.Token != 1 || b.To-b.From != 7*time.Second || r.Ops[1].Call < b.To {
			t.Errorf("it believed %+v, and released at %s", b, r.Ops[1].Call)
		}
	})
}

// TestHolderLosesContact looks whether the library says in time that the lease
// is over, and the holder heeds it.
func TestHolderLosesContact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, g := startHolder(t)
		defer h.lib.Close()
		lease, op := h.acquire(t.Context(), client.Request{Limits: client.Slots{mutexLimit: 1}, TTL: 2 * time.Second})
		h.gate.lose(time.Minute)
		h.believe(t.Context(), lease, op, time.Minute)
		b := h.env.Record.History().Beliefs[0]
		if b.Lost == "" || b.Paused || b.To >= 2*time.Second || b.To < 1900*time.Millisecond {
			t.Errorf("it believed %+v", b)
		}
		if len(g.asked) != 1 {
			t.Errorf("the cluster was asked at %s", g.asked)
		}
	})
}

// TestResourceRefusesOldTokens writes with an older token after a newer.
func TestResourceRefusesOldTokens(t *testing.T) {
	rec := history.NewRecorder(history.Run{}, func() time.Duration { return 5 })
	r := newResource(rec)
	mutex := []history.Granted{{Name: mutexLimit, Slots: 1, Counted: true}}
	numbered := []history.Granted{{Name: "gpu", Slots: 2, Counted: true, Ordinals: []uint32{0, 2}}, {Name: "crew", Slots: 1, Counted: true}}
	r.write(1, 7, mutex)
	r.write(2, 8, mutex)
	r.write(1, 7, mutex)
	r.write(3, 6, numbered)
	var got []string
	for _, w := range rec.History().Writes {
		if w.Accepted {
			got = append(got, w.Resource)
		}
	}
	want := []string{mutexLimit, mutexLimit, "gpu/0", "gpu/2"}
	if len(got) != len(want) || len(rec.History().Writes) != 5 {
		t.Fatalf("accepted %v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("accepted %v, want %v", got, want)
		}
	}
}
