package main

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// nodesOf answers for nodes by their host; one that is not known hangs.
type nodesOf map[string]string

func (n nodesOf) RoundTrip(r *http.Request) (*http.Response, error) {
	body, answers := n[r.URL.Host]
	if !answers {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

// A node that hangs leaves time for the others, however long may be tried.
func TestANodeThatHangsIsPassedOver(t *testing.T) {
	for timeout, want := range map[time.Duration]time.Duration{
		3 * time.Second: 2 * time.Second,
		time.Minute:     2 * shareTime,
	} {
		synctest.Test(t, func(t *testing.T) {
			a := &api{
				bases: []string{"http://n1", "http://n2", "http://n3"}, timeout: timeout,
				client: &http.Client{Transport: nodesOf{"n3": "yes"}},
			}
			begun := time.Now()
			answer, err := a.call(t.Context(), http.MethodGet, "/v1/cluster", nil)
			if took := time.Since(begun); err != nil || string(answer) != "yes" || took > want {
				t.Errorf("with %s: %q, %v after %s, want an answer within %s", timeout, answer, err, took, want)
			}
			if a.bases[0] != "http://n3" {
				t.Errorf("asked first from now on: %s", a.bases[0])
			}
		})
	}
}

// Where all hang, it is over in time.
func TestAllNodesHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &api{bases: []string{"http://n1", "http://n2"}, timeout: 10 * time.Second, client: &http.Client{Transport: nodesOf{}}}
		begun := time.Now()
		_, err := a.call(t.Context(), http.MethodGet, "/v1/cluster", nil)
		if took := time.Since(begun); err == nil || took > a.timeout+graceTime {
			t.Errorf("%v after %s", err, took)
		}
	})
}

// Where a node runs, and has no leader, it is asked again as long as there is time.
func TestALeaderIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		electing := func(r *http.Request) (*http.Response, error) {
			if r.URL.Host != "n1" {
				return nil, io.ErrUnexpectedEOF
			}
			if time.Since(begun) > 2*time.Second {
				return nodesOf{"n1": "yes"}.RoundTrip(r)
			}
			body := `{"code": "no_leader", "detail": "there is no leader"}`
			return &http.Response{StatusCode: http.StatusServiceUnavailable, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
		}
		a := &api{bases: []string{"http://n1", "http://n2"}, timeout: 3 * time.Second, client: &http.Client{Transport: roundTripper(electing)}}
		if answer, err := a.call(t.Context(), http.MethodGet, "/v1/cluster", nil); err != nil || string(answer) != "yes" {
			t.Errorf("%q, %v", answer, err)
		}
		begun = time.Now().Add(time.Hour)
		if _, err := a.call(t.Context(), http.MethodGet, "/v1/cluster", nil); err == nil || report(io.Discard, err) != exitNoLeader {
			t.Errorf("no leader at all: %v", err)
		}
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
