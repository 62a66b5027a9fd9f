package prefect

import (
	"net/http"
	"net/url"
	"strings"
)

// Base is the path below which the API stands.
const Base = "/api"

// Serves tells whether a path is for this API.
func Serves(path string) bool {
	rest, below := strings.CutPrefix(path, Base)
	return below && (rest == "" || rest[0] == '/')
}

// route is a line of the table of all routes.
type route struct {
	method  string
	pattern string // below Base; at most one {parameter}
	handle  func(*call) error
	needs   need // what its caller must be allowed
	always  bool // answered while the node shuts down, too
	standIn bool // only where there is no upstream server to answer
}

const limitsPath = "/v2/concurrency_limits"

// routes returns the table of all routes. The first that fits counts, so that a
// limit may be called "filter".
func routes() []route {
	return []route{
		{method: http.MethodPost, pattern: limitsPath + "/increment-with-lease", handle: (*call).incrementWithLease, needs: acquires},
		{method: http.MethodPost, pattern: limitsPath + "/leases/{id}/renew", handle: (*call).renew, needs: acquires},
		{method: http.MethodPost, pattern: limitsPath + "/decrement-with-lease", handle: (*call).decrementWithLease, needs: acquires},
		{method: http.MethodPost, pattern: limitsPath + "/increment", handle: (*call).increment, needs: acquires},
		{method: http.MethodPost, pattern: limitsPath + "/decrement", handle: (*call).decrement, needs: acquires},

		{method: http.MethodPost, pattern: limitsPath, handle: (*call).createLimit, needs: manages},
		{method: http.MethodPost, pattern: limitsPath + "/filter", handle: (*call).filterLimits, needs: reads},
		{method: http.MethodGet, pattern: limitsPath + "/{id_or_name}", handle: (*call).getLimit, needs: reads},
		{method: http.MethodPatch, pattern: limitsPath + "/{id_or_name}", handle: (*call).updateLimit, needs: manages},
		{method: http.MethodDelete, pattern: limitsPath + "/{id_or_name}", handle: (*call).deleteLimit, needs: manages},

		{method: http.MethodGet, pattern: "/csrf-token", handle: (*call).csrfToken, needs: reads, always: true},
		{method: http.MethodGet, pattern: "/events/in", handle: (*call).eventStream, needs: greets, standIn: true},
		{method: http.MethodPost, pattern: "/events", handle: (*call).takeEvents, needs: acquires, standIn: true},
		{method: http.MethodPost, pattern: "/logs", handle: (*call).takeLogs, needs: acquires, standIn: true},
		{method: http.MethodGet, pattern: "/admin/version", handle: (*call).serverVersion, needs: reads, always: true, standIn: true},
		{method: http.MethodGet, pattern: "/admin/settings", handle: (*call).serverSettings, needs: reads, always: true, standIn: true},
		{method: http.MethodGet, pattern: "/health", handle: (*call).health, needs: open, always: true},
		{method: http.MethodGet, pattern: "/ready", handle: (*call).ready, needs: open, always: true},
		{method: http.MethodGet, pattern: "/hello", handle: (*call).hello, needs: reads, always: true, standIn: true},
		{method: http.MethodGet, pattern: "/version", handle: (*call).apiVersion, needs: reads, always: true, standIn: true},
	}
}

// find returns the route of a request and the value of its parameter. Where none
// fits, allow is the method of one that has this path. A slash at the end makes
// no difference: Prefect's server would redirect to the one form or the other.
func find(table []route, method string, u *url.URL) (r *route, param, allow string) {
	path, _ := strings.CutPrefix(u.EscapedPath(), Base)
	path = strings.TrimSuffix(path, "/")
	for i := range table {
		value, ok := match(table[i].pattern, path)
		switch {
		case ok && table[i].method == method:
			return &table[i], value, ""
		case ok && allow == "":
			allow = table[i].method
		}
	}
	return nil, "", allow
}

// match compares an escaped path with a pattern.
func match(pattern, path string) (value string, ok bool) {
	before, rest, hasParam := strings.Cut(pattern, "{")
	if !hasParam {
		return "", pattern == path
	}
	_, after, _ := strings.Cut(rest, "}")
	inner, ok := strings.CutPrefix(path, before)
	if !ok {
		return "", false
	}
	if inner, ok = strings.CutSuffix(inner, after); !ok || inner == "" || strings.Contains(inner, "/") {
		return "", false
	}
	value, err := url.PathUnescape(inner)
	return value, err == nil
}
