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
	needs   need     // what its caller must be allowed
	audited bool     // also where it needs less than manage
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
		{method: http.MethodPost, pattern: "/v1/acquire", handle: (*call).acquire, needs: acquires},
		{method: http.MethodGet, pattern: "/v1/acquires/{id}", handle: (*call).acquireStatus, needs: reads, query: read},
		{method: http.MethodPost, pattern: "/v1/release", handle: (*call).release, needs: acquires},
		{method: http.MethodPost, pattern: "/v1/renew", handle: (*call).renew, needs: acquires},
		{method: http.MethodPost, pattern: "/v1/cancel", handle: (*call).cancel, needs: acquires},
		{method: http.MethodPost, pattern: "/v1/batch", handle: (*call).batch, needs: acquires},

		{method: http.MethodGet, pattern: "/v1/limits", handle: (*call).listLimits, needs: reads, query: page("prefix", "label")},
		{method: http.MethodPost, pattern: "/v1/limits", handle: (*call).createLimit, needs: manages},
		{method: http.MethodGet, pattern: "/v1/limits/{name}", handle: (*call).getLimit, needs: readsNamed, query: read},
		{method: http.MethodPut, pattern: "/v1/limits/{name}", handle: (*call).putLimit, needs: managesNamed},
		{method: http.MethodPatch, pattern: "/v1/limits/{name}", handle: (*call).patchLimit, needs: managesNamed},
		{method: http.MethodDelete, pattern: "/v1/limits/{name}", handle: (*call).deleteLimit, needs: managesNamed},
		{method: http.MethodPost, pattern: "/v1/limits/{name}/reset", handle: (*call).resetLimit, needs: managesNamed},
		{method: http.MethodGet, pattern: "/v1/limits/{name}/holders", handle: (*call).listHolders, needs: readsNamed, query: page()},
		{method: http.MethodGet, pattern: "/v1/limits/{name}/queue", handle: (*call).listQueue, needs: readsNamed, query: page()},
		{method: http.MethodPost, pattern: "/v1/explain", handle: (*call).explain, needs: reads, query: read},

		{method: http.MethodGet, pattern: "/v1/leases", handle: (*call).listLeases, needs: reads, query: page("limit", "owner", "older_than")},
		{method: http.MethodGet, pattern: "/v1/leases/{token}", handle: (*call).getLease, needs: reads, query: read},
		{method: http.MethodDelete, pattern: "/v1/leases/{token}", handle: (*call).forceRelease, needs: manages},

		{method: http.MethodGet, pattern: "/v1/cluster", handle: (*call).getCluster, needs: watches, query: read},
		{method: http.MethodPost, pattern: "/v1/cluster/verify", handle: (*call).verify, needs: operates},
		{method: http.MethodGet, pattern: "/v1/cluster/settings", handle: (*call).getSettings, needs: reads, query: read},
		{method: http.MethodPatch, pattern: "/v1/cluster/settings", handle: (*call).patchSettings, needs: operates},
		{method: http.MethodPost, pattern: "/v1/cluster/transfer", handle: (*call).transfer, needs: operates},
		{method: http.MethodPost, pattern: "/v1/cluster/leave", handle: (*call).leave, needs: operates},
		{method: http.MethodGet, pattern: "/v1/cluster/autopilot", handle: (*call).getAutopilot, needs: reads},
		{method: http.MethodPatch, pattern: "/v1/cluster/nodes/{name}", handle: (*call).setRole, needs: operates},
		{method: http.MethodDelete, pattern: "/v1/cluster/nodes/{name}", handle: (*call).removeNode, needs: operates},
		{method: http.MethodGet, pattern: "/v1/snapshot", handle: (*call).saveSnapshot, needs: operates},
		{method: http.MethodPut, pattern: "/v1/snapshot", handle: (*call).restoreSnapshot, needs: operates, query: []string{"longest_ttl"}},
		{method: http.MethodDelete, pattern: "/v1/cluster/quarantine", handle: (*call).endQuarantine, needs: operates},

		{method: http.MethodPost, pattern: "/v1/acl/bootstrap", handle: (*call).bootstrap, needs: open, audited: true},
		{method: http.MethodGet, pattern: "/v1/acl/self", handle: (*call).self, needs: reads},
		{method: http.MethodGet, pattern: "/v1/acl/tokens", handle: (*call).listTokens, needs: operates, query: page()},
		{method: http.MethodPost, pattern: "/v1/acl/tokens", handle: (*call).createToken, needs: operates},
		{method: http.MethodGet, pattern: "/v1/acl/tokens/{name}", handle: (*call).getToken, needs: operates, query: read},
		{method: http.MethodDelete, pattern: "/v1/acl/tokens/{name}", handle: (*call).deleteToken, needs: operates},
		{method: http.MethodPost, pattern: "/v1/acl/tokens/{name}/rotate", handle: (*call).rotateToken, needs: operates},
		{method: http.MethodGet, pattern: "/v1/acl/policies", handle: (*call).listPolicies, needs: operates, query: page()},
		{method: http.MethodGet, pattern: "/v1/acl/policies/{name}", handle: (*call).getPolicy, needs: operates, query: read},
		{method: http.MethodPut, pattern: "/v1/acl/policies/{name}", handle: (*call).putPolicy, needs: operates},
		{method: http.MethodDelete, pattern: "/v1/acl/policies/{name}", handle: (*call).deletePolicy, needs: operates},

		{method: http.MethodGet, pattern: "/v1/version", handle: (*call).version, needs: open, always: true},
		{method: http.MethodGet, pattern: "/v1/openapi.yaml", handle: (*call).openAPI, needs: open, always: true},
		{method: http.MethodGet, pattern: "/livez", handle: (*call).live, needs: open, always: true},
		{method: http.MethodGet, pattern: "/readyz", handle: (*call).ready, needs: open, always: true},
		{method: http.MethodGet, pattern: "/metrics", handle: (*call).showMetrics, needs: scrapes, always: true},
	}
	table = append(table, routesToCome()...)
	for i := range table {
		table[i].id = i
	}
	return table
}

// Route is a line of the table of all routes, for those who try each of them.
type Route struct {
	Method  string
	Pattern string // at most one {parameter}
	Verb    string // what a caller must be allowed; "": nothing
}

// Routes lists the table of all routes.
func Routes() (list []Route) {
	for _, r := range routes() {
		verb := ""
		if r.needs != open {
			verb = r.needs.verb().String()
		}
		list = append(list, Route{Method: r.method, Pattern: r.pattern, Verb: verb})
	}
	return list
}

// String returns the route as "METHOD pattern".
func (r Route) String() string { return r.Method + " " + r.Pattern }

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
