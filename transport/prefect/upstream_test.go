package prefect_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
	"github.com/limitd/limitd/transport/prefect"
)

// newUpstream returns a world before a server that says what it was asked.
func newUpstream(t *testing.T) (w *world, real *httptest.Server) {
	t.Helper()
	real = httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/prefect/api/flows/filter":
			http.Redirect(out, r, "http://"+r.Host+"/prefect/api/flows/filter/?a=b", http.StatusTemporaryRedirect)
			return
		case "/prefect/api/csrf-token":
			if r.URL.Query().Get("client") == "off" {
				out.WriteHeader(http.StatusUnprocessableEntity)
				return
			}
		case "/prefect/api/events/out":
			conn, err := websocket.Accept(out, r, nil)
			if err != nil {
				t.Error(err)
				return
			}
			_ = conn.Write(r.Context(), websocket.MessageText, []byte("hello"))
			_, _, _ = conn.Read(r.Context())
			return
		}
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(out, "%s %s %s for %s", r.Method, r.URL, body, r.Header.Get("X-Forwarded-For"))
	}))
	t.Cleanup(real.Close)
	target, err := url.Parse(real.URL + "/prefect/api")
	if err != nil {
		t.Fatal(err)
	}
	w = newWorldOf(t, prefect.Config{Upstream: target, CreateMissing: true})
	t.Cleanup(w.api.Close)
	return w, real
}

// passes makes a call that the upstream server is to answer.
func (w *world) passes(method, path, body string) {
	w.t.Helper()
	rec := httptest.NewRecorder()
	w.api.ServeHTTP(rec, httptest.NewRequest(method, prefect.Base+path, strings.NewReader(body)))
	if want := fmt.Sprintf("%s /prefect/api%s %s for 192.0.2.1", method, path, body); rec.Code != 200 || rec.Body.String() != want {
		w.t.Errorf("%s %s: %d %q, want %q", method, path, rec.Code, rec.Body, want)
	}
}

const foreignLease = "018f3c5e-0000-4000-8000-000000000000"

// What is about limits stays here, all else goes to the upstream server, and of
// limits what it keeps itself.
func TestUpstream(t *testing.T) {
	w, _ := newUpstream(t)
	w.passes("POST", "/flow_runs/", `{"name":"x"}`)
	w.passes("GET", "/admin/version", "")
	w.passes("GET", "/csrf-token?client=x", "")
	w.passes("POST", "/logs/", "[]")
	w.passes("GET", "/concurrency_limits/tag/a%2Fb", "")
	w.passes("POST", limitsPath+"/leases/"+foreignLease+"/renew", `{"lease_duration":60}`)
	w.passes("POST", limitsPath+"/decrement-with-lease", `{"lease_id":"`+foreignLease+`"}`)
	for _, path := range []string{"/increment", "/increment-with-lease", "/decrement"} {
		w.passes("POST", limitsPath+path, `{"slots":1,"names":["tag:a","deployment:b"]}`)
	}
	w.passes("GET", limitsPath+"/tag:a", "")
	w.passes("PATCH", limitsPath+"/"+foreignLease, `{"limit":1}`)
	w.passes("DELETE", limitsPath+"/tag:a", "")

	w.do("GET", "/health", "").must(200)
	w.do("GET", "/ready", "").must(200)
	w.do("GET", limitsPath+"/db", "").must(404)
	id := w.post("/", `{"name":"tag:a","limit":1}`).must(201).body[7:43]
	w.do("GET", limitsPath+"/tag:a", "").must(200)
	w.do("PATCH", limitsPath+"/"+id, `{"limit":2}`).must(204)
	lease := w.post("/increment-with-lease", `{"slots":1,"names":["tag:a","db"]}`).lease()
	w.post("/leases/"+lease+"/renew", "").must(204)
	w.release(lease)
}

// A limit that exists only because it was named is not limitd's own where the
// upstream server may have it, and nothing makes one.
func TestImplicitLimitsAreTheUpstreams(t *testing.T) {
	w, _ := newUpstream(t)
	w.apply(&command.Acquire{Entries: []command.Entry{{Name: "tag:a", Slots: 1}}, Missing: command.MissingCreate, TTL: int64(time.Minute)})
	if !w.limit("tag:a").implicit {
		t.Fatal("tag:a is not implicit")
	}
	for _, path := range []string{"/increment", "/increment-with-lease", "/decrement"} {
		w.passes("POST", limitsPath+path, `{"slots":1,"names":["tag:a"]}`)
	}
	w.passes("GET", limitsPath+"/tag:a", "")
	w.passes("PATCH", limitsPath+"/tag:a", `{"limit":1}`)
	w.passes("DELETE", limitsPath+"/tag:a", "")
	w.post("/", `{"name":"tag:a","limit":1}`).must(201)
	w.do("GET", limitsPath+"/tag:a", "").must(200)
}

// Limits of both servers in one request could not be judged as one.
func TestLimitsOfBothServers(t *testing.T) {
	w, _ := newUpstream(t)
	for _, path := range []string{"/increment", "/increment-with-lease", "/decrement"} {
		for _, names := range []string{`["tag:a","db"]`, `["db","tag:a"]`, `["db","x","deployment:b"]`} {
			a := w.post(path, `{"slots":1,"names":`+names+`}`).must(422)
			if !strings.Contains(a.body, `name them in requests apart, or make '`) {
				t.Errorf("%s %s: %s", path, names, a.body)
			}
		}
	}
	w.View(func(s *limit.State) {
		if list := s.LimitsFrom(0, 9); len(list) > 0 {
			t.Errorf("limits were made: %+v", list)
		}
	})
	w.post("/", `{"name":"tag:a","limit":1}`).must(201)
	w.post("/increment", `{"slots":1,"names":["tag:a","db"]}`).must(200)
}

// The base of the API is the API's, too.
func TestTheBaseItself(t *testing.T) {
	for path, want := range map[string]bool{"/api": true, "/api/": true, "/api/x": true, "/apis": false, "/v1/api": false, "/": false} {
		if prefect.Serves(path) != want {
			t.Errorf("%s: %v", path, !want)
		}
	}
	w, _ := newUpstream(t)
	if a := w.do("GET", "", "").must(200); !strings.HasPrefix(a.body, "GET /prefect/api/ ") {
		t.Errorf("%s", a.body)
	}
	newWorld(t, 0).do("GET", "", "").must(404).is(`{"detail":"Not Found"}`)
}

// Nobody gets out of the upstream server's API to what else its host serves.
func TestUpstreamPathsStayBelowTheAPI(t *testing.T) {
	w, _ := newUpstream(t)
	for _, path := range []string{"/../admin", "/flows/..%2f../admin", "/%2e%2e/admin", "/..%5cadmin", "/flows/.."} {
		w.do("GET", path, "").must(404)
	}
	w.passes("GET", "/flows/a..b", "")
}

func TestUpstreamRedirectsStayHere(t *testing.T) {
	w, _ := newUpstream(t)
	rec := httptest.NewRecorder()
	w.api.ServeHTTP(rec, httptest.NewRequest("POST", "/api/flows/filter", nil))
	if to := rec.Header().Get("Location"); rec.Code != 307 || to != "/api/flows/filter/?a=b" {
		t.Errorf("%d to %q", rec.Code, to)
	}
}

// Streams pass, and end when the node stops.
func TestUpstreamWebSocket(t *testing.T) {
	w, _ := newUpstream(t)
	server := httptest.NewServer(w.api)
	defer server.Close()
	conn, _, err := websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(server.URL, "http")+"/api/events/out", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, text, err := conn.Read(t.Context()); err != nil || string(text) != "hello" {
		t.Errorf("%s, %v", text, err)
	}
	w.api.Close()
	if _, _, err := conn.Read(t.Context()); err == nil {
		t.Error("the stream goes on")
	}
	w.do("GET", "/flows", "").must(503)
}

// An upstream server that is down takes no limits with it.
func TestUpstreamIsDown(t *testing.T) {
	w, real := newUpstream(t)
	real.Close()
	if a := w.do("POST", "/flow_runs/", "{}").must(503); a.header.Get("Retry-After") != "1" {
		t.Errorf("%v", a.header)
	}
	w.post("/increment", ask).must(200)
	w.do("GET", "/csrf-token?client=x", "").must(422).is(`{"detail":"CSRF protection is disabled."}`)
}

// A server that takes requests and answers none costs a token against forgery little,
// once; what needs it is told to come again before its client gives up.
func TestUpstreamHangs(t *testing.T) {
	asked := make(chan string, 9)
	over := make(chan struct{})
	hung := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked <- r.URL.Path
		<-over
	}))
	defer hung.Close()
	defer close(over)
	target, err := url.Parse(hung.URL + "/api")
	if err != nil {
		t.Fatal(err)
	}
	w := newWorldOf(t, prefect.Config{Upstream: target})
	w.api.SetCSRFPatience(50 * time.Millisecond)
	for range 3 {
		w.do("GET", "/csrf-token?client=x", "").must(422).is(`{"detail":"CSRF protection is disabled."}`)
	}
	if len(asked) != 1 {
		t.Errorf("it was asked %d times", len(asked))
	}
	w.api.Close()

	w = newWorldOf(t, prefect.Config{Upstream: target, UpstreamTimeout: 50 * time.Millisecond})
	for _, body := range []string{"{}", strings.Repeat("x", 30<<20)} {
		a := w.do("POST", "/flow_runs/", body).must(503)
		if a.header.Get("Retry-After") != "1" || a.header.Get("Prefect-Maintenance") != "true" {
			t.Errorf("%v", a.header)
		}
	}
	w.api.Close()
}

// A request that the upstream server has not answered when the node stops is sent
// elsewhere.
func TestNodeStopsBeforeTheUpstreamAnswers(t *testing.T) {
	asked, over := make(chan struct{}, 1), make(chan struct{})
	hung := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		asked <- struct{}{}
		<-over
	}))
	defer hung.Close()
	defer close(over)
	target, err := url.Parse(hung.URL + "/api")
	if err != nil {
		t.Fatal(err)
	}
	w := newWorldOf(t, prefect.Config{Upstream: target})
	go func() {
		<-asked
		w.api.Close()
	}()
	w.do("POST", "/flow_runs/", "{}").must(503)
}

// What the upstream server's URL names is shown for clients who show nothing.
func TestUpstreamUser(t *testing.T) {
	seen := make(chan string, 9)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen <- r.Header.Get("Authorization") }))
	defer server.Close()
	target, err := url.Parse(server.URL + "/api")
	if err != nil {
		t.Fatal(err)
	}
	target.User = url.UserPassword("user", "secret")
	w := newWorldOf(t, prefect.Config{Upstream: target})
	defer w.api.Close()
	w.do("GET", "/flows/x", "").must(200)
	w.do("GET", "/flows/x", "", "Authorization: Bearer key").must(200)
	if first, second := <-seen, <-seen; first != "Basic dXNlcjpzZWNyZXQ=" || second != "Bearer key" {
		t.Errorf("it saw %q and %q", first, second)
	}
}

// An upstream server without tokens is asked for one once a minute.
func TestUpstreamCSRF(t *testing.T) {
	w, _ := newUpstream(t)
	w.passes("GET", "/csrf-token?client=x", "")
	w.passes("GET", "/csrf-token?client=y", "")
	rec := httptest.NewRecorder()
	w.api.ServeHTTP(rec, httptest.NewRequest("GET", "/api/csrf-token?client=off", nil))
	if rec.Code != 422 {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
	w.do("GET", "/csrf-token?client=x", "").must(422).is(`{"detail":"CSRF protection is disabled."}`)
}
