package httpapi

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// route is a line of the table of all routes.
type route struct {
	method  string
	pattern string // as docs/openapi.yaml writes it; at most one {parameter}
	handle  func(*call) error
	query   []string // the parameters that it knows
	always  bool     // answered while the node shuts down, too
	id      int      // its place in the table
}

// routes returns the table of all routes. HEAD is answered wherever GET is.
func routes() []route {
	page := func(more ...string) []string {
		return append(more, "page_size", "page_token", "consistency")
	}
	read := []string{"consistency"}
	table := []route{
		{method: http.MethodPost, pattern: "/v1/acquire", handle: (*call).acquire},
		{method: http.MethodGet, pattern: "/v1/acquires/{id}", handle: (*call).acquireStatus, query: read},
		{method: http.MethodPost, pattern: "/v1/release", handle: (*call).release},
		{method: http.MethodPost, pattern: "/v1/renew", handle: (*call).renew},
		{method: http.MethodPost, pattern: "/v1/cancel", handle: (*call).cancel},
		{method: http.MethodPost, pattern: "/v1/batch", handle: (*call).batch},

		{method: http.MethodGet, pattern: "/v1/limits", handle: (*call).listLimits, query: page("prefix", "label")},
		{method: http.MethodPost, pattern: "/v1/limits", handle: (*call).createLimit},
		{method: http.MethodGet, pattern: "/v1/limits/{name}", handle: (*call).getLimit, query: read},
		{method: http.MethodPut, pattern: "/v1/limits/{name}", handle: (*call).putLimit},
		{method: http.MethodPatch, pattern: "/v1/limits/{name}", handle: (*call).patchLimit},
		{method: http.MethodDelete, pattern: "/v1/limits/{name}", handle: (*call).deleteLimit},
		{method: http.MethodPost, pattern: "/v1/limits/{name}/reset", handle: (*call).resetLimit},
		{method: http.MethodGet, pattern: "/v1/limits/{name}/holders", handle: (*call).listHolders, query: page()},
		{method: http.MethodGet, pattern: "/v1/limits/{name}/queue", handle: (*call).listQueue, query: page()},
		{method: http.MethodPost, pattern: "/v1/explain", handle: (*call).explain, query: read},

		{method: http.MethodGet, pattern: "/v1/leases", handle: (*call).listLeases, query: page("limit", "owner", "older_than")},
		{method: http.MethodGet, pattern: "/v1/leases/{token}", handle: (*call).getLease, query: read},
		{method: http.MethodDelete, pattern: "/v1/leases/{token}", handle: (*call).forceRelease},

		{method: http.MethodGet, pattern: "/v1/cluster", handle: (*call).getCluster, query: read},
		{method: http.MethodPost, pattern: "/v1/cluster/verify", handle: (*call).verify},
		{method: http.MethodGet, pattern: "/v1/cluster/settings", handle: (*call).getSettings, query: read},
		{method: http.MethodPatch, pattern: "/v1/cluster/settings", handle: (*call).patchSettings},
		{method: http.MethodPost, pattern: "/v1/cluster/transfer", handle: (*call).transfer},
		{method: http.MethodPost, pattern: "/v1/cluster/leave", handle: (*call).leave},
		{method: http.MethodDelete, pattern: "/v1/cluster/nodes/{name}", handle: (*call).removeNode},
		{method: http.MethodGet, pattern: "/v1/snapshot", handle: (*call).saveSnapshot},
		{method: http.MethodPut, pattern: "/v1/snapshot", handle: (*call).restoreSnapshot},

		{method: http.MethodGet, pattern: "/v1/version", handle: (*call).version, always: true},
		{method: http.MethodGet, pattern: "/v1/openapi.yaml", handle: (*call).openAPI, always: true},
		{method: http.MethodGet, pattern: "/livez", handle: (*call).live, always: true},
		{method: http.MethodGet, pattern: "/readyz", handle: (*call).ready, always: true},
		{method: http.MethodGet, pattern: "/metrics", handle: (*call).showMetrics, always: true},
	}
	for i := range table {
		table[i].id = i
	}
	return table
}

// resource is one path with all its methods.
type resource struct {
	pattern  string
	segments []string // of the pattern
	methods  map[string]*route
	allow    string // the methods, as the header Allow lists them
}

// router finds routes by path. Paths without parameter are looked up, the
// others compared segment by segment.
type router struct {
	fixed    map[string]*resource
	variable []*resource
}

func newRouter(table []route) router {
	r := router{fixed: map[string]*resource{}}
	all := map[string]*resource{}
	for i := range table {
		rt := &table[i]
		res := all[rt.pattern]
		if res == nil {
			res = &resource{pattern: rt.pattern, segments: strings.Split(rt.pattern, "/"), methods: map[string]*route{}}
			all[rt.pattern] = res
			if strings.Contains(rt.pattern, "{") {
				r.variable = append(r.variable, res)
			} else {
				r.fixed[rt.pattern] = res
			}
		}
		res.methods[rt.method] = rt
		if rt.method == http.MethodGet {
			res.methods[http.MethodHead] = rt
		}
	}
	for _, res := range all {
		res.allow = strings.Join(slices.Sorted(maps.Keys(res.methods)), ", ")
	}
	return r
}

// find returns the resource at u and the value of its parameter; nil for none.
// Segments are split before their percent-encoding is resolved, so that an
// encoded slash stays part of its segment.
func (r *router) find(u *url.URL) (*resource, string) {
	if res := r.fixed[u.Path]; res != nil && u.RawPath == "" {
		return res, ""
	}
	segments := strings.Split(u.EscapedPath(), "/")
	for _, res := range r.variable {
		if value, ok := res.match(segments); ok {
			return res, value
		}
	}
	return nil, ""
}

func (res *resource) match(segments []string) (value string, ok bool) {
	if len(segments) != len(res.segments) {
		return "", false
	}
	for i, want := range res.segments {
		if !strings.HasPrefix(want, "{") {
			if segments[i] != want {
				return "", false
			}
			continue
		}
		text, err := url.PathUnescape(segments[i])
		if err != nil || text == "" {
			return "", false
		}
		value = text
	}
	return value, true
}

// nearest returns up to three patterns that resemble path, for hints.
func (r *router) nearest(path string) []string {
	var all []string
	for p := range r.fixed {
		all = append(all, p)
	}
	for _, res := range r.variable {
		all = append(all, res.pattern)
	}
	path = strings.TrimRight(path, "/")
	distance := make(map[string]int, len(all))
	for _, p := range all {
		distance[p] = min(pathDistance(path, p), 1+pathDistance("/v1"+path, p))
	}
	slices.SortFunc(all, func(x, y string) int {
		if d := distance[x] - distance[y]; d != 0 {
			return d
		}
		return strings.Compare(x, y)
	})
	return all[:3]
}
