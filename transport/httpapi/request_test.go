package httpapi_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/limitd/limitd/transport/wire"
)

// All that is wrong with a request is told at once, by path.
func TestEveryFaultIsNamed(t *testing.T) {
	c := newCaller(t)
	body := `{"id":"-x","limits":[{"name":"a/b","slots":0},{"name":"db","slot":1},{"name":"db"},{}],"mode":"fast","wait":"25h",
		"hold":5,"linger":"90s","ttl":"10ms","owner":{"pid":1.5,"user":"x"},"missing":"ignore","waits":"1s"}`
	p := c.post("/v1/acquire", body).must(400).refuses(wire.CodeInvalidRequest)
	var got []string
	for _, e := range p.Errors {
		got = append(got, e.Field+": "+e.Detail)
	}
	want := []string{
		"id: must consist of A-Z a-z 0-9 _ . : - and begin with a letter or a digit",
		"limits[0].name: must not contain any of / % & > <",
		"limits[0].slots: must be 1 to 9007199254740991",
		"limits[1].slot: unknown field; known are name, slots, mode",
		`limits[2].name: the limit "db" is named twice; ask for the sum of the slots`,
		"limits[3].name: is required",
		"mode: must be one of concurrency, rate_limit",
		"wait: must be 0s to 86400s",
		`hold: must be a duration such as "1m30s"`,
		"linger: must be 1s to 60s",
		"ttl: must be 1s to 86400s",
		"owner.pid: must be a whole number",
		"owner.user: unknown field; known are name, host, pid, meta",
		"missing: must be one of error, skip, create",
		"waits: unknown field; known are id, limits, mode, wait, hold, linger, ttl, owner, missing",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if p.Detail != got[0]+" (and 14 more, see errors)" {
		t.Errorf("detail %q", p.Detail)
	}
	if len(c.w.Ops) != 0 {
		t.Errorf("something ran: %v", c.w.Ops)
	}
}

func TestBodiesThatAreRefused(t *testing.T) {
	c := newCaller(t)
	many := strings.Repeat(`{"name":"x"},`, 64) + `{"name":"x"}`
	for _, tt := range []struct{ path, body, field string }{
		{"/v1/acquire", `[]`, "(body)"},
		{"/v1/acquire", `{}`, "limits"},
		{"/v1/acquire", `{"limits":[]}`, "limits"},
		{"/v1/acquire", `{"limits":[` + many + `]}`, "limits[1].name"},
		{"/v1/acquire", `{"limits":[{"name":"db"}]} x`, "(body)"},
		{"/v1/acquire", `{"limits":[{"name":"db"}],"limits":[{"name":"db"}]}`, "limits"},
		{"/v1/acquire", `{"limits":[{"name":"db","slots":9007199254740992}]}`, "limits[0].slots"},
		{"/v1/acquire", `{"limits":[{"name":"db","slots":1e3}]}`, "limits[0].slots"},
		{"/v1/acquire", `{"limits":[{"name":"db"}],"wait":null}`, "wait"},
		{"/v1/acquire", `{"limits":[{"name":"db"}],"owner":{"name":"` + strings.Repeat("x", 4097) + `"}}`, "owner"},
		{"/v1/acquire", `{"limits":[{"name":"` + strings.Repeat("x", 256) + `"}]}`, "limits[0].name"},
		{"/v1/acquire", `{"limits":[{"name":"\ud800"}]}`, "limits[0].name"},
		{"/v1/acquire", "{\"limits\":[{\"name\":\"\xff\"}]}", "limits[0].name"},
		{"/v1/acquire", `{"limits":[{"name":"db"`, "limits[0].name"},
		{"/v1/acquire", strings.Repeat("[", 100), "(body)"},
		{"/v1/acquire", `{"x":` + strings.Repeat("[", 100), "x"},
		{"/v1/release", `{}`, "token"},
		{"/v1/release", `{"token":1,"id":"a"}`, "token"},
		{"/v1/release", `{"token":0}`, "token"},
		{"/v1/release", `{"token":"1"}`, "token"},
		{"/v1/renew", `{"tokens":[]}`, "tokens"},
		{"/v1/renew", `{"tokens":[` + strings.Repeat("1,", 10000) + `1]}`, "tokens"},
		{"/v1/renew", `{"ids":["` + strings.Repeat(`a234567890123456789012345678901234567890123456789012345678901234","`, 3200) + `b"]}`, "ids"},
		{"/v1/renew", `{"tokens":[1,2,"x"]}`, "tokens[2]"},
		{"/v1/cancel", `{}`, "id"},
		{"/v1/batch", `{"operations":[]}`, "operations"},
		{"/v1/batch", `{"operations":[{}]}`, "operations[0]"},
		{"/v1/batch", `{"operations":[{"release":{"token":1}},{"acquire":{"limits":[{"name":""}]}}]}`, "operations[1].acquire.limits[0].name"},
		{"/v1/batch", `{"operations":[{"release":{"token":1},"cancel":{"id":"a"}}]}`, "operations[0]"},
		{"/v1/cluster/transfer", `{"to":1}`, "to"},
		{"/v1/cluster/transfer", `{"to":""}`, "to"},
		{"/v1/limits", `{"slots":1}`, "name"},
		{"/v1/limits", `{"name":"x","slots":-1}`, "slots"},
		{"/v1/limits", `{"name":"x","slots":5000,"numbered":true}`, "slots"},
		{"/v1/limits", `{"name":"x","slots":5,"numbered":true,"rate":"1/s"}`, "numbered"},
		{"/v1/limits", `{"name":"x","slots":5,"labels":{"":"x"}}`, "labels."},
		{"/v1/limits", `{"name":"x","slots":5,"description":"` + strings.Repeat("x", 5000) + `"}`, "description"},
	} {
		p := c.post(tt.path, tt.body).must(400).refuses(wire.CodeInvalidRequest)
		if p.Errors[0].Field != tt.field {
			t.Errorf("%s %.80s: the fault is at %q: %s; want %q", tt.path, tt.body, p.Errors[0].Field, p.Errors[0].Detail, tt.field)
		}
	}
}

func TestMediaTypes(t *testing.T) {
	c := newCaller(t)
	for typ, status := range map[string]int{
		"application/json; charset=utf-8": 200, "application/json": 200, "": 415, "text/plain": 415,
		"application/json; charset=latin1": 415, "application/merge-patch+json": 415, ";;": 415,
	} {
		r := httptest.NewRequest("PUT", "/v1/limits/db", strings.NewReader(`{"slots":1}`))
		r.Header.Set("Content-Type", typ)
		rec := httptest.NewRecorder()
		c.w.api.ServeHTTP(rec, r)
		if rec.Code != status && rec.Code != status+1 {
			t.Errorf("%q: %d, want %d", typ, rec.Code, status)
		}
	}
	c.post("/v1/acquire", `{}`, "Content-Encoding: gzip").must(415).refuses(wire.CodeUnsupportedMediaType)
}

func TestBodySize(t *testing.T) {
	c := newCaller(t)
	body := `{"id":"a","limits":[{"name":"db"}]` + strings.Repeat(" ", wire.MaxBody) + "}"
	c.post("/v1/acquire", body).must(413).refuses(wire.CodeBodyTooLarge)
	r := httptest.NewRequest("POST", "/v1/acquire", struct{ *strings.Reader }{strings.NewReader(body)})
	r.ContentLength = -1
	r.Header.Set("Content-Type", wire.TypeJSON)
	rec := httptest.NewRecorder()
	c.w.api.ServeHTTP(rec, r)
	if rec.Code != 413 {
		t.Errorf("%d without a length", rec.Code)
	}
}

func TestHeadersThatAreRefused(t *testing.T) {
	c := newCaller(t)
	for _, header := range []string{"Limitd-Timeout: soon", "Limitd-Timeout: 0s", "Limitd-Timeout: 2h", "Idempotency-Key: a b"} {
		p := c.get("/v1/limits", header).must(400).refuses(wire.CodeInvalidRequest)
		name, _, _ := strings.Cut(header, ":")
		if p.Errors[0].Field != name {
			t.Errorf("%s: %+v", header, p)
		}
	}
}

func TestRoutesThatAreNone(t *testing.T) {
	c := newCaller(t)
	for path, hint := range map[string]string{
		"/v1/aquire": "/v1/acquire", "/": "/livez", "/v1/limits/": "/v1/limits", "/v1/limits/db/holder": "/v1/limits/{name}/holders",
		"/v1//limits": "/v1/limits", "/acquire": "/v1/acquire", "/" + strings.Repeat("x/", 500): "/",
	} {
		p := c.get(path).must(404).refuses(wire.CodeRouteNotFound)
		if !strings.Contains(p.Hint, hint) {
			t.Errorf("%s: %s", path, p.Hint)
		}
	}
	a := c.do("OPTIONS", "/v1/limits/db", "").must(405)
	if got := a.header.Get("Allow"); got != "DELETE, GET, HEAD, PATCH, PUT" {
		t.Errorf("Allow: %s", got)
	}
}

func TestHeadWhereverGet(t *testing.T) {
	c := newCaller(t)
	c.post("/v1/limits", `{"name":"db","slots":1}`).must(201)
	for _, path := range []string{"/v1/limits", "/v1/limits/db", "/v1/limits/db/queue", "/v1/leases", "/v1/cluster", "/v1/cluster/settings", "/v1/version", "/livez", "/readyz"} {
		get := c.get(path).must(200)
		head := c.do(http.MethodHead, path, "").must(200)
		if a, b := get.header.Get("Content-Length"), head.header.Get("Content-Length"); a != b && path != "/v1/cluster" {
			t.Errorf("%s: Content-Length %s, HEAD says %s", path, a, b)
		}
	}
}

func TestCrossOriginWrites(t *testing.T) {
	c := newCaller(t)
	c.post("/v1/limits", `{"name":"db","slots":1}`, "Sec-Fetch-Site: cross-site", "Origin: http://evil.test").must(403).refuses(wire.CodeCrossOrigin)
	c.post("/v1/limits", `{"name":"db","slots":1}`, "Sec-Fetch-Site: same-origin").must(201)
	c.get("/v1/limits", "Sec-Fetch-Site: cross-site").must(200)
}

func TestNames(t *testing.T) {
	c := newCaller(t)
	for _, name := range []string{"a b", "größe", "日本語", "a?b#c", `a"b\c`, "x;y=z", "+", "~", "...", "\u200d🎉"} {
		path := "/v1/limits/" + escape(name)
		l := read[wire.Limit](c.do("PUT", path, `{"slots":1}`).must(201))
		if l.Name != name {
			t.Errorf("%q became %q", name, l.Name)
		}
		c.get(path).must(200)
		a := c.post("/v1/acquire", fmt.Sprintf(`{"limits":[{"name":%s}]}`, quoteJSON(name))).must(200)
		if g := read[wire.Grant](a); g.Limits[0].Name != name {
			t.Errorf("%q became %q", name, g.Limits[0].Name)
		}
	}
	for _, path := range []string{"/v1/limits/..", "/v1/limits/%2e", "/v1/limits/a%00b", "/v1/limits/%ff", "/v1/limits/a%25b", "/v1/limits/a%2Fb"} {
		c.get(path).must(400).refuses(wire.CodeInvalidRequest)
	}
}

// escape percent-encodes all but letters and digits.
func escape(name string) string {
	var b strings.Builder
	for i := range len(name) {
		fmt.Fprintf(&b, "%%%02X", name[i])
	}
	return b.String()
}

func quoteJSON(s string) string {
	var b bytes.Buffer
	for _, r := range s {
		fmt.Fprintf(&b, `%s`, jsonRune(r))
	}
	return `"` + b.String() + `"`
}

func jsonRune(r rune) string {
	if r < 0x10000 {
		return fmt.Sprintf(`\u%04x`, r)
	}
	r -= 0x10000
	return fmt.Sprintf(`\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
}
