package httpapi_test

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/transport/auth"
	"github.com/limitd/limitd/transport/httpapi"
	"github.com/limitd/limitd/transport/wire"
	"github.com/prometheus/client_golang/prometheus"
)

// source is what a guard knows of a world.
type source struct{ *world }

func (s source) Now() (int64, bool)                         { return 0, false }
func (s source) Fresh() bool                                { return !s.stuck }
func (s source) Refresh(ctx context.Context) error          { return s.leader(ctx) }
func (s source) AwaitApplied(context.Context, uint64) error { return errors.New("nothing more comes") }

// secretOf is the secret of a test's token: the same letter 52 times.
func secretOf(letter string) string { return "limitd_" + strings.Repeat(letter, 52) }

// Tokens of a guarded world, by what they may do.
var secrets = struct{ read, acquire, manage, operator, db string }{
	secretOf("a"), secretOf("b"), secretOf("c"), secretOf("d"), secretOf("e"),
}

// newGuarded returns a caller of an API that asks for tokens. What it calls has
// the operator's, unless it brings another.
func newGuarded(t testing.TB) *caller {
	t.Helper()
	return newGuardedWith(t, func(*httpapi.Config) {})
}

func newGuardedWith(t testing.TB, change func(*httpapi.Config)) *caller {
	t.Helper()
	c := &caller{t: t, k: loadContract(t), secret: secrets.operator}
	c.w = newWorldWith(t, func(w *world, cfg *httpapi.Config) {
		cfg.Guard = auth.New(auth.Config{Source: source{w}})
		change(cfg)
	})
	c.apply(&command.BootstrapACL{Hash: auth.Hash(secrets.operator)})
	c.apply(&command.PutACLPolicy{Name: "db", Rules: []command.Rule{{Verb: command.VerbManage, Limit: "db", Prefix: true}}})
	for name, secret := range map[string]string{"read": secrets.read, "acquire": secrets.acquire, "manage": secrets.manage, "db": secrets.db} {
		c.apply(&command.CreateACLToken{Name: name, Policies: []string{name}, Hash: auth.Hash(secret)})
	}
	return c
}

// apply has op applied, beside the API.
func (c *caller) apply(op command.Op) {
	c.t.Helper()
	answer, err := c.w.Node.Run(context.Background(), command.Command{Header: command.Header{ID: rand.Text()}, Op: op}, 0)
	if p, refused := answer.Result.(*command.Problem); err != nil || refused {
		c.t.Fatal(p, err)
	}
}

// bodies are what the routes that read one are sent.
func bodies() map[string]string {
	return map[string]string{
		"POST /v1/acquire": `{"limits":[{"name":"db"}]}`,
		"POST /v1/release": `{"token":1}`,
		"POST /v1/renew":   `{"tokens":[1]}`,
		"POST /v1/cancel":  `{"id":"nobody"}`,
		"POST /v1/batch":   `{"operations":[{"acquire":{"limits":[{"name":"db"}]}}]}`,
		"POST /v1/limits":  `{"name":"api","slots":1}`,
		"POST /v1/explain": `{"limits":[{"name":"db"}]}`,

		"PUT /v1/limits/{name}":          `{"slots":3}`,
		"PATCH /v1/limits/{name}":        `{"slots":4}`,
		"PATCH /v1/cluster/settings":     `{"patience":"5s"}`,
		"PATCH /v1/cluster/nodes/{name}": `{"role":"voter"}`,
		"PUT /v1/acl/policies/{name}":    `{"rules":[{"verb":"read","limit":"*"}]}`,
		"POST /v1/acl/tokens":            `{"name":"new","policies":["read"]}`,
	}
}

// TestEveryRouteAsksForItsVerb tries each route of the table without a token, with
// each lesser one, and with the one that does.
func TestEveryRouteAsksForItsVerb(t *testing.T) {
	ladder := []string{"", secrets.read, secrets.acquire, secrets.manage, secrets.operator}
	verbs := []string{"", wire.VerbRead, wire.VerbAcquire, wire.VerbManage, wire.VerbOperator}
	for _, route := range httpapi.RouteNames() {
		method, pattern, _ := strings.Cut(route, " ")
		need := slices.Index(verbs, httpapi.Needs(route))
		for step, secret := range ladder {
			c := newGuarded(t)
			c.apply(&command.PutLimit{Name: "db", Settings: command.LimitSettings{Slots: 2, Active: true}})
			_, err := c.w.Node.Run(t.Context(), command.Command{Header: command.Header{ID: "holder"}, Op: &command.Acquire{Entries: []command.Entry{{Name: "db", Slots: 1}}}}, 0)
			if err != nil {
				t.Fatal(err)
			}
			path := strings.NewReplacer("{id}", "holder", "{token}", "1").Replace(pattern)
			switch {
			case strings.HasPrefix(path, "/v1/acl/policies/"):
				path = strings.Replace(path, "{name}", "other", 1)
			case strings.HasPrefix(path, "/v1/acl/tokens/"):
				path = strings.Replace(path, "{name}", "read", 1)
			}
			path = strings.Replace(path, "{name}", "db", 1)
			c.secret = secret
			answer := c.do(method, path, bodies()[route])
			refused := answer.status == http.StatusUnauthorized || answer.status == http.StatusForbidden
			if allowed := step >= need; refused == allowed {
				t.Errorf("%s needs %q, and answers %d to who has %q: %s", route, verbs[need], answer.status, verbs[step], answer.body)
			}
			if want := map[bool]int{true: 401, false: 403}[secret == ""]; refused && answer.status != want {
				t.Errorf("%s answers %d to who has %q, want %d", route, answer.status, verbs[step], want)
			}
		}
	}
}

// A route that says nothing of what it needs would be open to who may read.
func TestEveryRouteSaysWhatItNeeds(t *testing.T) {
	open := []string{"POST /v1/acl/bootstrap", "GET /v1/version", "GET /v1/openapi.yaml", "GET /livez", "GET /readyz"}
	for _, route := range httpapi.RouteNames() {
		if need := httpapi.Needs(route); (need == "") != slices.Contains(open, route) || !httpapi.HasNeed(route) {
			t.Errorf("%s needs %q", route, need)
		}
	}
}

// What stands in a body, or behind a grant's token, is asked for by its limit.
func TestLimitsOfOthersAreOutOfReach(t *testing.T) {
	c := newGuarded(t)
	for _, name := range []string{"db", "db-2", "api"} {
		c.post("/v1/limits", `{"name":"`+name+`","slots":9}`).must(201)
	}
	c.post("/v1/acquire", `{"id":"foreign","limits":[{"name":"api"}]}`).must(200)            // token 1
	c.post("/v1/acquire", `{"id":"both","limits":[{"name":"db"},{"name":"api"}]}`).must(200) // token 2
	c.secret = secrets.db
	c.post("/v1/acquire", `{"id":"own","limits":[{"name":"db"},{"name":"db-2"}]}`).must(200) // token 3

	for _, x := range []struct {
		method, path, body string
		limit              string // on which the right lacks
	}{
		{"POST", "/v1/acquire", `{"limits":[{"name":"api"}]}`, "api"},
		{"POST", "/v1/acquire", `{"limits":[{"name":"db"},{"name":"api"}]}`, "api"},
		{"POST", "/v1/acquire", `{"limits":[{"name":"new"}],"missing":"create"}`, "new"},
		{"GET", "/v1/acquires/foreign", "", "api"},
		{"POST", "/v1/release", `{"token":1}`, "api"},
		{"POST", "/v1/release", `{"token":2}`, "api"},
		{"POST", "/v1/release", `{"id":"foreign"}`, "api"},
		{"POST", "/v1/renew", `{"tokens":[3,1]}`, "api"},
		{"POST", "/v1/renew", `{"ids":["both"]}`, "api"},
		{"POST", "/v1/cancel", `{"id":"both"}`, "api"},
		{"POST", "/v1/limits", `{"name":"new","slots":1}`, "new"},
		{"GET", "/v1/limits/api", "", "api"},
		{"PATCH", "/v1/limits/api", `{"slots":1}`, "api"},
		{"PATCH", "/v1/limits/db", `{"name":"api2"}`, "api2"},
		{"DELETE", "/v1/limits/api", "", "api"},
		{"POST", "/v1/limits/api/reset", "", "api"},
		{"GET", "/v1/limits/api/holders", "", "api"},
		{"GET", "/v1/limits/api/queue", "", "api"},
		{"POST", "/v1/explain", `{"limits":[{"name":"api"}]}`, "api"},
		{"GET", "/v1/leases/1", "", "api"},
		{"DELETE", "/v1/leases/2", "", "api"},
	} {
		p := c.do(x.method, x.path, x.body).must(403).refuses(wire.CodePermissionDenied)
		if !strings.Contains(p.Detail, `"`+x.limit+`"`) || !strings.Contains(p.Detail, `"db"`) || p.Effect != wire.EffectNone {
			t.Errorf("%s %s %s: %s", x.method, x.path, x.body, p.Detail)
		}
	}
	// A number that no grant has had may be the next one's.
	c.post("/v1/release", `{"token":4}`).must(404).refuses(wire.CodeLeaseNotFound)
	c.post("/v1/renew", `{"tokens":[4]}`).must(404).refuses(wire.CodeLeaseNotFound)
	c.do("DELETE", "/v1/leases/4", "").must(404)

	if list := read[wire.Limits](c.get("/v1/limits").must(200)); len(list.Limits) != 2 {
		t.Errorf("%+v", list)
	}
	if list := read[wire.Leases](c.get("/v1/leases").must(200)); len(list.Leases) != 1 || list.Leases[0].ID != "own" {
		t.Errorf("%+v", list)
	}
	if p := c.do("PATCH", "/v1/limits/db-3", `{"slots":1}`).must(404).refuses(wire.CodeLimitNotFound); slices.Contains(p.Similar, "api") {
		t.Errorf("%+v", p)
	}
	batch := read[wire.Batch](c.post("/v1/batch", `{"operations":[{"release":{"token":1}},{"acquire":{"limits":[{"name":"api"}]}},{"renew":{"tokens":[3]}},{"release":{"token":3}},{"release":{"token":3}}]}`).must(200))
	for i, want := range []int{403, 403, 200, 200, 200} {
		if got := batch.Results[i].Status; got != want {
			t.Errorf("operation %d: %d, want %d: %s", i, got, want, batch.Results[i].Body)
		}
	}
	if again := read[wire.Released](c.post("/v1/release", `{"token":3}`).must(200)); !again.Released || !again.Replayed {
		t.Errorf("%+v", again)
	}
	c.get("/v1/acquires/own").must(200)
	c.post("/v1/cancel", `{"id":"not-yet"}`).must(200)
	c.do("PATCH", "/v1/limits/db-2", `{"name":"db-3"}`).must(200)
	c.secret = secrets.operator
	if l := read[wire.Leases](c.get("/v1/leases").must(200)); len(l.Leases) != 2 {
		t.Errorf("%+v", l)
	}
}

func TestTokensThatAreNotAccepted(t *testing.T) {
	c := newGuarded(t)
	for _, text := range []string{"Bearer", "Bearer ", "Basic eDp5", "nonsense", "Bearer " + secretOf("z"), "Bearer limitd_"} {
		answer := c.get("/v1/limits", "Authorization: "+text).must(401)
		answer.refuses(wire.CodeUnauthenticated)
		if answer.header.Get("Www-Authenticate") == "" {
			t.Errorf("%q: %v", text, answer.header)
		}
	}
	c.get("/v1/limits", "Authorization: bearer  "+secrets.read).must(200)
	c.get("/v1/version", "Authorization: nonsense").must(200)

	c.post("/v1/acl/tokens", `{"name":"short","policies":["read"],"ttl":"60s","secret":"`+secretOf("f")+`"}`).must(201)
	c.get("/v1/limits", "Authorization: Bearer "+secretOf("f")).must(200)
	c.w.Advance(time.Minute)
	p := c.get("/v1/limits", "Authorization: Bearer "+secretOf("f")).must(401).refuses(wire.CodeUnauthenticated)
	if !strings.Contains(p.Detail, "expired") {
		t.Errorf("%+v", p)
	}
}

// A node that cannot know what was decided meanwhile does not judge by old tokens,
// but for stale reads, which it answers from that very state.
func TestNobodyIsJudgedByAnOldState(t *testing.T) {
	c := newGuarded(t)
	c.w.stuck = true
	c.get("/v1/limits", "Limitd-Timeout: 20ms").must(503).refuses(wire.CodeNoLeader)
	c.get("/v1/limits?consistency=stale").must(200)
	c.get("/v1/cluster").must(200)
	c.get("/metrics").must(200)
	c.get("/livez", "Authorization: Bearer x").must(200)
}

// Nothing that a caller may read names limits that it may not.
func TestNamesOfOthersAreNotTold(t *testing.T) {
	c := newGuardedWith(t, func(cfg *httpapi.Config) {
		series := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "limitd_limit_slots", Help: "As of a node's limit series."}, []string{"limit"})
		series.WithLabelValues("db").Set(1)
		series.WithLabelValues("secret").Set(1)
		cfg.Registry.MustRegister(series)
	})
	for _, name := range []string{"aaa-secret", "db", "db-2", "db-secretive", "secret", "zzz-secret"} {
		c.post("/v1/limits", `{"name":"`+name+`","slots":1}`).must(201)
	}
	c.post("/v1/acquire", `{"limits":[{"name":"secret"}]}`).must(200)
	c.post("/v1/acquire", `{"limits":[{"name":"db"},{"name":"secret"}],"wait":"1m","hold":"0s"}`).must(202)

	c.secret = secrets.db
	queue := read[wire.Queue](c.get("/v1/limits/db/queue").must(200))
	if len(queue.Waiters) != 1 || queue.Waiters[0].ParkedOn != "" {
		t.Errorf("%+v", queue)
	}
	if text := string(c.get("/metrics").must(200).body); strings.Contains(text, `"secret"`) || !strings.Contains(text, `limitd_limit_slots{limit="db"} 1`) {
		t.Error("the metrics tell of a limit of others, or not of one's own")
	}
	var names []string
	for token := "?page_size=1"; token != ""; {
		list := read[wire.Limits](c.get("/v1/limits" + token).must(200))
		for _, l := range list.Limits {
			names = append(names, l.Name)
		}
		if token = list.NextPageToken; token == "" {
			break
		}
		if raw, _ := base64.RawURLEncoding.DecodeString(token); !strings.Contains(string(raw), "db") {
			t.Errorf("the page token tells %q", raw)
		}
		token = "?page_size=1&page_token=" + token
	}
	if !slices.Equal(names, []string{"db", "db-2", "db-secretive"}) {
		t.Errorf("%v", names)
	}
	c.secret = secrets.read
	if queue := read[wire.Queue](c.get("/v1/limits/db/queue").must(200)); queue.Waiters[0].ParkedOn != "secret" {
		t.Errorf("%+v", queue)
	}
	if text := string(c.get("/metrics").must(200).body); !strings.Contains(text, `limitd_limit_slots{limit="secret"} 1`) {
		t.Error("who may read all does not see all")
	}
}

// The first token is made again for who knows the secret that the node was told
// of, and by nobody else; and who only asks, writes nothing into the log.
func TestTheFirstTokenIsMadeAgain(t *testing.T) {
	wanted := auth.Hash(secretOf("g"))
	c := newGuardedWith(t, func(cfg *httpapi.Config) {
		cfg.Reset = func(hash [32]byte) bool { return hash == wanted }
	})
	c.secret = ""
	records := len(c.w.Ops)
	for _, body := range []string{"", `{}`, `{"secret":"` + secretOf("h") + `"}`} {
		p := c.post("/v1/acl/bootstrap", body).must(409).refuses(wire.CodeBootstrapped)
		if !strings.Contains(p.Hint, "--reset") {
			t.Errorf("%+v", p)
		}
	}
	if n := len(c.w.Ops); n != records {
		t.Errorf("%d records were written for who may do nothing", n-records)
	}
	c.post("/v1/acl/bootstrap", `{"secret":"`+secretOf("g")+`"}`, "Idempotency-Key: k").must(201)
	c.get("/v1/acl/tokens", "Authorization: Bearer "+secretOf("g")).must(200)
	c.get("/v1/acl/tokens", "Authorization: Bearer "+secrets.operator).must(401)
	c.get("/v1/limits", "Authorization: Bearer "+secrets.read).must(200)
}

func TestAnonymousPolicy(t *testing.T) {
	c := newGuarded(t)
	c.w = newWorldWith(t, func(w *world, cfg *httpapi.Config) {
		w.Node = c.w.Node
		cfg.Guard = auth.New(auth.Config{Source: source{w}, Anonymous: "read"})
		cfg.OpenMetrics = true
	})
	c.secret = ""
	c.get("/v1/limits").must(200)
	c.post("/v1/limits", `{"name":"db","slots":1}`).must(401).refuses(wire.CodeUnauthenticated)
	if self := read[wire.ACLSelf](c.get("/v1/acl/self").must(200)); self.Name != "" || len(self.Rules) != 1 {
		t.Errorf("%+v", self)
	}
	c.get("/v1/limits", "Authorization: Bearer "+secretOf("z")).must(401)
}

// A key stands for one content of one token, not of all.
func TestKeysBelongToTokens(t *testing.T) {
	c := newGuarded(t)
	c.post("/v1/limits", `{"name":"a","slots":1}`, "Idempotency-Key: k").must(201)
	c.secret = secrets.manage
	c.post("/v1/limits", `{"name":"b","slots":1}`, "Idempotency-Key: k").must(201)
	c.post("/v1/limits", `{"name":"c","slots":1}`, "Idempotency-Key: k").must(409).refuses(wire.CodeIDReused)
}

// No secret goes into the log of records, or comes out but once.
func TestSecretsStayWhereTheyAre(t *testing.T) {
	c := newGuarded(t)
	made := read[wire.NewACLToken](c.post("/v1/acl/tokens", `{"name":"etl","policies":["acquire"]}`).must(201))
	if auth.CheckSecret(made.Secret) != "" {
		t.Fatalf("%+v", made)
	}
	c.post("/v1/limits", `{"name":"db","slots":1}`, "Authorization: Bearer "+made.Secret).must(403)
	rotated := read[wire.NewACLToken](c.post("/v1/acl/tokens/etl/rotate", `{"keep":"1h"}`).must(200))
	for _, op := range c.w.Ops {
		record := string(command.Encode(op))
		for _, secret := range []string{made.Secret, rotated.Secret, secrets.operator} {
			if strings.Contains(record, secret) || strings.Contains(record, secret[7:]) {
				t.Errorf("%v has the secret", op.Op.Kind())
			}
		}
	}
	for _, secret := range []string{made.Secret, rotated.Secret} {
		c.get("/v1/acl/self", "Authorization: Bearer "+secret).must(200)
	}
	list := c.get("/v1/acl/tokens").must(200)
	if text := string(list.body); strings.Contains(text, "limitd_") || !strings.Contains(text, `"kept_for":"3600s"`) {
		t.Errorf("%s", text)
	}
}

// With ACL off nobody makes tokens that would count once it is on.
func TestNoTokensWithoutACL(t *testing.T) {
	c := newCaller(t)
	for _, route := range httpapi.RouteNames() {
		method, pattern, _ := strings.Cut(route, " ")
		if strings.HasPrefix(pattern, "/v1/acl/") {
			c.do(method, strings.Replace(pattern, "{name}", "x", 1), bodies()[route]).must(409).refuses(wire.CodeACLDisabled)
		}
	}
	r := httptest.NewRequest(http.MethodGet, "/v1/limits", nil)
	r.Header.Set("Authorization", "nonsense")
	rec := httptest.NewRecorder()
	c.w.api.ServeHTTP(rec, r)
	if rec.Code != 200 {
		t.Errorf("%d", rec.Code)
	}
}

// TestTheLastOperatorStays refuses to delete the last token that may do everything.
// One that has expired is no other one; a policy of one's own with the verb is.
func TestTheLastOperatorStays(t *testing.T) {
	c := newGuarded(t)
	p := c.do("DELETE", "/v1/acl/tokens/bootstrap", "").must(409).refuses(wire.CodeLastOperator)
	if !strings.Contains(p.Hint, "acl token create") {
		t.Errorf("the hint: %q", p.Hint)
	}
	c.do("DELETE", "/v1/acl/tokens/manage", "").must(204)
	c.do("DELETE", "/v1/acl/tokens/nobody", "").must(404)
	c.apply(&command.PutACLPolicy{Name: "all", Rules: []command.Rule{{Verb: command.VerbOperator, Prefix: true}}})
	c.apply(&command.CreateACLToken{Name: "ops", Policies: []string{"all"}, Hash: auth.Hash(secretOf("f"))})
	c.do("DELETE", "/v1/acl/tokens/bootstrap", "").must(204)
}
