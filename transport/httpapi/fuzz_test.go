package httpapi_test

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/limitd/limitd/transport/httpapi"
	"github.com/limitd/limitd/transport/wire"
)

// Whatever is sent to whatever route: it is answered, by JSON where a body is
// JSON, and never met as a bug.
func FuzzRequests(f *testing.F) {
	for _, route := range httpapi.RouteNames() {
		method, pattern, _ := strings.Cut(route, " ")
		path := strings.NewReplacer("{name}", "db%20x", "{id}", "job-1", "{token}", "7").Replace(pattern)
		f.Add(method, path, "consistency=stale", `{}`)
		f.Add(method, path, "page_size=1&page_token=AQ", `{"id":"job-1","limits":[{"name":"db x"}],"wait":"1s","hold":"0s"}`)
	}
	f.Add("POST", "/v1/batch", "", `{"operations":[{"acquire":{"limits":[{"name":"x"}],"missing":"skip"}},{"release":{"token":1}},{"renew":{"tokens":[1]}},{"cancel":{"id":"a"}}]}`)
	f.Add("PUT", "/v1/limits/db", "", `{"slots":1,"rate":"10/m","slot_decay_per_second":0.16666666666666666,"labels":{"a":"b"}}`)
	f.Add("PATCH", "/v1/limits/db", "", `{"labels":{"a":null},"rate":null,"slot_decay_per_second":1e-5}`)
	f.Add("PATCH", "/v1/cluster/settings", "", `{"remember":"1m","max_waiters":null}`)
	f.Add("GET", "/v1/limits", "label=a=b&label=c=d&prefix=%ff", "")
	f.Add("GET", "/%2e%2e/v1/limits/%zz", "%", "")
	f.Fuzz(func(t *testing.T, method, path, query, body string) {
		w := newWorld(t)
		r := httptest.NewRequest("GET", "/", strings.NewReader(body))
		r.Method = method
		r.URL.RawQuery = query
		if u, err := r.URL.Parse(path); err == nil {
			r.URL.Path, r.URL.RawPath = u.Path, u.RawPath
		}
		r.Header.Set("Content-Type", wire.TypeJSON)
		rec := httptest.NewRecorder()
		w.api.ServeHTTP(rec, r)
		if rec.Code >= 500 {
			t.Fatalf("%s %s?%s %q: %d %s", method, path, query, body, rec.Code, rec.Body)
		}
		if strings.HasSuffix(rec.Header().Get("Content-Type"), "json") && !json.Valid(rec.Body.Bytes()) {
			t.Errorf("%s %s answers what is no JSON: %s", method, path, rec.Body)
		}
	})
}
