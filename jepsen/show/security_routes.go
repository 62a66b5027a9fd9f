package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/limitd/limitd/jepsen/nodes"
	"github.com/limitd/limitd/transport/httpapi"
	"github.com/limitd/limitd/transport/wire"
)

// trial is how a route is tried.
type trial struct {
	path   string
	body   string
	status int // of who may
}

// trials has one for each route but that by which a node leaves, in whose place
// the scene has leaveAndReturn. held is the token of a lease.
func trials(held uint64) map[string]trial {
	lease := fmt.Sprint("/v1/leases/", held)
	return map[string]trial{
		"POST /v1/acquire":                  {"/v1/acquire", `{"limits":[{"name":"db"}],"ttl":"1s"}`, 200},
		"GET /v1/acquires/{id}":             {"/v1/acquires/held", "", 200},
		"POST /v1/release":                  {"/v1/release", `{"id":"nobody-1"}`, 200},
		"POST /v1/renew":                    {"/v1/renew", `{"ids":["held"]}`, 200},
		"POST /v1/cancel":                   {"/v1/cancel", `{"id":"nobody-2"}`, 200},
		"POST /v1/batch":                    {"/v1/batch", `{"operations":[{"cancel":{"id":"nobody-3"}}]}`, 200},
		"GET /v1/limits":                    {"/v1/limits", "", 200},
		"POST /v1/limits":                   {"/v1/limits", `{"name":"db-2","slots":1}`, 201},
		"GET /v1/limits/{name}":             {"/v1/limits/db", "", 200},
		"PUT /v1/limits/{name}":             {"/v1/limits/db-3", `{"slots":3}`, 201},
		"PATCH /v1/limits/{name}":           {"/v1/limits/db-3", `{"slots":4}`, 200},
		"DELETE /v1/limits/{name}":          {"/v1/limits/db-3", "", 204},
		"POST /v1/limits/{name}/reset":      {"/v1/limits/db-2/reset", "", 200},
		"GET /v1/limits/{name}/holders":     {"/v1/limits/db/holders", "", 200},
		"GET /v1/limits/{name}/queue":       {"/v1/limits/db/queue", "", 200},
		"POST /v1/explain":                  {"/v1/explain", `{"limits":[{"name":"db"}]}`, 200},
		"GET /v1/leases":                    {"/v1/leases", "", 200},
		"GET /v1/leases/{token}":            {lease, "", 200},
		"DELETE /v1/leases/{token}":         {lease, "", 204},
		"GET /v1/cluster":                   {"/v1/cluster", "", 200},
		"POST /v1/cluster/verify":           {"/v1/cluster/verify", "", 200},
		"GET /v1/cluster/settings":          {"/v1/cluster/settings", "", 200},
		"PATCH /v1/cluster/settings":        {"/v1/cluster/settings", `{"patience":"9s"}`, 200},
		"POST /v1/cluster/transfer":         {"/v1/cluster/transfer", "", 204},
		"GET /v1/cluster/autopilot":         {"/v1/cluster/autopilot", "", 200},
		"PATCH /v1/cluster/nodes/{name}":    {"/v1/cluster/nodes/n1", `{"role":"voter"}`, 204},
		"DELETE /v1/cluster/nodes/{name}":   {"/v1/cluster/nodes/nobody", "", 404},
		"GET /v1/snapshot":                  {"/v1/snapshot", "", 200},
		"PUT /v1/snapshot":                  {"/v1/snapshot?longest_ttl=0s", "", 204},
		"DELETE /v1/cluster/quarantine":     {"/v1/cluster/quarantine", "", 204},
		"POST /v1/acl/bootstrap":            {"/v1/acl/bootstrap", "", 409},
		"GET /v1/acl/self":                  {"/v1/acl/self", "", 200},
		"GET /v1/acl/tokens":                {"/v1/acl/tokens", "", 200},
		"POST /v1/acl/tokens":               {"/v1/acl/tokens", `{"name":"made","policies":["read"]}`, 201},
		"GET /v1/acl/tokens/{name}":         {"/v1/acl/tokens/made", "", 200},
		"POST /v1/acl/tokens/{name}/rotate": {"/v1/acl/tokens/etl/rotate", `{"keep":"1h"}`, 200},
		"DELETE /v1/acl/tokens/{name}":      {"/v1/acl/tokens/made", "", 204},
		"GET /v1/acl/policies":              {"/v1/acl/policies", "", 200},
		"GET /v1/acl/policies/{name}":       {"/v1/acl/policies/read", "", 200},
		"PUT /v1/acl/policies/{name}":       {"/v1/acl/policies/made", `{"rules":[{"verb":"read","limit":"*"}]}`, 201},
		"DELETE /v1/acl/policies/{name}":    {"/v1/acl/policies/made", "", 204},
		"GET /v1/version":                   {"/v1/version", "", 200},
		"GET /v1/openapi.yaml":              {"/v1/openapi.yaml", "", 200},
		"GET /livez":                        {"/livez", "", 200},
		"GET /readyz":                       {"/readyz", "", 200},
		"GET /metrics":                      {"/metrics", "", 200},
	}
}

// routes tries each route of the router without a token, with each lesser one, and
// with the one that does, at one node after the other. A route that has no trial
// here is an error.
func (g *guarded) routes(ctx context.Context) error {
	held, err := g.hold(ctx)
	if err != nil {
		return err
	}
	list, calls := trials(held), 0
	var backup []byte
	for i, route := range httpapi.Routes() {
		if route.String() == "POST /v1/cluster/leave" {
			continue
		}
		t, ok := list[route.String()]
		if !ok {
			return fmt.Errorf("the route %s is not tried: add it to the scene", route)
		}
		delete(list, route.String())
		for step, verb := range append([]string{""}, verbs()...) {
			may := g.wanted(verb, route.Verb, t.status) == t.status
			if may && route.Verb != "" && verb != route.Verb {
				continue // what is done once is done
			}
			n := g.cluster.Nodes()[(i+step)%3]
			a, err := g.try(as(ctx, g.secrets[verb]), n, route.Method, t, backup)
			if err != nil {
				return err
			}
			if want := g.wanted(verb, route.Verb, t.status); a.Status != want {
				return fmt.Errorf("%s at %s answers %d to who has %q, not %d: %s", route, n.Name, a.Status, verb, want, a.Body)
			}
			if route.String() == "GET /v1/snapshot" && may {
				backup = a.Body
			}
			calls++
		}
	}
	for name := range list {
		return fmt.Errorf("the scene tries %s, which is no route", name)
	}
	fmt.Printf("   %d routes tried without a token, with lesser ones and with the one that may: %d calls, each answered as it should\n", len(httpapi.Routes()), calls)
	return nil
}

func (g *guarded) hold(ctx context.Context) (token uint64, err error) {
	var grant wire.Grant
	_, err = g.first.Must(ctx, http.MethodPost, "/v1/acquire", wire.AcquireRequest{ID: "held", Limits: []wire.Entry{{Name: "db", Slots: 1}}}, &grant)
	return grant.Token, err
}

// try makes the call of a trial, again while a busy machine has nobody who leads,
// or could lead next.
func (g *guarded) try(ctx context.Context, n *nodes.Node, method string, t trial, backup []byte) (a nodes.Answer, err error) {
	unsettled := strings.HasPrefix(t.path, "/v1/cluster/") || strings.HasPrefix(t.path, "/v1/snapshot")
	err = soon(ctx, func() error {
		a, err = g.tryOnce(ctx, n, method, t, backup)
		if err == nil && unsettled && a.Status != t.status && (a.Status == http.StatusConflict || a.Status >= 500) {
			return fmt.Errorf("%s %s: %d %s", method, t.path, a.Status, a.Body)
		}
		return err
	})
	return a, err
}

// tryOnce makes the call of a trial. The backup is the body of the route that restores.
func (g *guarded) tryOnce(ctx context.Context, n *nodes.Node, method string, t trial, backup []byte) (nodes.Answer, error) {
	switch {
	case method == http.MethodPut && strings.HasPrefix(t.path, "/v1/snapshot"):
		return n.Send(ctx, method, t.path, wire.TypeSnapshot, backup)
	case t.body == "":
		return n.Call(ctx, method, t.path, nil)
	}
	return n.Send(ctx, method, t.path, wire.TypeJSON, []byte(t.body))
}
