package httpapi

import (
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"

	"github.com/limitd/limitd/fsm/acl"
	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
	"github.com/limitd/limitd/transport/auth"
	"github.com/limitd/limitd/transport/httpapi/strict"
	"github.com/limitd/limitd/transport/wire"
)

// A secret is told once, by the node that made it; the log and all nodes know its
// hash. A caller who sends a secret of its own can repeat the request anywhere
// under the same Idempotency-Key; one who does not has to rotate the token where
// the answer got lost.

// bootstrap serves POST /v1/acl/bootstrap. There is nobody yet who could be asked
// for a token: the state machine takes it once.
func (c *call) bootstrap() error {
	if err := c.needsACL(); err != nil {
		return err
	}
	var secret string
	err := c.decodeOptional(func(r *strict.Reader) {
		if !r.Object() {
			return
		}
		for r.Field() {
			switch string(r.Key()) {
			case "secret":
				secret = readSecret(r)
			default:
				r.Unknown("secret")
			}
		}
	})
	if err != nil {
		return err
	}
	op, err := c.firstToken(secret)
	if err != nil {
		return err
	}
	return c.writeToken(secret, func(hash [32]byte) command.Op {
		op.Hash = hash
		return op
	})
}

// firstToken returns the record that makes the first token. Where there is one
// already, and nobody may make it again, no record is written: anybody can ask.
func (c *call) firstToken(secret string) (*command.BootstrapACL, error) {
	hash, made := auth.Hash(secret), uint64(0)
	own := false // it is the answer to this secret's first sending that is asked for
	c.glance(func(s *limit.State) {
		made = s.ACL().Bootstrapped()
		_, err := s.ACL().Identify(hash, s.Time())
		own = err == nil
	})
	switch {
	case made == 0 || own:
		return &command.BootstrapACL{}, nil
	case c.api.cfg.Reset(hash):
		return &command.BootstrapACL{Reset: made}, nil
	}
	return nil, c.refusal(acl.MadeAlready(made))
}

// createToken serves POST /v1/acl/tokens.
func (c *call) createToken() error {
	op := command.CreateACLToken{By: c.caller.Name()}
	var secret string
	if err := c.needsACL(); err != nil {
		return err
	}
	if err := c.decode(func(r *strict.Reader) { secret = readToken(r, &op) }); err != nil {
		return err
	}
	return c.writeToken(secret, func(hash [32]byte) command.Op {
		op.Hash = hash
		return &op
	})
}

// rotateToken serves POST /v1/acl/tokens/{name}/rotate.
func (c *call) rotateToken() error {
	op := command.RotateACLToken{Name: c.param}
	var secret string
	if err := c.needsACL(); err != nil {
		return err
	}
	if err := c.decodeOptional(func(r *strict.Reader) { secret = readRotation(r, &op) }); err != nil {
		return err
	}
	return c.writeToken(secret, func(hash [32]byte) command.Op {
		op.Hash = hash
		return &op
	})
}

// writeToken runs a record that gives a token a secret, which is made here where
// the caller sent none, and tells the secret.
func (c *call) writeToken(secret string, op func(hash [32]byte) command.Op) (err error) {
	if secret == "" {
		if secret, err = auth.NewSecret(c.api.cfg.Rand); err != nil {
			return err
		}
	}
	result, err := c.write(op(auth.Hash(secret)))
	if err != nil {
		return err
	}
	t, ok := result.(*command.ACLToken)
	if !ok {
		return unexpected(result)
	}
	status := http.StatusCreated
	if c.route.pattern != "/v1/acl/tokens/{name}/rotate" {
		c.header("Location", "/v1/acl/tokens/"+url.PathEscape(t.Name))
	} else {
		status = http.StatusOK
	}
	return c.json(status, wire.NewACLToken{Secret: secret, Token: tokenBody(*t, c.time)})
}

// listTokens serves GET /v1/acl/tokens.
func (c *call) listTokens() error {
	if err := c.needsACL(); err != nil {
		return err
	}
	p, err := c.page()
	if err != nil {
		return err
	}
	var list []command.ACLToken
	if err := c.read(func(s *limit.State) { list = s.ACL().Tokens(p.after, p.size+1) }); err != nil {
		return err
	}
	list, more := cut(list, p.size)
	out := wire.ACLTokens{Tokens: make([]wire.ACLToken, len(list))}
	for i, t := range list {
		out.Tokens[i] = tokenBody(t, c.time)
	}
	if more {
		out.NextPageToken = p.next(list[len(list)-1].Name)
	}
	return c.json(http.StatusOK, out)
}

// getToken serves GET /v1/acl/tokens/{name}.
func (c *call) getToken() error {
	if err := c.needsACL(); err != nil {
		return err
	}
	var t command.ACLToken
	var found bool
	if err := c.read(func(s *limit.State) { t, found = s.ACL().Token(c.param) }); err != nil {
		return err
	}
	if !found {
		return c.refusal(&command.Problem{Code: command.CodeTokenNotFound, Detail: "no token is named " + c.param})
	}
	return c.json(http.StatusOK, tokenBody(t, c.time))
}

// deleteToken serves DELETE /v1/acl/tokens/{name}.
//
// The last token that may do everything stays: without it nobody could make another
// but who can write into a node's data folder. Of two such that are deleted at once
// this keeps none; it is there for slips, not for races.
func (c *call) deleteToken() error {
	if err := c.needsACL(); err != nil {
		return err
	}
	last := false
	if err := c.read(func(s *limit.State) { last = isLastOperator(s, c.param) }); err != nil {
		return err
	}
	if last {
		p := wire.NewProblem(wire.CodeLastOperator, fmt.Sprintf("%q is the only token left with the verb operator: without it nobody could make another", c.param))
		p.Hint = "make another one first: limitd acl token create NAME --policy operator; where this one is known to others, limitd acl token rotate " + shellWord(c.param)
		return p
	}
	return c.withdraw(&command.DeleteACLToken{Name: c.param})
}

// isLastOperator tells whether no other token, that has not expired, may do everything
// that this one may.
func isLastOperator(s *limit.State, name string) bool {
	operates := func(t command.ACLToken) bool {
		return (t.Expires == 0 || t.Expires > s.Time()) && s.ACL().Rights(t.Policies...).Somewhere(command.VerbOperator)
	}
	t, there := s.ACL().Token(name)
	if !there || !operates(t) {
		return false
	}
	return !slices.ContainsFunc(s.ACL().Tokens("", math.MaxInt), func(o command.ACLToken) bool { return o.Name != name && operates(o) })
}

// withdraw runs a record that takes rights away, also where no more requests can
// be remembered.
func (c *call) withdraw(op command.Op) error {
	if err := c.needsACL(); err != nil {
		return err
	}
	if _, err := c.writeUnder(c.idIfKeyed(), op); err != nil {
		return err
	}
	return c.empty()
}

// self serves GET /v1/acl/self: who the caller is.
func (c *call) self() error {
	if err := c.needsACL(); err != nil {
		return err
	}
	c.glance(func(*limit.State) {})
	out := wire.ACLSelf{Name: c.caller.Name(), Policies: []string{}, Rules: rulesBody(c.caller.Rules())}
	if t, shown := c.caller.Token(); shown {
		out.Policies, out.ExpiresIn = t.Policies, left(t.Expires, c.caller.Judged())
	}
	return c.json(http.StatusOK, out)
}

func tokenBody(t command.ACLToken, now int64) wire.ACLToken {
	w := wire.ACLToken{
		Name: t.Name, Policies: notNil(t.Policies), CreatedBy: t.By, CreatedAt: wallTime(t.CreatedWall),
		ExpiresIn: left(t.Expires, now), Replayed: t.Replayed,
	}
	if t.RotatedWall != 0 {
		at := wallTime(t.RotatedWall)
		w.RotatedAt = &at
	}
	if t.OldUntil > now {
		w.KeptFor = left(t.OldUntil, now)
	}
	return w
}

// left is how much of cluster time is left until an end; nil where there is none.
func left(end, now int64) *wire.Duration {
	if end == 0 {
		return nil
	}
	return wire.Duration(max(0, end-now)).Ptr()
}

// readSecret reads a secret that the caller made; "" for a fault.
func readSecret(r *strict.Reader) string {
	at := r.Faults()
	secret := r.Text()
	if r.Faults() > at {
		return ""
	}
	if wrong := auth.CheckSecret(secret); wrong != "" {
		r.Fault("%s", wrong)
		return ""
	}
	return secret
}

func readToken(r *strict.Reader, op *command.CreateACLToken) (secret string) {
	if !r.Object() {
		return ""
	}
	for r.Field() {
		switch string(r.Key()) {
		case "name":
			op.Name = readID(r)
		case "policies":
			op.Policies = readList(r, func() string { return readID(r) })
		case "ttl":
			op.TTL = int64(r.Duration(wire.MinTokenTTL, wire.MaxTokenTTL))
		case "secret":
			secret = readSecret(r)
		default:
			r.Unknown("name", "policies", "ttl", "secret")
		}
	}
	if op.Name == "" {
		r.FaultAt("name", "is required")
	}
	if n := len(op.Policies); n == 0 || n > wire.MaxTokenPolicies {
		r.FaultAt("policies", "1 to %d policies must be named; built in are read, acquire, manage and operator", wire.MaxTokenPolicies)
	}
	return secret
}

func readRotation(r *strict.Reader, op *command.RotateACLToken) (secret string) {
	if !r.Object() {
		return ""
	}
	for r.Field() {
		switch string(r.Key()) {
		case "keep":
			op.Keep = int64(r.Duration(0, wire.MaxKeep))
		case "secret":
			secret = readSecret(r)
		default:
			r.Unknown("keep", "secret")
		}
	}
	return secret
}
