package main

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"time"

	"github.com/limitd/limitd/jepsen/check"
	"github.com/limitd/limitd/jepsen/history"
	"github.com/limitd/limitd/jepsen/nodes"
	"github.com/limitd/limitd/jepsen/secure"
	"github.com/limitd/limitd/jepsen/workload"
)

// intrusion is how long intruders are let at a node.
const intrusion = 3 * time.Second

// intruders has those who may not ask a node that asks for tokens, as jepsen's
// runs do. The history checkers judge what they are told.
func intruders(ctx context.Context, g ground) (found finding, err error) {
	tokens, err := secure.NewTokens(rand.Reader)
	if err != nil {
		return found, err
	}
	plain := http.DefaultTransport.(*http.Transport).Clone()
	defer plain.CloseIdleConnections()
	g.config = nodes.Config{Extra: "acl { enabled = true }\n", Transport: tokens.Hand(plain)}
	c, n, err := g.start(ctx)
	if c != nil {
		defer c.Close()
	}
	if err == nil {
		err = tokens.Open(ctx, func(ctx context.Context, secret, method, path string, body any) (int, []byte, error) {
			a, err := n.As(ctx, secure.Authorization(secret), method, path, body)
			return a.Status, a.Body, err
		})
	}
	if err == nil {
		err = makeLimit(ctx, n, 5)
	}
	if err != nil {
		return found, err
	}
	begun := time.Now()
	record := history.NewRecorder(history.Run{Instrument: "real", Nodes: 1, Guarded: true}, func() time.Duration { return time.Since(begun) })
	asking, cancel := context.WithTimeout(ctx, intrusion)
	defer cancel()
	workload.Intrude(asking, &workload.Env{URLs: []string{n.URL()}, HTTP: tokens.Callers(plain), Record: record, Seed: 1}, tokens.Strangers)
	h := record.History()
	if len(h.Ops) == 0 {
		return found, errors.New("nobody intruded")
	}
	return verdict(h), nil
}

// verdict is what the history checkers convict of.
func verdict(h *history.History) finding {
	for _, v := range check.All(h) {
		for _, broken := range v.Violations {
			return finding{broken.Checker + " " + broken.Rule, broken.What}
		}
	}
	return finding{}
}
