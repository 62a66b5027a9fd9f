package prefect_test

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
	"github.com/limitd/limitd/transport/auth"
	"github.com/limitd/limitd/transport/prefect"
	"github.com/limitd/limitd/transport/wire"
)

// source is what a guard knows of a world.
type source struct{ world **world }

func (s source) View(read func(*limit.State))               { (*s.world).Node.View(read) }
func (s source) Now() (int64, bool)                         { return 0, false }
func (s source) Fresh() bool                                { return true }
func (s source) Refresh(context.Context) error              { return nil }
func (s source) AwaitApplied(context.Context, uint64) error { return errors.New("nothing more comes") }

// newGuarded returns an API that asks for tokens. Those of a verb have its name for
// a secret; "db" may manage what begins with db.
func newGuarded(t testing.TB, upstream *url.URL) *world {
	t.Helper()
	var w *world
	w = newWorldOf(t, prefect.Config{CreateMissing: true, Upstream: upstream, Guard: auth.New(auth.Config{Source: source{&w}})})
	w.apply(&command.PutACLPolicy{Name: "db", Rules: []command.Rule{{Verb: command.VerbManage, Limit: "db", Prefix: true}}})
	for _, name := range []string{"read", "acquire", "manage", "operator", "db"} {
		w.apply(&command.CreateACLToken{Name: name, Policies: []string{name}, Hash: auth.Hash(name)})
	}
	return w
}

// apply has op applied, beside the API.
func (w *world) apply(op command.Op) {
	w.t.Helper()
	answer, err := w.Node.Run(context.Background(), command.Command{Header: command.Header{ID: rand.Text()}, Op: op}, 0)
	if p, refused := answer.Result.(*command.Problem); err != nil || refused {
		w.t.Fatal(p, err)
	}
}

func bearer(secret string) string { return "Authorization: Bearer " + secret }

func basic(secret string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("anybody:"+secret))
}

// TestEveryRouteAsksForItsVerb tries each route of the table without a token, with
// each lesser one, and with the one that does.
func TestEveryRouteAsksForItsVerb(t *testing.T) {
	ladder := []string{"", "read", "acquire", "manage", "operator"}
	open := []string{"GET /health", "GET /ready", "GET /events/in"} // the last one asks in the stream
	for _, route := range prefect.Routes() {
		method, path, _ := strings.Cut(route, " ")
		need := slices.Index(ladder, prefect.Needs(route))
		if (need == 0) != slices.Contains(open, route) || need < 0 {
			t.Errorf("%s needs %q", route, prefect.Needs(route))
		}
		for step, secret := range ladder {
			w := newGuarded(t, nil)
			w.apply(&command.PutLimit{Name: "db", Settings: command.LimitSettings{Slots: 2, Active: true}})
			headers := []string{bearer(secret)}
			if secret == "" {
				headers = nil
			}
			path := strings.NewReplacer("{id_or_name}", "db", "{id}", "6c696d69-7464-8000-8000-000000000000").Replace(path)
			answer := w.do(method, path, bodies()[route], headers...)
			refused := answer.status == http.StatusUnauthorized || answer.status == http.StatusForbidden
			if allowed := step >= need; refused == allowed {
				t.Errorf("%s needs %q, and answers %d to %q: %s", route, ladder[need], answer.status, secret, answer.body)
			}
			if refused && (answer.status == http.StatusUnauthorized) != (secret == "") {
				t.Errorf("%s answers %d to %q", route, answer.status, secret)
			}
		}
	}
}

// bodies are what the routes that read one are sent.
func bodies() map[string]string {
	return map[string]string{
		"POST " + limitsPath + "/increment":            `{"names":["db"],"slots":1}`,
		"POST " + limitsPath + "/increment-with-lease": `{"names":["db"],"slots":1}`,
		"POST " + limitsPath + "/decrement":            `{"names":["db"],"slots":1}`,
		"POST " + limitsPath + "/decrement-with-lease": `{"lease_id":"6c696d69-7464-8000-8000-000000000000"}`,
		"POST " + limitsPath:                           `{"name":"new","limit":1}`,
		"PATCH " + limitsPath + "/{id_or_name}":        `{"limit":3}`,
		"POST /events":                                 `[]`,
		"POST /logs":                                   `[]`,
	}
}

func TestBothWaysToShowAToken(t *testing.T) {
	w := newGuarded(t, nil)
	for _, ok := range []string{bearer("read"), basic("read"), "Authorization: basic " + base64.StdEncoding.EncodeToString([]byte("read"))} {
		w.do("POST", limitsPath+"/filter", "", ok).must(200)
	}
	for _, wrong := range []string{bearer("x"), basic("x"), "Authorization: Basic ???", "Authorization: nonsense"} {
		if a := w.do("POST", limitsPath+"/filter", "", wrong).must(401); a.body != `{"exception_message":"Unauthorized"}` {
			t.Errorf("%s", a.body)
		}
	}
}

func TestLimitsOfOthersAreOutOfReach(t *testing.T) {
	w := newGuarded(t, nil)
	for _, name := range []string{"api", "db", "db-2"} {
		w.apply(&command.PutLimit{Name: name, Settings: command.LimitSettings{Slots: 2, Active: true}})
	}
	lease := func(name string) string {
		a := w.do("POST", limitsPath+"/increment-with-lease", `{"names":["`+name+`"],"slots":1}`, bearer("operator")).must(200)
		_, id, _ := strings.Cut(a.body, `"lease_id":"`)
		return id[:36]
	}
	foreign, own := lease("api"), lease("db")
	for _, x := range []struct{ method, path, body string }{
		{"POST", limitsPath + "/increment", `{"names":["db","api"],"slots":1}`},
		{"POST", limitsPath + "/increment-with-lease", `{"names":["api"],"slots":1}`},
		{"POST", limitsPath + "/decrement", `{"names":["api"],"slots":1}`},
		{"POST", limitsPath + "/leases/" + foreign + "/renew", ``},
		{"POST", limitsPath + "/decrement-with-lease", `{"lease_id":"` + foreign + `"}`},
		{"POST", limitsPath, `{"name":"other","limit":1}`},
		{"GET", limitsPath + "/api", ``},
		{"PATCH", limitsPath + "/api", `{"limit":1}`},
		{"PATCH", limitsPath + "/db", `{"name":"api2"}`},
		{"DELETE", limitsPath + "/api", ``},
	} {
		if a := w.do(x.method, x.path, x.body, bearer("db")).must(403); !strings.Contains(a.body, "lacks the verb") {
			t.Errorf("%s %s: %s", x.method, x.path, a.body)
		}
	}
	w.do("POST", limitsPath+"/leases/"+own+"/renew", "", bearer("db")).must(204)
	w.do("POST", limitsPath+"/decrement-with-lease", `{"lease_id":"`+own+`"}`, bearer("db")).must(204)
	a := w.do("POST", limitsPath+"/filter", `{"limit":1,"offset":1}`, bearer("db")).must(200)
	if !strings.Contains(a.body, `"db-2"`) || strings.Contains(a.body, `"api"`) {
		t.Errorf("%s", a.body)
	}
}

// A token is told the same of a limit that it may not read as of one that is not
// there, and no name that it did not give.
func TestNamesCannotBeProbed(t *testing.T) {
	w := newGuarded(t, nil)
	w.apply(&command.PutACLPolicy{Name: "sees", Rules: []command.Rule{{Verb: command.VerbRead, Limit: "api"}}})
	w.apply(&command.CreateACLToken{Name: "sees", Policies: []string{"db", "sees"}, Hash: auth.Hash("sees")})
	w.apply(&command.PutLimit{Name: "api", Settings: command.LimitSettings{Slots: 2, Active: true}})
	var id string
	w.View(func(s *limit.State) {
		l, _ := s.Limit("api")
		id = wire.UUID(l.UUID)
	})
	lease := w.post("/increment-with-lease", `{"names":["api"],"slots":1}`, bearer("operator")).lease()
	for _, method := range []string{"GET", "PATCH", "DELETE"} {
		there := w.do(method, limitsPath+"/api", "{}", bearer("db")).must(403)
		w.do(method, limitsPath+"/apx", "{}", bearer("db")).must(403).is(strings.Replace(there.body, "api", "apx", 1))
		w.do(method, limitsPath+"/"+id, "{}", bearer("db")).must(404).is(w.do(method, limitsPath+"/"+lease, "{}", bearer("db")).must(404).body)
		if method != "GET" {
			w.do(method, limitsPath+"/"+id, "{}", bearer("sees")).must(403).is(`{"detail":"the token \"sees\" lacks the verb manage on this limit"}`)
		}
	}
	w.do("GET", limitsPath+"/"+id, "", bearer("sees")).must(200)
	w.post("/leases/"+lease+"/renew", "", bearer("db")).must(403).is(`{"detail":"the token \"db\" lacks the verb acquire on the limits of this lease"}`)
}

// In the stream of events newer clients show the token in their first message, and
// older ones in the request or not at all.
func TestStreamsAskForTokens(t *testing.T) {
	w := newGuarded(t, nil)
	server := httptest.NewServer(w.api)
	defer server.Close()
	dial := func(protocol, header string) *websocket.Conn {
		options := &websocket.DialOptions{HTTPHeader: http.Header{}}
		if protocol != "" {
			options.Subprotocols = []string{protocol}
		}
		if name, value, ok := strings.Cut(header, ": "); ok {
			options.HTTPHeader.Set(name, value)
		}
		conn, _, err := websocket.Dial(t.Context(), server.URL+prefect.Base+"/events/in", options)
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}
	for _, x := range []struct {
		protocol, header, token string
		welcome                 bool
	}{
		{"prefect", "", "anybody:acquire", true},
		{"prefect", "", "acquire", true},
		{"prefect", "", "anybody:read", false},
		{"prefect", "", "nobody's", false},
		{"prefect", "", "", true}, // nothing is kept of what it sends
		{"prefect", basic("nobody's"), "", false},
		{"prefect", basic("acquire"), "", true},
		{"", basic("acquire"), "", true},
		{"", basic("nobody's"), "", false},
		{"", "", "", true},
	} {
		conn := dial(x.protocol, x.header)
		var err error
		if x.protocol != "" {
			err = wsjson.Write(t.Context(), conn, map[string]string{"type": "auth", "token": x.token})
		}
		if err == nil && (x.protocol != "" || !x.welcome) {
			_, _, err = conn.Read(t.Context())
		}
		if welcome := err == nil; welcome != x.welcome || err != nil && websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
			t.Errorf("%+v: %v", x, err)
		}
		_ = conn.CloseNow()
	}
	w.api.Close()
}

// The upstream server never sees a token.
func TestUpstreamSeesNoToken(t *testing.T) {
	seen := make(chan string, 9)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen <- r.Header.Get("Authorization") }))
	defer server.Close()
	for user, want := range map[string]string{"": "", "u:p": "Basic " + base64.StdEncoding.EncodeToString([]byte("u:p"))} {
		target, err := url.Parse(server.URL + "/api")
		if err != nil {
			t.Fatal(err)
		}
		if name, password, ok := strings.Cut(user, ":"); ok {
			target.User = url.UserPassword(name, password)
		}
		w := newGuarded(t, target)
		w.do("GET", "/flows/x", "").must(401)
		w.do("GET", "/flows/x", "", bearer("read")).must(403)
		w.do("GET", "/flows/x", "", bearer("acquire")).must(200)
		if got := <-seen; got != want {
			t.Errorf("it saw %q, want %q", got, want)
		}
		w.api.Close()
	}
}
