package workload

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/limitd/limitd/jepsen/history"
	"github.com/limitd/limitd/jepsen/secure"
	"github.com/limitd/limitd/transport/wire"
)

// intruder is the number of the one who asks for what it may not have.
const intruder = 960

// Intrude asks, until ctx ends, for what strangers may not have: each call shows
// the secret of one of them, the newest more often, at a random node. All have to
// be refused; what they are told is recorded.
func Intrude(ctx context.Context, e *Env, strangers func() []secure.Stranger) {
	c := newCaller(e, intruder)
	names := c.limitNames(ctx)
	for len(names) > 0 && ctx.Err() == nil {
		list := strangers()
		who := list[c.chance.IntN(len(list))]
		if c.oneIn(2) {
			who = list[len(list)-1]
		}
		c.intrude(ctx, who, pick(c, names...))
		sleep(ctx, c.between(20*time.Millisecond, 120*time.Millisecond))
	}
}

// limitNames asks for the names of all limits, with the right token.
func (c *caller) limitNames(ctx context.Context) (names []string) {
	var list wire.Limits
	_ = c.persist(ctx, finalTime, func(ctx context.Context) (bool, error) { // without any there is nothing to ask for
		return len(list.Limits) > 0, c.ask(ctx, http.MethodGet, "/v1/limits?page_size=1000", &list)
	})
	for _, l := range list.Limits {
		names = append(names, l.Name)
	}
	return names
}

// attempts are calls that every stranger is to be refused.
func attempts(name, id string) []request {
	ask := wire.AcquireRequest{ID: id, Limits: []wire.Entry{{Name: name, Slots: 1}}, TTL: wire.Duration(time.Second)}
	acquire := request{method: http.MethodPost, path: "/v1/acquire", body: ask}
	token := wire.ACLTokenRequest{Name: id, Policies: []string{wire.VerbOperator}}
	return []request{
		acquire, acquire, acquire,
		{method: http.MethodGet, path: limitPath(name)},
		{method: http.MethodGet, path: limitPath(name) + "/holders"},
		{method: http.MethodPut, path: limitPath(name), body: wire.LimitRequest{Slots: 1000}},
		{method: http.MethodPost, path: limitPath(name) + "/reset"},
		{method: http.MethodDelete, path: limitPath(name)},
		{method: http.MethodPost, path: "/v1/acl/tokens", body: token},
		{method: http.MethodGet, path: "/v1/snapshot"},
		{method: http.MethodPost, path: "/v1/cluster/transfer"},
	}
}

func (c *caller) intrude(ctx context.Context, who secure.Stranger, name string) {
	id := c.newID()
	q := pick(c, attempts(name, id)...)
	q.authorization = secure.Authorization(who.Secret)
	op := c.env.Record.Call(history.Op{
		Client: c.number, Kind: history.Intrude, Tries: 1, Detail: who.Name + " asks: " + q.method + " " + q.path,
		Ask: history.Ask{ID: id, Limits: one(name)},
	})
	op.Outcome = history.Unknown
	answer, body, err := c.send(ctx, q, c.chance.IntN(len(c.env.URLs)))
	if err == nil {
		op.Outcome, op.Status, op.Node = history.OK, answer.StatusCode, answer.Header.Get(wire.HeaderNode)
		var p wire.Problem
		if json.Unmarshal(body, &p) == nil {
			op.Code = string(p.Code)
		}
	}
	c.env.Record.Return(op)
}
