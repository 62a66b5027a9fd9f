package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/limitd/limitd/transport/wire"
)

// fakeNode grants as its allow function says, one limit for all names.
type fakeNode struct {
	slots int64 // that it really gives
	reuse bool  // gives every grant the same token

	mu    sync.Mutex
	token uint64 // guarded by mu
	held  int64  // guarded by mu
	tries int    // guarded by mu
}

func (n *fakeNode) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case r.URL.Path == "/v1/acquire":
		n.acquire(w, r)
	case r.URL.Path == "/v1/release":
		n.held--
		answer(w, http.StatusOK, wire.Released{Released: true})
	case r.Method == http.MethodGet:
		answer(w, http.StatusOK, wire.Limit{Status: wire.LimitStatus{Occupied: n.held}})
	default:
		answer(w, http.StatusOK, wire.Limit{})
	}
}

func (n *fakeNode) acquire(w http.ResponseWriter, r *http.Request) {
	var request wire.AcquireRequest
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil || request.ID == "" {
		answer(w, http.StatusBadRequest, wire.NewProblem(wire.CodeInvalidRequest, "no id"))
		return
	}
	if n.tries++; n.tries%10 == 0 {
		answer(w, http.StatusServiceUnavailable, wire.NewProblem(wire.CodeNoLeader, "try again"))
		return
	}
	if n.held >= n.slots {
		answer(w, http.StatusAccepted, wire.Waiting{State: wire.StateWaiting})
		return
	}
	n.held++
	if n.token == 0 || !n.reuse {
		n.token++
	}
	answer(w, http.StatusOK, wire.Grant{Granted: true, Token: n.token})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		panic(err)
	}
}

func TestTheCheckFindsWhatIsWrong(t *testing.T) {
	for _, test := range []struct {
		name string
		node *fakeNode
		want string
	}{
		{"exact", &fakeNode{slots: 3}, "PASS"},
		{"over-granted", &fakeNode{slots: 4}, "FAIL"},
		{"one token twice", &fakeNode{slots: 3, reuse: true}, "FAIL"},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := httptest.NewServer(test.node)
			defer server.Close()
			report, err := Run(t.Context(), Options{
				Bases: []string{server.URL}, Connections: 8, Duration: 300 * time.Millisecond, Limits: 1, Slots: 3, Hold: 5 * time.Millisecond,
			})
			if err != nil {
				t.Fatal(err)
			}
			var b bytes.Buffer
			if err := report.Write(&b); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(b.String(), "over-admission check: "+test.want) || report.Passed() != (test.want == "PASS") {
				t.Errorf("want %s:\n%s", test.want, b.String())
			}
			if report.Failed != 0 || report.Retries == 0 || report.Left != 0 {
				t.Errorf("failed %d, retries %d, left %d", report.Failed, report.Retries, report.Left)
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
	report, err := Run(t.Context(), Options{Bases: []string{server.URL}, Connections: 1, Duration: 20 * time.Millisecond, Limits: 1, Slots: 1})
	if err != nil || report.Passed() || report.Failed == 0 || !strings.Contains(fmt.Sprint(report.Errors), "somebody deleted it") {
		t.Errorf("report %+v, %v", report.Errors, err)
	}
}

func TestQuantiles(t *testing.T) {
	var h, other histogram
	for i := 1; i <= 500; i++ {
		h.add(time.Duration(i) * time.Millisecond)
		other.add(time.Duration(500+i) * time.Millisecond)
	}
	h.merge(&other)
	for q, want := range map[float64]time.Duration{0.5: 500 * time.Millisecond, 0.99: 990 * time.Millisecond, 1: time.Second} {
		if got := h.quantile(q); got < want || float64(got) > 1.04*float64(want) && got != h.top {
			t.Errorf("quantile %v is %v, want about %v", q, got, want)
		}
	}
	var empty histogram
	empty.add(0)
	if empty.quantile(0.5) != 0 {
		t.Errorf("the median of 0 is %v", empty.quantile(0.5))
	}
}

func TestBucketsCoverEveryDuration(t *testing.T) {
	for _, d := range []time.Duration{0, 1, 31, 32, 33, 63, 64, 1000, time.Microsecond, time.Millisecond, time.Hour, 1<<63 - 1} {
		i := bucket(d)
		if i < 0 || i >= 64*buckets || d < 1<<62 && upper(i) <= d {
			t.Errorf("%v: bucket %d ends at %v", d, i, upper(i))
		}
	}
}
