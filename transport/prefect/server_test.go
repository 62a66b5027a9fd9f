package prefect_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/transport/prefect"
)

// Clients compare the server's version with their own.
func TestVersion(t *testing.T) {
	w := newWorld(t, 0)
	for agent, want := range map[string]string{
		"prefect/3.8.8 (API 0.8.4)":   `"3.8.8"`,
		"prefect/2.20.25 (API 0.8.4)": `"2.20.25"`,
		"python-httpx/0.28":           `"3.99.0"`,
		"":                            `"3.99.0"`,
	} {
		w.do("GET", "/admin/version", "", "User-Agent: "+agent).must(200).is(want)
	}
	w.do("GET", "/admin/settings", "").must(200).is(`{"server":{"analytics_enabled":false}}`)
	w.notReady = []string{"no leader is known", "the log is behind"}
	w.do("GET", "/ready", "").must(503).is(`{"message":"no leader is known; the log is behind"}`)
}

func TestEventsAndLogsAreCounted(t *testing.T) {
	w := newWorld(t, 0)
	w.do("POST", "/logs/", `[{"message":"a"},{"message":"b"}]`).must(201)
	w.do("POST", "/events", `[{}]`).must(204)
	w.do("POST", "/events", `{}`).must(422)
	w.do("GET", "/events/in", "").must(404)
	w.counts("limitd_prefect_log_entries_total", 2)
	w.counts("limitd_prefect_events_total", 1)
}

func (w *world) counts(metric string, want float64) {
	w.t.Helper()
	families, err := w.metrics.Gather()
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range families {
		if m := f.GetMetric(); f.GetName() == metric && m[0].GetCounter().GetValue()+m[0].GetGauge().GetValue() == want {
			return
		}
	}
	w.t.Errorf("%s is not %v", metric, want)
}

// connect opens an event stream at a real server.
func connect(t *testing.T, url string, subprotocols ...string) *websocket.Conn {
	t.Helper()
	conn, res, err := websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(url, "http")+"/api/events/in", &websocket.DialOptions{Subprotocols: subprotocols})
	if err != nil {
		t.Fatalf("%v: %v", res, err)
	}
	return conn
}

func say(t *testing.T, conn *websocket.Conn, text string) {
	t.Helper()
	if err := conn.Write(t.Context(), websocket.MessageText, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

// ended returns the code with which the server ends a stream.
func ended(t *testing.T, conn *websocket.Conn) websocket.StatusCode {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, _, err := conn.Read(ctx)
	return websocket.CloseStatus(err)
}

// Both dialects of the event stream: with an introduction, and without.
func TestEventStream(t *testing.T) {
	w := newWorld(t, 0)
	server := httptest.NewServer(w.api)
	defer server.Close()

	newer := connect(t, server.URL, "prefect")
	older := connect(t, server.URL)
	say(t, older, `{"event":"prefect.concurrency-limit.acquired"}`)
	say(t, older, `{"event":"prefect.concurrency-limit.released"}`)
	if err := older.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Error(err)
	}

	rude := connect(t, server.URL, "prefect")
	say(t, rude, `{"event":"prefect.concurrency-limit.acquired"}`)
	if code := ended(t, rude); code != websocket.StatusPolicyViolation {
		t.Errorf("without an introduction the stream ends with %v", code)
	}
	_ = newer.CloseNow()
	w.api.Close()
	w.counts("limitd_prefect_events_total", 2)
	w.counts("limitd_prefect_event_streams", 0)
}

// A node that stops ends the streams, and lets none in any more.
func TestEventStreamEnds(t *testing.T) {
	w := newWorld(t, 0)
	server := httptest.NewServer(w.api)
	defer server.Close()
	conn := connect(t, server.URL, "prefect")
	say(t, conn, `{"type":"auth","token":null}`)
	_, reply, err := conn.Read(t.Context())
	if err != nil || strings.TrimSpace(string(reply)) != `{"type":"auth_success"}` {
		t.Fatalf("%s, %v", reply, err)
	}
	done := make(chan websocket.StatusCode, 1)
	go func() { done <- ended(t, conn) }()
	w.api.Close()
	w.api.Close()
	if code := <-done; code != websocket.StatusGoingAway {
		t.Errorf("the stream ends with %v", code)
	}
	w.do("GET", "/events/in", "", "Upgrade: websocket", "Connection: Upgrade").must(503)
}

func TestBugsAndUnknownErrors(t *testing.T) {
	w := newWorld(t, 0)
	w.Fail = func(command.Command) error { return errors.New("never heard of") }
	w.do("GET", limitsPath+"/db", "").must(500).is(`{"exception_message":"Internal Server Error"}`)
	w.Fail = func(command.Command) error { return context.DeadlineExceeded }
	w.do("GET", limitsPath+"/db", "").must(503)
	w.Fail = func(command.Command) error { panic("a bug") }
	w.do("GET", limitsPath+"/db", "").must(500).is(`{"exception_message":"Internal Server Error"}`)
	w.Fail = nil
	w.do("GET", "/v2/concurrency_limits/a/b", "").must(404).is(`{"detail":"Not Found"}`)
	if a := w.do("PUT", limitsPath+"/db", "").must(405); a.header.Get("Allow") != "GET" {
		t.Errorf("%v", a.header)
	}
}

func TestConfig(t *testing.T) {
	if _, err := prefect.New(prefect.Config{}); err == nil {
		t.Error("an empty configuration is taken")
	}
	w := newWorld(t, 0)
	cfg := prefect.Config{
		Node: "n1", Backend: w, Gate: w.gate, Registry: w.metrics, Classify: classify,
		Ready: func() []string { return nil }, Logger: nil, Hold: time.Minute,
	}
	if _, err := prefect.New(cfg); err == nil {
		t.Error("a configuration without a logger is taken")
	}
}
