package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"

	"github.com/limitd/limitd/jepsen/nodes"
	"github.com/limitd/limitd/transport/prefect"
	"github.com/limitd/limitd/transport/wire"
)

// entry is a call, and the status that a caller without a token gets.
type entry struct {
	method, path, body string
	status             int
}

// guests may acquire what begins with open, and read the limit shown.
func guests() []entry {
	const no = http.StatusUnauthorized
	return []entry{
		{"POST", "/v1/acquire", `{"id":"ID","limits":[{"name":"open-1"}]}`, 200},
		{"GET", "/v1/acquires/ID", "", 200},
		{"POST", "/v1/release", `{"id":"ID"}`, 200},
		{"GET", "/v1/limits/open-1", "", 200},
		{"GET", "/v1/limits/shown", "", 200},
		{"GET", "/v1/limits/shown/holders", "", 200},
		{"GET", "/v1/limits", "", 200},
		{"GET", "/v1/cluster", "", 200},
		{"POST", "/v1/acquire", `{"limits":[{"name":"shown"}]}`, no},
		{"POST", "/v1/acquire", `{"limits":[{"name":"probe"}]}`, no},
		{"POST", "/v1/acquire", `{"limits":[{"name":"open-1"},{"name":"probe"}]}`, no},
		{"POST", "/v1/acquire", `{"limits":[{"name":"new"}],"missing":"create"}`, no},
		{"GET", "/v1/limits/probe", "", no},
		{"GET", "/v1/limits/probe/queue", "", no},
		{"POST", "/v1/explain", `{"limits":[{"name":"probe"}]}`, no},
		{"POST", "/v1/limits", `{"name":"open-2","slots":1}`, no},
		{"PUT", "/v1/limits/open-1", `{"slots":99}`, no},
		{"POST", "/v1/limits/open-1/reset", "", no},
		{"DELETE", "/v1/limits/open-1", "", no},
		{"POST", "/v1/cluster/verify", "", no},
		{"PATCH", "/v1/cluster/settings", `{"patience":"1s"}`, no},
		{"GET", "/v1/snapshot", "", no},
		{"GET", "/v1/acl/tokens", "", no},
		{"POST", "/v1/acl/tokens", `{"name":"mine","policies":["operator"]}`, no},
		{"PUT", "/v1/acl/policies/guests", `{"rules":[{"verb":"operator"}]}`, no},
	}
}

// anonymous tries what callers without a token may do, and what they may not, at
// every node: nothing before the policy exists, and then what it allows.
func (b *bounded) anonymous(ctx context.Context) error {
	calls := 0
	for _, allow := range [][]string{nil, {"acl", "policy", "set", "guests", "--allow", "acquire:open*", "--allow", "read:shown"}} {
		if allow != nil {
			if _, err := b.command(ctx, allow...); err != nil {
				return err
			}
		}
		for _, n := range b.cluster.Nodes() {
			for _, e := range guests() {
				if allow == nil {
					e.status = http.StatusUnauthorized
				}
				if err := e.try(ctx, n); err != nil {
					return err
				}
				calls++
			}
		}
	}
	if err := b.onlyTheirs(ctx); err != nil {
		return err
	}
	fmt.Printf("   without a token: %d calls through three nodes, each allowed or refused (401) as the policy that acl.anonymous names says, and before it existed all refused\n", calls)
	return b.besideAnonymous(ctx)
}

// try makes the call without a token. A node that has not heard of the policy yet is
// asked again.
func (e entry) try(ctx context.Context, n *nodes.Node) error {
	name := strings.NewReplacer("ID", "guest-"+n.Name)
	return soon(ctx, func() error {
		a, err := send(as(ctx, ""), n, e.method, name.Replace(e.path), name.Replace(e.body))
		if err == nil && e.status == http.StatusUnauthorized {
			err = refusedAs(a.Status, a.Body, e.status, wire.CodeUnauthenticated, "")
		}
		if err != nil || a.Status != e.status {
			return fmt.Errorf("%s %s %s at %s without a token: %d %.300s, not %d (%w)", e.method, e.path, e.body, n.Name, a.Status, a.Body, e.status, err)
		}
		return nil
	})
}

// send makes a call whose body, if any, is JSON.
func send(ctx context.Context, n *nodes.Node, method, path, body string) (nodes.Answer, error) {
	if body == "" {
		return n.Call(ctx, method, path, nil)
	}
	return n.Send(ctx, method, path, wire.TypeJSON, []byte(body))
}

// onlyTheirs checks that the list of limits has those of the policy, and no other.
func (b *bounded) onlyTheirs(ctx context.Context) error {
	for _, n := range b.cluster.Nodes() {
		var list wire.Limits
		if _, err := n.Must(as(ctx, ""), http.MethodGet, "/v1/limits", nil, &list); err != nil {
			return err
		}
		names := ""
		for _, l := range list.Limits {
			names += l.Name + " "
		}
		if names != "open-1 shown " {
			return fmt.Errorf("without a token %s lists %s", n.Name, names)
		}
	}
	return nil
}

// besideAnonymous: who shows a token is judged by that alone. One that may read may
// not do what guests may, and one that nobody has may do nothing.
func (b *bounded) besideAnonymous(ctx context.Context) error {
	if err := b.token(ctx, "reader", "read"); err != nil {
		return err
	}
	for secret, want := range map[string]struct {
		status int
		code   wire.Code
	}{
		b.secrets["reader"]: {http.StatusForbidden, wire.CodePermissionDenied},
		"limitd_wrong":      {http.StatusUnauthorized, wire.CodeUnauthenticated},
	} {
		for _, n := range b.cluster.Nodes() {
			a, err := send(as(ctx, secret), n, http.MethodPost, "/v1/acquire", `{"limits":[{"name":"open-1"}]}`)
			if err == nil {
				err = refusedAs(a.Status, a.Body, want.status, want.code, "")
			}
			if err != nil {
				return fmt.Errorf("a token that may not do what guests may, at %s: %w", n.Name, err)
			}
		}
	}
	fmt.Println("   with a token that may only read: 403 for what guests may do; with one that nobody has: 401")
	return nil
}

// prefect tries both ways in which Prefect's clients show a token.
func (b *bounded) prefect(ctx context.Context) error {
	if _, err := b.command(ctx, "acl", "policy", "set", "workers", "--allow", "acquire:db*"); err != nil {
		return err
	}
	if err := b.token(ctx, "etl", "workers"); err != nil {
		return err
	}
	ways := bothWays(b.secrets["etl"])
	calls := append(withRight(ways[0], ways[1]), withRight(ways[1], ways[0])...)
	for _, wrong := range append(bothWays("limitd_wrong"), "Basic ???", "Bearer", "") {
		calls = append(calls, stranger(wrong))
	}
	if err := b.eachNode(ctx, calls); err != nil {
		return err
	}
	if err := idle(ctx, b.cluster, "db"); err != nil {
		return err
	}
	if _, err := b.command(ctx, "acl", "token", "delete", "etl"); err != nil {
		return err
	}
	if err := b.eachNode(ctx, []counted{stranger(ways[0]), stranger(ways[1])}); err != nil {
		return err
	}
	fmt.Println("   Prefect's clients, Basic and Bearer: one token, whose slots either gives back; 403 beyond its policy, 401 for a wrong one, and for both once it is deleted")
	return nil
}

// bothWays returns what PREFECT_API_AUTH_STRING=worker:SECRET and
// PREFECT_API_KEY=SECRET have clients send.
func bothWays(secret string) []string {
	return []string{"Basic " + base64.StdEncoding.EncodeToString([]byte("worker:"+secret)), "Bearer " + secret}
}

// counted is an increment or a decrement as Prefect's clients make it, and what it gets.
type counted struct {
	shown       string // as Authorization
	verb, limit string
	status      int
	says        string
}

// withRight takes a slot in one way, gives it back in the other, and goes beyond what
// the token allows.
func withRight(take, give string) []counted {
	return []counted{
		{take, "increment", "db", http.StatusOK, `"name":"db"`},
		{give, "decrement", "db", http.StatusOK, `"name":"db"`},
		{take, "increment", "probe", http.StatusForbidden, "etl"},
		{take, "decrement", "probe", http.StatusForbidden, "etl"},
	}
}

// stranger is told what Prefect's server tells it.
func stranger(shown string) counted {
	return counted{shown, "increment", "db", http.StatusUnauthorized, `{"exception_message":"Unauthorized"}`}
}

// eachNode makes the calls at every node, again at one that has not heard of a token,
// or of its end, yet.
func (b *bounded) eachNode(ctx context.Context, calls []counted) error {
	for _, n := range b.cluster.Nodes() {
		for _, c := range calls {
			if err := soon(ctx, func() error { return c.try(ctx, n) }); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c counted) try(ctx context.Context, n *nodes.Node) error {
	body := map[string]any{"names": []string{c.limit}, "slots": 1, "mode": "concurrency", "occupancy_seconds": 1}
	a, err := n.As(as(ctx, ""), c.shown, http.MethodPost, prefect.Base+"/v2/concurrency_limits/"+c.verb, body)
	if err != nil || a.Status != c.status || !strings.Contains(string(a.Body), c.says) {
		kind, _, _ := strings.Cut(c.shown, " ")
		return fmt.Errorf("%s of %s at %s as %q: %d %s, not %d that says %s (%w)", c.verb, c.limit, n.Name, kind, a.Status, a.Body, c.status, c.says, err)
	}
	return nil
}
