package httpapi_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/limitd/limitd/transport/wire"
)

func TestAcquireAndRelease(t *testing.T) {
	c := newCaller(t)
	c.post("/v1/limits", `{"name":"db","slots":2}`).must(201)
	a := c.post("/v1/acquire", `{"id":"job-1","limits":[{"name":"db","slots":2}],"ttl":"90s","owner":{"name":"etl","host":"w7","pid":4711,"meta":{"run":"a1"}}}`).must(200)
	g := read[wire.Grant](a)
	if !g.Granted || g.ID != "job-1" || g.Token == 0 || g.TTL != wire.Duration(90*time.Second) || g.ExpiresIn != g.TTL || !g.HasLease() {
		t.Errorf("grant %+v", g)
	}
	if got := a.header.Get(wire.HeaderRateLimitPolicy); got != `"db";q=2;qu="concurrent-requests"` {
		t.Errorf("RateLimit-Policy: %s", got)
	}
	if got := a.header.Get(wire.HeaderRateLimit); got != `"db";r=0` {
		t.Errorf("RateLimit: %s", got)
	}
	again := read[wire.Grant](c.post("/v1/acquire", `{"id":"job-1","limits":[{"name":"db","slots":2}],"ttl":"90s"}`).must(200))
	if !again.Replayed || again.Token != g.Token {
		t.Errorf("the same id got %+v", again)
	}
	c.post("/v1/acquire", `{"id":"job-1","limits":[{"name":"db"}]}`).must(409).refuses(wire.CodeIDReused)

	c.w.Advance(5 * time.Second)
	renewed := read[wire.Renewed](c.post("/v1/renew", `{"tokens":[1],"ids":["job-1","other"],"ttl":"60s"}`).must(200))
	want := wire.Renewed{Leases: []wire.RenewedLease{
		{Token: 1, ID: "job-1", State: "held", ExpiresIn: wire.Duration(85 * time.Second)},
		{Token: 1, ID: "job-1", State: "held", ExpiresIn: wire.Duration(85 * time.Second)},
		{ID: "other", State: "gone"},
	}}
	if d := cmp.Diff(want, renewed); d != "" {
		t.Error(d)
	}
	if r := read[wire.Released](c.post("/v1/release", `{"token":1}`).must(200)); !r.Released || r.Replayed {
		t.Errorf("released %+v", r)
	}
	if r := read[wire.Released](c.post("/v1/release", `{"id":"job-1"}`).must(200)); !r.Released || !r.Replayed {
		t.Errorf("released again %+v", r)
	}
	if r := read[wire.Released](c.post("/v1/release", `{"token":999}`).must(200)); r.Released || r.Reason != wire.ReasonUnknown {
		t.Errorf("released the unknown %+v", r)
	}
	c.post("/v1/acquire", `{"id":"job-1","limits":[{"name":"db","slots":2}],"ttl":"90s"}`).must(410).refuses(wire.CodeLeaseEnded)
}

func TestAcquireDenied(t *testing.T) {
	c := newCaller(t)
	c.post("/v1/limits", `{"name":"api","slots":10,"rate":"10/m"}`).must(201)
	a := c.post("/v1/acquire", `{"limits":[{"name":"api","slots":10}],"mode":"rate_limit"}`).must(200)
	if g := read[wire.Grant](a); g.HasLease() || g.ExpiresIn != 0 || !g.ExpiresAt.IsZero() || len(g.ID) != 26 {
		t.Errorf("a rate grant has a lease: %s", a.body)
	}
	if got := a.header.Get(wire.HeaderRateLimitPolicy) + " " + a.header.Get(wire.HeaderRateLimit); got != `"api";q=10;w=60 "api";r=0;t=60` {
		t.Errorf("fields: %s", got)
	}
	c.w.Advance(4500 * time.Millisecond)
	a = c.post("/v1/acquire", `{"id":"late","limits":[{"name":"api","mode":"rate_limit"}]}`).must(429)
	p := a.refuses(wire.CodeDenied)
	if p.Granted == nil || *p.Granted || p.ID != "late" || p.Position != 1 || p.RetryAfter == nil || *p.RetryAfter != wire.Duration(1500*time.Millisecond) {
		t.Errorf("denied: %s", a.body)
	}
	if got := a.header.Get("Retry-After"); got != "2" {
		t.Errorf("Retry-After: %s", got)
	}
	if got := a.header.Get(wire.HeaderRateLimit); got != `"api";r=0;t=2` {
		t.Errorf("RateLimit: %s", got)
	}
	if d := cmp.Diff([]wire.Blocker{{Name: "api", Slots: 10, Occupied: 10}}, p.BlockedBy); d != "" {
		t.Error(d)
	}
	c.w.Advance(1500 * time.Millisecond)
	c.post("/v1/acquire", `{"limits":[{"name":"api","mode":"rate_limit"}]}`).must(200)
}

func TestAcquireWaits(t *testing.T) {
	c := newCaller(t)
	c.post("/v1/limits", `{"name":"db","slots":1}`).must(201)
	c.post("/v1/acquire", `{"id":"first","limits":[{"name":"db"}]}`).must(200)

	w := read[wire.Waiting](c.post("/v1/acquire", `{"id":"second","limits":[{"name":"db"}],"wait":"30s","hold":"0s"}`).must(202))
	if w.Granted || w.State != wire.StateWaiting || w.ID != "second" || w.Position != 1 {
		t.Errorf("waiting %+v", w)
	}
	s := read[wire.AcquireStatus](c.get("/v1/acquires/second").must(200))
	if s.State != wire.StateWaiting || s.Waiting == nil || s.Grant != nil || s.Problem != nil {
		t.Errorf("status %+v", s)
	}
	done := make(chan answer)
	go func() {
		done <- c.post("/v1/acquire", `{"id":"second","limits":[{"name":"db"}],"wait":"30s"}`)
	}()
	c.w.Waiting("second", 1)
	q := read[wire.Queue](c.get("/v1/limits/db/queue").must(200))
	if len(q.Waiters) != 1 || q.Waiters[0].ID != "second" || q.Waiters[0].ParkedOn != "db" {
		t.Errorf("queue %+v", q)
	}
	c.w.Advance(2 * time.Second)
	c.post("/v1/release", `{"id":"first"}`).must(200)
	a := <-done
	if g := read[wire.Grant](a.must(200)); g.Waited != wire.Duration(2*time.Second) {
		t.Errorf("waited %v", g.Waited)
	}
	s = read[wire.AcquireStatus](c.get("/v1/acquires/second").must(200))
	if s.State != wire.StateGranted || s.Grant == nil {
		t.Errorf("status %+v", s)
	}
	s = read[wire.AcquireStatus](c.get("/v1/acquires/first").must(200))
	if s.State != wire.StateEnded || s.Problem.Code != wire.CodeLeaseEnded {
		t.Errorf("status %+v", s)
	}
	c.get("/v1/acquires/nobody").must(404).refuses(wire.CodeAcquireNotFound)
}

func TestWaitExpires(t *testing.T) {
	c := newCaller(t)
	c.post("/v1/limits", `{"name":"db","slots":1}`).must(201)
	c.post("/v1/acquire", `{"limits":[{"name":"db"}],"ttl":"1h"}`).must(200)
	done := make(chan answer)
	go func() {
		done <- c.post("/v1/acquire", `{"id":"w","limits":[{"name":"db"}],"wait":"5s"}`)
	}()
	c.w.Waiting("w", 1)
	c.w.Advance(5 * time.Second)
	p := (<-done).must(429).refuses(wire.CodeWaitExpired)
	if p.ID != "w" || len(p.BlockedBy) != 1 {
		t.Errorf("%+v", p)
	}
}

func TestCancel(t *testing.T) {
	c := newCaller(t)
	c.post("/v1/limits", `{"name":"db","slots":1}`).must(201)
	c.post("/v1/acquire", `{"limits":[{"name":"db"}]}`).must(200)
	c.post("/v1/acquire", `{"id":"w","limits":[{"name":"db"}],"wait":"5s","hold":"0s"}`).must(202)
	if r := read[wire.Cancelled](c.post("/v1/cancel", `{"id":"w"}`).must(200)); !r.Cancelled {
		t.Errorf("%+v", r)
	}
	c.post("/v1/acquire", `{"id":"w","limits":[{"name":"db"}],"wait":"5s"}`).must(410).refuses(wire.CodeCancelled)
	c.post("/v1/cancel", `{"id":"overtaken"}`).must(200)
	c.post("/v1/acquire", `{"id":"overtaken","limits":[{"name":"db"}]}`).must(410).refuses(wire.CodeCancelled)
}

func TestAcquireRefusals(t *testing.T) {
	c := newCaller(t)
	c.post("/v1/limits", `{"name":"db","slots":3}`).must(201)
	p := c.post("/v1/acquire", `{"limits":[{"name":"dbb"}]}`).must(404).refuses(wire.CodeLimitNotFound)
	if p.Hint != "create it: limitd limit create dbb --slots N; similar names: db" || !slices.Equal(p.Similar, []string{"db"}) || p.Effect != wire.EffectNone {
		t.Errorf("%+v", p)
	}
	if len(p.Errors) != 1 || p.Errors[0].Field != "limits[0].name" {
		t.Errorf("%+v", p.Errors)
	}
	p = c.post("/v1/acquire", `{"limits":[{"name":"db","slots":5}]}`).must(422).refuses(wire.CodeNeverFits)
	if p.Detail != `limit "db" has 3 slots; 5 were asked for` || len(p.Errors) != 1 || p.Errors[0].Field != "limits[0].slots" {
		t.Errorf("%+v", p)
	}
	c.post("/v1/acquire", `{"limits":[{"name":"db","mode":"rate_limit"}]}`).must(422).refuses(wire.CodeNoDecay)
	g := read[wire.Grant](c.post("/v1/acquire", `{"limits":[{"name":"db"},{"name":"gone"}],"missing":"skip"}`).must(200))
	if d := cmp.Diff([]string{"gone"}, g.Skipped); d != "" {
		t.Error(d)
	}
}

func TestAcquireCreatesMissing(t *testing.T) {
	c := newCaller(t)
	g := read[wire.Grant](c.post("/v1/acquire", `{"limits":[{"name":"new"}],"missing":"create"}`).must(200))
	if len(g.Limits) != 1 || g.Limits[0].Counted {
		t.Errorf("%+v", g)
	}
	if l := read[wire.Limit](c.get("/v1/limits/new").must(200)); !l.Implicit || l.Active {
		t.Errorf("%+v", l)
	}
}

func TestIdempotencyKeyNamesAnAcquire(t *testing.T) {
	c := newCaller(t)
	c.post("/v1/limits", `{"name":"db","slots":3}`).must(201)
	g := read[wire.Grant](c.post("/v1/acquire", `{"limits":[{"name":"db"}]}`, "Idempotency-Key: k1").must(200))
	if g.ID != "k1" {
		t.Errorf("id %q", g.ID)
	}
	p := c.post("/v1/acquire", `{"id":"k2","limits":[{"name":"db"}]}`, "Idempotency-Key: k1").must(400).refuses(wire.CodeInvalidRequest)
	if len(p.Errors) != 1 || p.Errors[0].Field != "Idempotency-Key" {
		t.Errorf("%+v", p)
	}
}

func TestBatch(t *testing.T) {
	c := newCaller(t)
	c.post("/v1/limits", `{"name":"db","slots":1}`).must(201)
	c.post("/v1/limits", `{"name":"api","slots":9}`).must(201)
	body := `{"operations":[
		{"acquire":{"id":"a","limits":[{"name":"db"}]}},
		{"acquire":{"limits":[{"name":"db"}]},"key":"b"},
		{"acquire":{"id":"w","limits":[{"name":"db"}],"wait":"30s"}},
		{"release":{"id":"a"}},
		{"acquire":{"id":"c","limits":[{"name":"api"}]}},
		{"renew":{"ids":["w"]}},
		{"cancel":{"id":"c"}}]}`
	b := read[wire.Batch](c.post("/v1/batch", body).must(200))
	var statuses []int
	for _, r := range b.Results {
		statuses = append(statuses, r.Status)
	}
	if d := cmp.Diff([]int{200, 429, 202, 200, 200, 200, 200}, statuses); d != "" {
		t.Error(d)
	}
	s := read[wire.AcquireStatus](c.get("/v1/acquires/w").must(200))
	if s.State != wire.StateGranted {
		t.Errorf("the release came before the wait: %+v", s)
	}
	b = read[wire.Batch](c.post("/v1/batch", `{"unordered":true,"operations":[{"acquire":{"limits":[{"name":"api"}]}},{"acquire":{"limits":[{"name":"nix"}]}}]}`).must(200))
	if b.Results[0].Status != 200 || b.Results[1].Status != 404 {
		t.Errorf("%+v", b)
	}
}

// A batch under a key, and an acquire under the key of its operation, have one
// effect, as the acquire alone has.
func TestBatchAgain(t *testing.T) {
	c := newCaller(t)
	c.post("/v1/limits", `{"name":"db","slots":9}`).must(201)
	tokens := func(body string, headers ...string) (all []uint64) {
		t.Helper()
		b := read[wire.Batch](c.post("/v1/batch", body, headers...).must(200))
		for _, r := range b.Results {
			var g wire.Grant
			if err := json.Unmarshal(r.Body, &g); err != nil || g.ID == "" {
				t.Fatalf("%s: %v", r.Body, err)
			}
			all = append(all, g.Token)
		}
		return all
	}
	two := `{"operations":[{"acquire":{"limits":[{"name":"db"}]}},{"acquire":{"limits":[{"name":"db"}]}}]}`
	for range 2 {
		if d := cmp.Diff([]uint64{1, 2}, tokens(two, "Idempotency-Key: k")); d != "" {
			t.Error(d)
		}
	}
	for range 2 {
		if d := cmp.Diff([]uint64{3}, tokens(`{"operations":[{"acquire":{"limits":[{"name":"db"}]},"key":"one"}]}`)); d != "" {
			t.Error(d)
		}
	}
	if d := cmp.Diff([]uint64{4, 5}, tokens(two, "Idempotency-Key: k2")); d != "" {
		t.Error(d)
	}
	p := c.post("/v1/batch", `{"operations":[{"acquire":{"id":"a","limits":[{"name":"db"}]},"key":"b"}]}`).must(400).refuses(wire.CodeInvalidRequest)
	if p.Errors[0].Field != "operations[0].key" {
		t.Errorf("%+v", p)
	}
}

// A refusal names the entries, in a batch and in an explanation as well.
func TestRefusalsPointAtTheEntry(t *testing.T) {
	c := newCaller(t)
	c.post("/v1/limits", `{"name":"db","slots":1}`).must(201)
	limits := `{"limits":[{"name":"db"},{"name":"nix"},{"name":"no"}]}`
	want := []wire.FieldError{
		{Field: "limits[1].name", Detail: `no limit named "nix"`}, {Field: "limits[2].name", Detail: `no limit named "no"`},
	}
	alone := c.post("/v1/acquire", limits).must(404).refuses(wire.CodeLimitNotFound)
	var batched wire.Problem
	b := read[wire.Batch](c.post("/v1/batch", `{"operations":[{"acquire":`+limits+`}]}`).must(200))
	if err := json.Unmarshal(b.Results[0].Body, &batched); err != nil {
		t.Fatal(err)
	}
	x := read[wire.Explanation](c.post("/v1/explain", limits).must(200))
	for _, p := range []wire.Problem{alone, batched, *x.Problem} {
		if d := cmp.Diff(want, p.Errors); d != "" {
			t.Error(d)
		}
	}
}

func TestMethodsOfAnAcquire(t *testing.T) {
	c := newCaller(t)
	a := c.get("/v1/acquire").must(405)
	a.refuses(wire.CodeMethodNotAllowed)
	if a.header.Get("Allow") != http.MethodPost {
		t.Errorf("Allow: %s", a.header.Get("Allow"))
	}
}
