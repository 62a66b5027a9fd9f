package client

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// real serves the fake cluster over real HTTP.
func real(f *fakeCluster) *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, err := f.RoundTrip(r)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("Content-Type", answer.Header.Get("Content-Type"))
		w.WriteHeader(answer.StatusCode)
		_, _ = io.Copy(w, answer.Body)
	}))
}

func TestOverHTTP(t *testing.T) {
	f := newFakeCluster()
	f.slots["db"] = 1
	server := real(f)
	defer server.Close()
	c, err := New(Config{Addresses: []string{server.Listener.Addr().String()}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	for range 5 {
		l := mustAcquire(t, c, db())
		server.CloseClientConnections() // kept connections turn out to be closed
		if err := l.Release(context.Background()); err != nil || f.held("db") != 0 {
			t.Fatalf("%v; %d held", err, f.held("db"))
		}
	}
	if f.tokens != 5 {
		t.Errorf("%d grants", f.tokens)
	}
}

// Many callers share kept connections.
func TestConnectionsAreKept(t *testing.T) {
	f := newFakeCluster()
	f.slots["db"] = 1000
	var opened atomic.Int64
	server := real(f)
	defer server.Close()
	c, err := New(Config{Addresses: []string{server.URL}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	dial := c.own.DialContext
	c.own.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		opened.Add(1)
		return dial(ctx, network, address)
	}
	var wait sync.WaitGroup
	for range 20 {
		wait.Go(func() {
			for range 20 {
				if err := mustAcquire(t, c, db()).Release(context.Background()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	if opened.Load() > 40 {
		t.Errorf("800 calls of 20 callers opened %d connections", opened.Load())
	}
}

func TestNobodyListens(t *testing.T) {
	c, err := New(Config{Addresses: []string{"127.0.0.1:1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := c.Acquire(ctx, db()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

// BenchmarkAcquireRelease measures the library and net/http alone, against a
// node that answers at once.
func BenchmarkAcquireRelease(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		body := `{"released":true}`
		if r.URL.Path == "/v1/acquire" {
			body = `{"granted":true,"id":"x","token":812,"ttl":"60s","waited":"0s","expires_in":"60s","limits":[{"id":"","name":"db","slots":1,"mode":"concurrency","counted":true}],"skipped":[],"replayed":false}`
		}
		_, _ = w.Write([]byte(body))
	}))
	defer server.Close()
	c, err := New(Config{Addresses: []string{server.URL}})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	b.ReportAllocs()
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			l, err := c.Acquire(context.Background(), Request{Limits: Slots{"db": 1}})
			if err == nil {
				err = l.Release(context.Background())
			}
			if err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "pairs/s")
}

// What would fail each call fails New.
func TestWhatNoCallCouldUseIsRefused(t *testing.T) {
	for want, cfg := range map[string]Config{
		"no port from 1 to": {Addresses: []string{"127.0.0.1:99999"}},
		`:0" has no port`:   {Addresses: []string{"http://n1:0"}},
		"leave /v1 out":     {Addresses: []string{"http://n1:7480/v1/"}},
		"more than":         {Addresses: []string{"http://me:secret@n1:7480"}},
		"scheme, host":      {Addresses: []string{"http://n1:7480?x=1"}},
		"GiveUp is -1s":     {GiveUp: -time.Second},
		"Hold is -1s":       {Hold: -time.Second},
		"1ms to 1h0m":       {Timeout: time.Nanosecond},
		"no token has":      {Token: "limitd_abc\n"},
	} {
		_, err := New(cfg)
		if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}
