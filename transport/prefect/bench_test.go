package prefect_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/limitd/limitd/transport/prefect"
)

// BenchmarkPair measures what an increment and a decrement with a lease cost
// beside the network and the log.
func BenchmarkPair(b *testing.B) {
	w := newWorld(b, 0)
	w.post("/", `{"name":"db","limit":5}`).must(201)
	serve := func(path, body string) string {
		r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, prefect.Base+limitsPath+path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		rec := httptest.NewRecorder()
		w.api.ServeHTTP(rec, r)
		return rec.Body.String()
	}
	b.ReportAllocs()
	for b.Loop() {
		_, rest, _ := strings.Cut(serve("/increment-with-lease", ask), `"lease_id":"`)
		lease, _, found := strings.Cut(rest, `"`)
		if !found {
			b.Fatal("no lease")
		}
		serve("/decrement-with-lease", `{"lease_id":"`+lease+`"}`)
		w.Ops = nil
	}
}
