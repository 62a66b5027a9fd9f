package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/limitd/limitd/docs"
	"github.com/limitd/limitd/transport/wire"
)

// contract holds requests and answers against docs/openapi.yaml.
type contract struct{ doc *openapi3.T }

// loadContract returns the one contract of all tests, which only read it.
func loadContract(t testing.TB) *contract {
	t.Helper()
	k, err := readContract()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

var readContract = sync.OnceValues(func() (*contract, error) {
	doc, err := openapi3.NewLoader().LoadFromData(docs.OpenAPI())
	if err != nil {
		return nil, err
	}
	if err := doc.Validate(context.Background(), openapi3.IsOpenAPI31OrLater()); err != nil {
		return nil, err
	}
	// Clients ignore fields that they do not know; the tests do not, so that
	// the description names all that is answered.
	closed := false
	for _, s := range doc.Components.Schemas {
		if len(s.Value.Properties) > 0 {
			s.Value.AdditionalProperties.Has = &closed
		}
	}
	return &contract{doc: doc}, nil
})

// route finds the operation of a request, by the segments of its path.
func (k *contract) route(r *http.Request) (*routers.Route, map[string]string) {
	segments := strings.Split(r.URL.EscapedPath(), "/")
	best, bestParams := "", map[string]string(nil)
	for _, pattern := range k.doc.Paths.InMatchingOrder() {
		params, ok := matchPattern(strings.Split(pattern, "/"), segments)
		if ok && (best == "" || len(params) < len(bestParams)) {
			best, bestParams = pattern, params
		}
	}
	if best == "" {
		return nil, nil
	}
	item := k.doc.Paths.Value(best)
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	op := item.GetOperation(method)
	if op == nil {
		return nil, nil
	}
	return &routers.Route{Spec: k.doc, Path: best, PathItem: item, Method: method, Operation: op}, bestParams
}

func matchPattern(pattern, segments []string) (map[string]string, bool) {
	params := map[string]string{}
	if len(pattern) != len(segments) {
		return nil, false
	}
	for i, p := range pattern {
		if strings.HasPrefix(p, "{") {
			text, err := url.PathUnescape(segments[i])
			if err != nil {
				return nil, false
			}
			params[strings.Trim(p, "{}")] = text
		} else if p != segments[i] {
			return nil, false
		}
	}
	return params, true
}

// check holds one exchange against the description.
func (k *contract) check(t testing.TB, r *http.Request, body []byte, answer *http.Response, answered []byte) {
	t.Helper()
	route, params := k.route(r)
	if route == nil {
		if answer.StatusCode != http.StatusNotFound && answer.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("%s %s is not described, but answers %d", r.Method, r.URL, answer.StatusCode)
		}
		return
	}
	r = r.Clone(context.Background())
	r.Body = io.NopCloser(bytes.NewReader(body))
	in := &openapi3filter.RequestValidationInput{
		Request: r, PathParams: params, Route: route, QueryParams: r.URL.Query(),
		Options: &openapi3filter.Options{SkipSettingDefaults: true, MultiError: true, AuthenticationFunc: openapi3filter.NoopAuthenticationFunc},
	}
	wrong := openapi3filter.ValidateRequest(context.Background(), in)
	refused := answer.StatusCode >= 400 && answer.StatusCode < 500
	if wrong != nil && !refused {
		t.Errorf("%s %s %s answers %d, but is not as described: %v", r.Method, r.URL, body, answer.StatusCode, wrong)
	}
	out := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: answer.StatusCode, Header: answer.Header,
		Body:    io.NopCloser(bytes.NewReader(answered)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true, ExcludeResponseBody: answer.StatusCode == 204},
	}
	if err := openapi3filter.ValidateResponse(context.Background(), out); err != nil {
		t.Errorf("%s %s answers %d %s: not as described: %v", r.Method, r.URL, answer.StatusCode, answered, err)
	}
}

// caller calls an API in process and checks all that is said.
type caller struct {
	t testing.TB
	w *world
	k *contract

	secret string // of the token that it shows; "": none
}

func newCaller(t testing.TB) *caller {
	t.Helper()
	return &caller{t: t, w: newWorld(t), k: loadContract(t)}
}

// answer is what a call got.
type answer struct {
	t      testing.TB
	status int
	header http.Header
	body   []byte
}

// do makes a call; headers are given as "Name: value".
func (c *caller) do(method, target, body string, headers ...string) answer {
	c.t.Helper()
	return c.doContext(context.Background(), method, target, body, headers...)
}

func (c *caller) doContext(ctx context.Context, method, target, body string, headers ...string) answer {
	c.t.Helper()
	return c.exchange(ctx, method, target, body, wire.TypeJSON, headers...)
}

// doBytes makes a call with a body of another type.
func (c *caller) doBytes(method, target, body, contentType string) answer {
	c.t.Helper()
	return c.exchange(context.Background(), method, target, body, contentType)
}

func (c *caller) exchange(ctx context.Context, method, target, body, contentType string, headers ...string) answer {
	c.t.Helper()
	r := httptest.NewRequestWithContext(ctx, method, target, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", contentType)
	}
	if c.secret != "" {
		r.Header.Set("Authorization", "Bearer "+c.secret)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	rec := httptest.NewRecorder()
	c.w.api.ServeHTTP(rec, r)
	res := rec.Result()
	got := answer{t: c.t, status: res.StatusCode, header: res.Header, body: rec.Body.Bytes()}
	c.k.check(c.t, r, []byte(body), res, got.body)
	for _, name := range []string{wire.HeaderRequestID, wire.HeaderIndex, wire.HeaderTime, wire.HeaderNode} {
		if got.header.Get(name) == "" {
			c.t.Errorf("%s %s: the answer lacks %s", method, target, name)
		}
	}
	if got.header.Get("Cache-Control") != "no-store" {
		c.t.Errorf("%s %s: the answer may be stored", method, target)
	}
	return got
}

// post posts JSON.
func (c *caller) post(path, body string, headers ...string) answer {
	c.t.Helper()
	return c.do(http.MethodPost, path, body, headers...)
}

// get gets.
func (c *caller) get(path string, headers ...string) answer {
	c.t.Helper()
	return c.do(http.MethodGet, path, "", headers...)
}

// must fails the test unless the answer has this status.
func (a answer) must(status int) answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("status %d, want %d: %s", a.status, status, a.body)
	}
	return a
}

// refuses fails the test unless the answer is a problem of this code.
func (a answer) refuses(code wire.Code) wire.Problem {
	a.t.Helper()
	p := read[wire.Problem](a)
	if p.Code != code || p.Status != a.status || p.RequestID != a.header.Get(wire.HeaderRequestID) {
		a.t.Fatalf("got %d %s, want code %s", a.status, a.body, code)
	}
	return p
}

// read decodes the answer's body.
func read[T any](a answer) (v T) {
	a.t.Helper()
	if err := json.Unmarshal(a.body, &v); err != nil {
		a.t.Fatalf("%v in %s", err, a.body)
	}
	return v
}
