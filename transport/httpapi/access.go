package httpapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
	"github.com/limitd/limitd/transport/audit"
	"github.com/limitd/limitd/transport/auth"
	"github.com/limitd/limitd/transport/wire"
)

// need is what a route asks of its caller before its body is read. Where the
// limits stand in the body or in the state, the caller must have the verb on any
// limit, and the handler asks for them. The zero need is none that a route may
// have: who adds a route has to say what it needs.
type need uint8

const (
	open         need = iota + 1 // nothing
	reads                        // read, on what the handler says
	watches                      // the same, judged by the state at hand: it answers when no leader is there
	scrapes                      // the same, unless metrics are open
	acquires                     // acquire, on what the handler says
	readsNamed                   // read, on the limit in the path
	manages                      // manage, on what the handler says
	managesNamed                 // manage, on the limit in the path
	operates                     // operator
)

// verb is the verb of a need.
func (n need) verb() command.Verb {
	switch n {
	case acquires:
		return command.VerbAcquire
	case manages, managesNamed:
		return command.VerbManage
	case operates:
		return command.VerbOperator
	}
	return command.VerbRead
}

// admit finds out who calls, and refuses who may not call this route at all.
func (c *call) admit() error {
	needs, guard := c.route.needs, c.api.cfg.Guard
	if guard != nil && (needs == open || needs == scrapes && c.api.cfg.OpenMetrics) {
		return nil
	}
	secret, ok := auth.Bearer(c.r)
	if guard != nil && !ok {
		return c.unauthenticated("the header Authorization is not Bearer and a token")
	}
	ctx, cancel := context.WithTimeout(c.r.Context(), c.timeout)
	defer cancel()
	caller, err := guard.Identify(ctx, secret, c.stale || needs == watches || needs == scrapes)
	switch {
	case errors.Is(err, auth.ErrRefused):
		return c.unauthenticated(strings.TrimPrefix(err.Error(), "auth: "))
	case err != nil:
		return c.backendError(err, wire.CodeNoLeader)
	}
	c.caller = caller
	if needs == readsNamed || needs == managesNamed {
		return c.may(needs.verb(), c.param)
	}
	return c.caller.CheckAny(needs.verb())
}

// may returns an error where the caller may not do this on one of the limits.
func (c *call) may(verb command.Verb, limits ...string) error {
	c.about = append(c.about, limits...)
	return c.caller.Check(verb, limits...)
}

// mayAcquire is may for the entries of an acquire.
func (c *call) mayAcquire(entries []command.Entry) error {
	if c.caller.Everywhere(command.VerbAcquire) {
		return nil
	}
	for _, e := range entries {
		if err := c.caller.Check(command.VerbAcquire, e.Name); err != nil {
			return err
		}
	}
	return nil
}

// unauthenticated refuses a caller whose token is not accepted, or who has none.
func (c *call) unauthenticated(detail string) *wire.Problem {
	c.header("Www-Authenticate", `Bearer realm="limitd"`)
	p := wire.NewProblem(wire.CodeUnauthenticated, detail)
	p.Hint = "send Authorization: Bearer TOKEN; limitd and its Go client take it from LIMITD_TOKEN, or from --token-file and Config.Token"
	c.glance(func(s *limit.State) {
		if s.ACL().Bootstrapped() == 0 {
			p.Hint = "no token exists yet; limitd acl bootstrap makes the first one"
		}
	})
	return p
}

// lacks refuses a caller who may not do this.
func (c *call) lacks(l *auth.Lack) *wire.Problem {
	if l.Who == "" {
		return c.unauthenticated(l.Error())
	}
	p := wire.NewProblem(wire.CodePermissionDenied, l.Error())
	rule := l.Verb.String()
	if l.Verb != command.VerbOperator {
		rule += ":" + cmp.Or(l.Limit, "*") // no limit: what concerns all of them
	}
	token, _ := c.caller.Token()
	p.Hint = fmt.Sprintf("an operator can allow it by a rule %s in one of the token's policies (%s): limitd acl policy set",
		shellWord(rule), strings.Join(token.Policies, ", "))
	return p
}

// audit writes the call down, where it is one that manages something.
func (c *call) audit() {
	if c.api.cfg.Audit == nil || c.route == nil || c.route.needs.verb() < command.VerbManage && !c.route.audited {
		return
	}
	verb := "" // of the bootstrap, which needs none
	if c.route.needs != open {
		verb = c.route.needs.verb().String()
	}
	c.api.cfg.Audit.Note(audit.Entry{
		Time: time.Now().UTC(), Node: c.api.cfg.Node, RequestID: c.id, Who: c.caller.Name(), From: c.r.RemoteAddr,
		Method: c.r.Method, Path: c.r.URL.Path, Verb: verb, Limits: c.about,
		Status: c.status, Code: string(c.failure),
	})
}

// needsACL refuses what is about tokens on a node that does not heed them: a
// token that was made while nobody had to show one would be a way in later.
func (c *call) needsACL() error {
	if c.api.cfg.Guard != nil {
		return nil
	}
	p := wire.NewProblem(wire.CodeACLDisabled, "this node does not ask for tokens")
	p.Hint = "set acl { enabled = true } in the configuration of every node, and start it again"
	return p
}
