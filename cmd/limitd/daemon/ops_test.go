package daemon

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestOpsListener asks for what operators are served, and that it is served
// nowhere else.
func TestOpsListener(t *testing.T) {
	c := testConfig()
	if node := start(t, c); node.OpsAddress() != "" {
		t.Errorf("by default something is served at %s", node.OpsAddress())
	}
	c.Ops.Address = "127.0.0.1:0"
	node := start(t, c)
	for path, want := range map[string]string{
		"/debug/pprof/":                  "goroutine",
		"/debug/pprof/goroutine?debug=1": "goroutine profile: total",
		"/metrics":                       "limitd_cluster_is_leader 1",
	} {
		response, err := http.Get("http://" + node.OpsAddress() + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		if err != nil || response.Body.Close() != nil || response.StatusCode != 200 || !strings.Contains(string(body), want) {
			t.Errorf("%s: %d %v %.200s", path, response.StatusCode, err, body)
		}
	}
	if status, _ := send(t, node, "GET", "/debug/pprof/", ""); status != 404 {
		t.Errorf("profiles are served to callers of the API: %d", status)
	}
}
