package bench

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/limitd/limitd/transport/wire"
)

// fakeNode is one limit for all names, which it may over-grant.
type fakeNode struct {
	slots int64 // that it really gives
	decay int64 // slots a second that really come back
	reuse bool  // gives every grant the same token
	early bool  // grants what waits though nothing is free

	mu      sync.Mutex
	start   time.Time
	token   uint64           // guarded by mu
	held    int64            // guarded by mu
	waiting int64            // guarded by mu
	tries   int              // guarded by mu
	grants  map[uint64]int64 // slots by token; guarded by mu
}

func (n *fakeNode) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.start.IsZero() {
		n.start, n.grants = time.Now(), make(map[uint64]int64)
	}
	now := time.Since(n.start)
	w.Header().Set(wire.HeaderTime, strconv.FormatInt(int64(now), 10))
	switch {
	case r.URL.Path == "/v1/acquire":
		n.acquire(w, r, now)
	case r.URL.Path == "/v1/release":
		n.held -= n.freed(r)
		answer(w, http.StatusOK, wire.Released{Released: true})
	case r.URL.Path == "/metrics":
		_, _ = w.Write([]byte("# TYPE process_resident_memory_bytes gauge\nprocess_resident_memory_bytes 1e+06\n"))
	case r.Method == http.MethodGet:
		answer(w, http.StatusOK, wire.Limit{Status: wire.LimitStatus{Occupied: n.held, Waiting: n.waiting}})
	default:
		answer(w, http.StatusOK, wire.Limit{})
	}
}

// freed is how many slots a release frees: those of the grant that it names.
func (n *fakeNode) freed(r *http.Request) int64 {
	var request wire.ReleaseRequest
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		return 0
	}
	return n.grants[request.Token]
}

func (n *fakeNode) acquire(w http.ResponseWriter, r *http.Request, now time.Duration) {
	var request wire.AcquireRequest
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil || request.ID == "" {
		answer(w, http.StatusBadRequest, wire.NewProblem(wire.CodeInvalidRequest, "no id"))
		return
	}
	if n.tries++; n.tries%10 == 0 {
		answer(w, http.StatusServiceUnavailable, wire.NewProblem(wire.CodeNoLeader, "try again"))
		return
	}
	slots := max(1, request.Limits[0].Slots)
	back := int64(now.Seconds() * float64(n.decay))
	n.held = max(n.held, back) // what would come back to an empty limit is lost
	if n.held+slots-back > n.slots && !n.early {
		n.waiting = 8
		answer(w, http.StatusAccepted, wire.Waiting{State: wire.StateWaiting})
		return
	}
	n.held += slots
	if n.token == 0 || !n.reuse {
		n.token++
	}
	n.grants[n.token] = slots
	answer(w, http.StatusOK, wire.Grant{Granted: true, Token: n.token})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		panic(err)
	}
}

func TestTheCheckFindsWhatIsWrong(t *testing.T) {
	pairs := Options{Mode: Pairs, Limits: 1, Slots: 3, Hold: 5 * time.Millisecond}
	rate := Options{Mode: Rate, Limits: 1, Slots: 3, Decay: 100}
	queue := Options{Mode: Waiters, Limits: 1, Slots: 8}
	for _, test := range []struct {
		name    string
		options Options
		node    *fakeNode
		want    string
	}{
		{"exact", pairs, &fakeNode{slots: 3}, "PASS"},
		{"over-granted", pairs, &fakeNode{slots: 4}, "FAIL: 4 slots were held at once"},
		{"one token twice", pairs, &fakeNode{slots: 3, reuse: true}, "tokens were given twice"},
		{"nothing comes back", pairs, &fakeNode{slots: 3, held: 1}, "slots are occupied though all were released"},
		{"exact rate", rate, &fakeNode{slots: 3, decay: 100}, "PASS"},
		{"a rate too high", rate, &fakeNode{slots: 3, decay: 150}, "more was admitted"},
		{"a burst too large", rate, &fakeNode{slots: 30, decay: 100}, "more was admitted"},
		{"queue", queue, &fakeNode{slots: 8}, "PASS"},
		{"a queue that lets through", queue, &fakeNode{slots: 8, early: true}, "FAIL"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(test.node)
			defer server.Close()
			o := test.options
			o.Bases, o.Connections, o.Duration = []string{server.URL}, 8, 500*time.Millisecond
			report, err := Run(t.Context(), o)
			if err != nil && !errors.Is(err, errQueue) {
				t.Fatal(err)
			}
			var b bytes.Buffer
			if err := report.Write(&b); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(b.String(), test.want) || report.Check.Passed != (test.want == "PASS") {
				t.Errorf("want %s:\n%s", test.want, b.String())
			}
			if test.want == "PASS" && (report.Failed != 0 || report.Operations == 0) {
				t.Errorf("failed %d of %d", report.Failed, report.Operations)
			}
		})
	}
}

func TestRefusedPairsAreReported(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/acquire" {
			answer(w, http.StatusNotFound, wire.NewProblem(wire.CodeLimitNotFound, "somebody deleted it"))
			return
		}
		answer(w, http.StatusOK, wire.Limit{})
	}))
	defer server.Close()
	report, err := Run(t.Context(), Options{Mode: Pairs, Bases: []string{server.URL}, Connections: 1, Duration: 20 * time.Millisecond, Limits: 1, Slots: 1})
	if err != nil || report.Check.Passed || report.Failed == 0 || !strings.Contains(strings.Join(report.Errors, "\n"), "somebody deleted it") {
		t.Errorf("report %+v, %v", report, err)
	}
}

// stalling answers at once, but for a stall.
type stalling struct {
	node     *fakeNode
	from, to time.Time
}

func (s *stalling) RoundTrip(r *http.Request) (*http.Response, error) {
	if now := time.Now(); now.After(s.from) && now.Before(s.to) {
		time.Sleep(s.to.Sub(now))
	}
	w := httptest.NewRecorder()
	s.node.ServeHTTP(w, r)
	return w.Result(), nil
}

// TestAStallIsCharged stops a node for 300 ms: of the operations that were due
// meanwhile, each waited for the rest of the stall.
func TestAStallIsCharged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		node := &stalling{&fakeNode{slots: 100}, start.Add(200 * time.Millisecond), start.Add(500 * time.Millisecond)}
		o := Options{Mode: Pairs, Bases: []string{"http://node"}, Connections: 2, Duration: time.Second, Rate: 100, Limits: 1, Slots: 100}
		report, err := runOver(t.Context(), node, o)
		if err != nil {
			t.Fatal(err)
		}
		// 30 of 100 were due in the stall, a third of them in its first 100 ms.
		if l := report.Latencies[0]; l.P90 < 0.1 || l.Max > 0.31 || l.Count < 80 || l.Count > 100 {
			t.Errorf("%d operations, p90 %.3f s, at most %.3f s: the stall was not charged to those that were due", l.Count, l.P90, l.Max)
		}
	})
}

func TestOverAdmitted(t *testing.T) {
	const ms = int64(time.Millisecond)
	at := func(times ...int64) (list []admission) {
		for i, t := range times {
			list = append(list, admission{uint64(i + 1), t, t})
		}
		return list
	}
	for _, test := range []struct {
		name string
		list []admission
		over bool
	}{
		{"the slots at once, and what decays", at(0, 0, 10*ms, 20*ms), false},
		{"one too many at once", at(0, 0, 0), true},
		{"one too early", at(0, 0, 10*ms, 19*ms), true},
		{"only after a pause", at(0, 500*ms, 500*ms, 510*ms, 511*ms), true},
		{"not known exactly", []admission{{1, 0, 0}, {2, 0, 0}, {3, 0, 10 * ms}}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, _, over := overAdmitted(test.list, 2, 100); over != test.over {
				t.Errorf("over-admitted: %v, want %v", over, test.over)
			}
		})
	}
	list := []admission{{2, 5, 20}, {1, 7, 30}}
	narrow(list)
	if list[0] != (admission{1, 7, 20}) || list[1] != (admission{2, 7, 20}) {
		t.Errorf("narrowed: %v", list)
	}
}

func TestOptionsThatMakeNoSense(t *testing.T) {
	good := Options{Mode: Rate, Bases: []string{"http://x"}, Connections: 1, Duration: time.Second, Limits: 1, Slots: 1, Decay: 1}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	for _, spoil := range []func(*Options){
		func(o *Options) { o.Bases = nil },
		func(o *Options) { o.Connections = 0 },
		func(o *Options) { o.Duration = 2 * maxDuration },
		func(o *Options) { o.Rate = -1 },
		func(o *Options) { o.Decay = 0 },
	} {
		o := good
		spoil(&o)
		if _, err := Run(t.Context(), o); !errors.Is(err, ErrOptions) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}
