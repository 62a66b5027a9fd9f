package httpapi_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/limitd/limitd/fsm"
	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
	"github.com/limitd/limitd/transport/httpapi"
	"github.com/prometheus/client_golang/prometheus"
)

// instant is a backend that answers at once, so that what is measured is the
// front alone.
type instant struct{ *world }

func (instant) Run(_ context.Context, c command.Command, _ time.Duration) (fsm.Answer, error) {
	answer := fsm.Answer{Index: 812, Time: 17e9}
	switch c.Op.(type) {
	case *command.Acquire:
		answer.Result = &command.Granted{
			ID: c.ID, Token: 812, Lease: true, TTL: 60e9, ExpiresIn: 60e9, GrantedWall: 1_700_000_000e9, ExpiresWall: 1_700_000_060e9,
			Limits: []command.GrantedLimit{{UUID: [16]byte{1}, Name: "db", Slots: 2, Counted: true, Capacity: 5, Occupied: 2}},
		}
	case *command.Renew:
		answer.Result = &command.Renewed{Leases: []command.RenewedLease{{Token: 812, ID: "job-42", ExpiresIn: 60e9}}}
	default:
		answer.Result = &command.Released{Released: true}
	}
	return answer, nil
}

func (instant) Read(_ context.Context, _ bool, read func(*limit.State)) (httpapi.Position, error) {
	read(limit.New())
	return httpapi.Position{}, nil
}

func newInstant(b *testing.B) *httpapi.API {
	b.Helper()
	w := newWorld(b)
	api, err := httpapi.New(httpapi.Config{
		Node: "n1", Version: "0.1.0", Backend: instant{w}, Cluster: w, Snapshots: w,
		Ready: func() []string { return nil }, Classify: classify,
		Registry: prometheus.NewRegistry(), Logger: hclog.NewNullLogger(),
	})
	if err != nil {
		b.Fatal(err)
	}
	return api
}

// discard is a ResponseWriter that keeps only the headers.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(status int)      { d.status = status }

// benchmarkFront measures what the front takes for one request: decoding,
// checking, and rendering, without net/http's own part.
func benchmarkFront(b *testing.B, path, body string) {
	api := newInstant(b)
	reader := strings.NewReader(body)
	r := httptest.NewRequest("POST", path, reader)
	r.Header.Set("Content-Type", "application/json")
	w := &discard{header: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		reader.Reset(body)
		clear(w.header)
		api.ServeHTTP(w, r)
	}
	if w.status != 200 {
		b.Fatal(w.status)
	}
}

func BenchmarkAcquire(b *testing.B) {
	benchmarkFront(b, "/v1/acquire", `{"id":"job-42","limits":[{"name":"db","slots":2}],"wait":"30s","ttl":"60s","owner":{"name":"etl","host":"w7","pid":4711}}`)
}

func BenchmarkRelease(b *testing.B) { benchmarkFront(b, "/v1/release", `{"token":812}`) }

func BenchmarkRenew(b *testing.B) {
	benchmarkFront(b, "/v1/renew", `{"tokens":[812],"ttl":"60s"}`)
}
