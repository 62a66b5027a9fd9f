package httpapi_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/limitd/limitd/transport/wire"
)

func TestLimitLifeCycle(t *testing.T) {
	c := newCaller(t)
	a := c.post("/v1/limits", `{"name":"db one?","slots":5,"rate":"10/m","labels":{"team":"data","env":"prod"},"description":"the \"main\" one","grace":"1m30s"}`).must(201)
	if got := a.header.Get("Location"); got != "/v1/limits/db%20one%3F" {
		t.Errorf("Location %q", got)
	}
	l := read[wire.Limit](a)
	want := wire.Limit{
		ID: l.ID, Name: "db one?", Slots: 5, Active: true, Rate: "10/m", Decay: "0.16666666666666666", Enforcement: "enforce",
		Grace: wire.Duration(90 * time.Second), Description: `the "main" one`, Labels: map[string]string{"team": "data", "env": "prod"},
		Revision: l.Revision, CreatedAt: l.CreatedAt, UpdatedAt: l.UpdatedAt, Status: wire.LimitStatus{Available: 5},
	}
	if d := cmp.Diff(want, l); d != "" || l.ID == "" || l.Revision == 0 {
		t.Error(d)
	}
	got := c.get(a.header.Get("Location")).must(200)
	if got.header.Get("ETag") != fmt.Sprintf(`"%d"`, l.Revision) || got.header.Get("ETag") != a.header.Get("ETag") {
		t.Errorf("ETag %q", got.header.Get("ETag"))
	}
	c.post("/v1/limits", `{"name":"db one?","slots":5}`).must(409).refuses(wire.CodeLimitExists)

	// What was read can be sent back: nothing changes but the revision.
	l2 := read[wire.Limit](c.do("PUT", "/v1/limits/db%20one%3F", string(got.body)).must(200))
	want.Revision, want.UpdatedAt = l2.Revision, l2.UpdatedAt
	if d := cmp.Diff(want, l2); d != "" {
		t.Error(d)
	}
	if l2.Revision == l.Revision {
		t.Error("the revision stayed")
	}
	c.do("DELETE", "/v1/limits/db%20one%3F", "").must(204)
	c.get("/v1/limits/db%20one%3F").must(404).refuses(wire.CodeLimitNotFound)
	c.do("DELETE", "/v1/limits/db%20one%3F", "").must(404).refuses(wire.CodeLimitNotFound)
}

func TestPut(t *testing.T) {
	c := newCaller(t)
	c.do("PUT", "/v1/limits/db", `{"slots":5,"active":false,"enforcement":"shadow","description":"x"}`).must(201)
	l := read[wire.Limit](c.do("PUT", "/v1/limits/db", `{"name":"db","slots":6}`).must(200))
	if l.Slots != 6 || !l.Active || l.Enforcement != "enforce" || l.Description != "" {
		t.Errorf("what was left out is not at its default: %+v", l)
	}
	p := c.do("PUT", "/v1/limits/db", `{"name":"other","slots":6}`).must(400).refuses(wire.CodeInvalidRequest)
	if p.Errors[0].Field != "name" {
		t.Errorf("%+v", p)
	}
	c.do("PUT", "/v1/limits/db", `{}`).must(400)
	c.do("PUT", "/v1/limits/a%2Fb", `{"slots":1}`).must(400)
}

func TestPatch(t *testing.T) {
	c := newCaller(t)
	c.post("/v1/limits", `{"name":"db","slots":5,"rate":"1/s","active":false,"grace":"5s","labels":{"a":"1","b":"2"},"description":"d","enforcement":"shadow"}`).must(201)
	patch := func(body string) wire.Limit {
		t.Helper()
		return read[wire.Limit](c.do("PATCH", "/v1/limits/db", body, "Content-Type: application/merge-patch+json").must(200))
	}
	if l := patch(`{"slots":7,"labels":{"a":null,"c":"3"}}`); l.Slots != 7 || l.Rate != "1/s" || cmp.Diff(map[string]string{"b": "2", "c": "3"}, l.Labels) != "" {
		t.Errorf("%+v", l)
	}
	l := patch(`{"active":null,"rate":null,"grace":null,"labels":null,"description":null,"enforcement":null,"numbered":null}`)
	if !l.Active || l.Rate != "0/s" || l.Decay != "0" || l.Grace != 0 || len(l.Labels) != 0 || l.Description != "" || l.Enforcement != "enforce" {
		t.Errorf("%+v", l)
	}
	if l := patch(`{"slot_decay_per_second":1e-05,"id":"ignored","status":{"occupied":[1,{"x":null}]},"revision":null}`); l.Rate != "0.00001/s" || l.Decay != "0.00001" {
		t.Errorf("%+v", l)
	}
	c.do("PATCH", "/v1/limits/db", `{"name":"db2"}`).must(200)
	c.get("/v1/limits/db").must(404)
	c.get("/v1/limits/db2").must(200)
	for _, body := range []string{`{"slots":null}`, `{"name":null}`, `{"labels":{"a":1}}`, `[]`, `{"slots":1.5}`, `{"nmae":"x"}`} {
		c.do("PATCH", "/v1/limits/db2", body).must(400).refuses(wire.CodeInvalidRequest)
	}
	c.do("PATCH", "/v1/limits/none", `{}`).must(404).refuses(wire.CodeLimitNotFound)
}

// What only the limit and the request together tell is told of a field, too.
func TestNumberedLimitsClash(t *testing.T) {
	c := newCaller(t)
	c.post("/v1/limits", `{"name":"gpu","slots":2,"numbered":true}`).must(201)
	c.post("/v1/acquire", `{"id":"a","limits":[{"name":"gpu"}]}`).must(200)
	for body, field := range map[string]string{
		`{"rate":"1/s"}`: "numbered", `{"slot_decay_per_second":1}`: "numbered", `{"numbered":false}`: "numbered", `{"slots":70000}`: "slots",
	} {
		p := c.do("PATCH", "/v1/limits/gpu", body).must(400).refuses(wire.CodeInvalidRequest)
		if len(p.Errors) != 1 || p.Errors[0].Field != field || p.Errors[0].Detail != p.Detail {
			t.Errorf("%s: %+v", body, p)
		}
	}
	p := c.do("PUT", "/v1/limits/gpu", `{"slots":2}`).must(400).refuses(wire.CodeInvalidRequest)
	if len(p.Errors) != 1 || p.Errors[0].Field != "numbered" {
		t.Errorf("%+v", p)
	}
}

func TestRates(t *testing.T) {
	c := newCaller(t)
	for body, want := range map[string][2]string{
		`"rate":"10/m"`:                                             {"10/m", "0.16666666666666666"},
		`"slot_decay_per_second":0.1`:                               {"0.1/s", "0.1"},
		`"slot_decay_per_second":2.50`:                              {"2.50/s", "2.5"},
		`"slot_decay_per_second":1E3`:                               {"1000/s", "1000"},
		`"rate":"6/m","slot_decay_per_second":0.1`:                  {"6/m", "0.1"},
		`"rate":"10/m","slot_decay_per_second":0.16666666666666666`: {"10/m", "0.16666666666666666"},
		`"rate":"1/d"`:                                              {"1/d", "0.000011574074074074073"},
		`"slot_decay_per_second":0.100000001`:                       {"0.100000001/s", "0.100000001"},
		`"slot_decay_per_second":0,"rate":"0/s"`:                    {"0/s", "0"},
	} {
		l := read[wire.Limit](c.do("PUT", "/v1/limits/x", `{"slots":1,`+body+`}`))
		if l.Rate != want[0] || l.Decay != json.Number(want[1]) {
			t.Errorf("%s: rate %q, decay %s; want %q", body, l.Rate, l.Decay, want)
		}
	}
	for _, body := range []string{
		`"rate":"10/m","slot_decay_per_second":0.1666`, `"rate":"10"`, `"rate":"-1/s"`, `"rate":10`, `"rate":"1/week"`,
		`"slot_decay_per_second":-1`, `"slot_decay_per_second":"1"`, `"slot_decay_per_second":1e300`, `"slot_decay_per_second":1e99999999999`,
		`"rate":"1e3/s"`, `"slot_decay_per_second":0.0000000001`, `"slot_decay_per_second":0.100000000000000000001`,
	} {
		c.do("PUT", "/v1/limits/x", `{"slots":1,`+body+`}`).must(400).refuses(wire.CodeInvalidRequest)
	}
}

func TestConditions(t *testing.T) {
	c := newCaller(t)
	tag := c.do("PUT", "/v1/limits/db", `{"slots":1}`, "If-None-Match: *").must(201).header.Get("ETag")
	p := c.do("PUT", "/v1/limits/db", `{"slots":1}`, "If-None-Match: *").must(412).refuses(wire.CodeRevisionMismatch)
	if !strings.HasPrefix(p.Detail, `limit "db" exists`) || !strings.Contains(p.Hint, "If-None-Match") {
		t.Errorf("%+v", p)
	}
	c.do("PUT", "/v1/limits/db", `{"slots":1}`, "If-None-Match: "+tag).must(400)
	c.get("/v1/limits/db", "If-None-Match: W/"+tag).must(304)
	c.get("/v1/limits/db", `If-None-Match: "1"`).must(200)
	newer := c.do("PUT", "/v1/limits/db", `{"slots":2}`, "If-Match: "+tag).must(200).header.Get("ETag")
	if newer == tag {
		t.Error("the ETag stayed")
	}
	for _, method := range []string{"PUT", "PATCH", "DELETE"} {
		body := `{"slots":3}`
		if method == "DELETE" {
			body = ""
		}
		for _, wrong := range []string{tag, "W/" + newer, `"x"`, `"1", "2"`, `"0` + strings.Trim(newer, `"`) + `"`} {
			c.do(method, "/v1/limits/db", body, "If-Match: "+wrong).must(412).refuses(wire.CodeRevisionMismatch)
		}
	}
	c.do("PATCH", "/v1/limits/db", `{"slots":4}`, `If-Match: "1", `+newer).must(200)
	c.do("PATCH", "/v1/limits/db", `{"slots":4}`, "If-Match: *").must(200)
	c.do("PUT", "/v1/limits/none", `{"slots":4}`, "If-Match: *").must(412).refuses(wire.CodeRevisionMismatch)
	c.do("PUT", "/v1/limits/none", `{"slots":4}`, `If-Match: "5"`).must(412).refuses(wire.CodeRevisionMismatch)
	c.do("PATCH", "/v1/limits/db", `{"slots":5}`, "If-None-Match: *").must(400).refuses(wire.CodeInvalidRequest)
	c.do("DELETE", "/v1/limits/db", "", "If-None-Match: *").must(400).refuses(wire.CodeInvalidRequest)
	c.do("DELETE", "/v1/limits/db", "", "If-Match: *").must(204)
}

func TestIdempotencyKey(t *testing.T) {
	c := newCaller(t)
	first := c.post("/v1/limits", `{"name":"db","slots":1}`, "Idempotency-Key: k").must(201)
	again := c.post("/v1/limits", `{"name":"db","slots":1}`, "Idempotency-Key: k").must(201)
	if read[wire.Limit](first).ID != read[wire.Limit](again).ID {
		t.Error("made twice")
	}
	c.post("/v1/limits", `{"name":"db","slots":2}`, "Idempotency-Key: k").must(409).refuses(wire.CodeIDReused)
	c.post("/v1/limits", `{"name":"db2","slots":2}`, "Idempotency-Key: k!").must(400)
	c.post("/v1/limits", `{"name":"db2","slots":2}`, "Idempotency-Key: ").must(400)
	c.do("DELETE", "/v1/limits/db", "", "Idempotency-Key: k").must(204)
	c.do("DELETE", "/v1/limits/db", "", "Idempotency-Key: k").must(204)
	c.do("PUT", "/v1/limits/db", `{"slots":1}`, "Idempotency-Key: k", "If-Match: *").must(400)
}

func TestListLimits(t *testing.T) {
	c := newCaller(t)
	for i := range 25 {
		c.post("/v1/limits", fmt.Sprintf(`{"name":"db-%02d","slots":1,"labels":{"parity":"%d"}}`, i, i%2)).must(201)
	}
	c.post("/v1/limits", `{"name":"api","slots":1}`).must(201)
	var names []string
	for token := ""; ; {
		page := read[wire.Limits](c.get("/v1/limits?prefix=db-&label=parity=1&page_size=5&page_token=" + token).must(200))
		for _, l := range page.Limits {
			names = append(names, l.Name)
		}
		if token = page.NextPageToken; token == "" {
			break
		}
	}
	if len(names) != 12 || names[0] != "db-01" || names[11] != "db-23" {
		t.Errorf("%v", names)
	}
	token := read[wire.Limits](c.get("/v1/limits?page_size=1").must(200)).NextPageToken
	for _, query := range []string{
		"page_token=" + token + "&prefix=db", "page_token=x!", "page_token=AQ", "page_size=0", "page_size=1001", "page_size=x",
		"nope=1", "prefix=a&prefix=b", "label=x", "consistency=maybe", "%zz",
	} {
		c.get("/v1/limits?" + query).must(400).refuses(wire.CodeInvalidRequest)
	}
	if l := read[wire.Limits](c.get("/v1/limits?prefix=none").must(200)); l.Limits == nil {
		t.Error("no limits is null")
	}
	a := c.get("/v1/limits?consistency=stale").must(200)
	if a.header.Get(wire.HeaderAge) != "0.25s" {
		t.Errorf("Limitd-Age %q", a.header.Get(wire.HeaderAge))
	}
}

func TestResetHoldersExplain(t *testing.T) {
	c := newCaller(t)
	c.post("/v1/limits", `{"name":"gpu","slots":4,"numbered":true}`).must(201)
	for i := range 3 {
		c.post("/v1/acquire", fmt.Sprintf(`{"id":"j%d","limits":[{"name":"gpu"}],"owner":{"name":"w%d"}}`, i, i)).must(200)
	}
	page := read[wire.Holders](c.get("/v1/limits/gpu/holders?page_size=2").must(200))
	if len(page.Holders) != 2 || page.NextPageToken == "" || page.Holders[1].Owner.Name != "w1" || page.Holders[1].Ordinals[0] != 1 {
		t.Errorf("%+v", page)
	}
	page = read[wire.Holders](c.get("/v1/limits/gpu/holders?page_size=2&page_token=" + page.NextPageToken).must(200))
	if len(page.Holders) != 1 || page.NextPageToken != "" || page.Holders[0].Kind != wire.HolderLease {
		t.Errorf("%+v", page)
	}
	x := read[wire.Explanation](c.post("/v1/explain", `{"limits":[{"name":"gpu","slots":2}]}`).must(200))
	if x.WouldGrant || len(x.Limits) != 1 || x.Limits[0].Needed != 2 || len(x.Limits[0].Holders) != 3 {
		t.Errorf("%+v", x)
	}
	x = read[wire.Explanation](c.post("/v1/explain?consistency=stale", `{"limits":[{"name":"gpu","slots":9}]}`).must(200))
	if x.WouldGrant || x.Problem == nil || x.Problem.Code != wire.CodeNeverFits || x.Limits[0].FreeIn != nil {
		t.Errorf("%+v", x)
	}
	c.post("/v1/limits", `{"name":"api","slots":2,"rate":"1/s"}`).must(201)
	x = read[wire.Explanation](c.post("/v1/explain", `{"limits":[{"name":"api","slots":3}]}`).must(200))
	if x.WouldGrant || x.Problem == nil || x.Limits[0].FreeIn != nil || x.EstimatedWait != nil {
		t.Errorf("%+v", x)
	}
	c.post("/v1/explain", `{"mode":"rate_limit"}`).must(400)
	if f := read[wire.Freed](c.post("/v1/limits/gpu/reset", "").must(200)); f.Freed != 3 {
		t.Errorf("%+v", f)
	}
	c.post("/v1/limits/gpu/reset", `{}`).must(200)
	c.post("/v1/limits/gpu/reset", `{"x":1}`).must(400)
	for _, what := range []string{"holders", "queue"} {
		c.get("/v1/limits/none/" + what).must(404).refuses(wire.CodeLimitNotFound)
	}
	c.post("/v1/limits/none/reset", "").must(404).refuses(wire.CodeLimitNotFound)
}

func TestLeases(t *testing.T) {
	c := newCaller(t)
	c.post("/v1/limits", `{"name":"db","slots":9}`).must(201)
	c.post("/v1/limits", `{"name":"api","slots":9}`).must(201)
	for i, name := range []string{"db", "api", "db"} {
		c.post("/v1/acquire", fmt.Sprintf(`{"id":"j%d","limits":[{"name":%q}],"owner":{"name":"w%d"}}`, i, name, i%2)).must(200)
		c.w.Advance(10 * time.Second)
	}
	count := func(query string, want int) {
		t.Helper()
		if l := read[wire.Leases](c.get("/v1/leases" + query).must(200)); len(l.Leases) != want {
			t.Errorf("%s: %+v", query, l)
		}
	}
	count("", 3)
	count("?limit=db", 2)
	count("?owner=w1", 1)
	count("?older_than=15s", 2)
	count("?limit=db&owner=w0&older_than=1s&page_size=1", 1)
	page := read[wire.Leases](c.get("/v1/leases?page_size=2").must(200))
	count("?page_size=2&page_token="+page.NextPageToken, 1)
	for _, query := range []string{"?older_than=x", "?older_than=-1s", "?limit=a%2Fb"} {
		c.get("/v1/leases" + query).must(400).refuses(wire.CodeInvalidRequest)
	}
	l := read[wire.Lease](c.get("/v1/leases/2").must(200))
	if l.ID != "j1" || l.Held != wire.Duration(20*time.Second) || l.ExpiresIn != wire.Duration(40*time.Second) || l.Limits[0].Name != "api" {
		t.Errorf("%+v", l)
	}
	c.do("DELETE", "/v1/leases/2", "").must(204)
	c.do("DELETE", "/v1/leases/77", "").must(404).refuses(wire.CodeLeaseNotFound)
	c.get("/v1/leases/2").must(404).refuses(wire.CodeLeaseNotFound)
	if r := read[wire.Released](c.post("/v1/release", `{"token":2}`).must(200)); r.Released || r.Reason != wire.ReasonForced {
		t.Errorf("%+v", r)
	}
	for _, token := range []string{"0", "x", "01", "-1", "99999999999999999999"} {
		c.get("/v1/leases/" + token).must(400).refuses(wire.CodeInvalidRequest)
	}
}
