package limit_test

import (
	"crypto/sha256"

	"github.com/limitd/limitd/fsm/acl"
	"github.com/limitd/limitd/fsm/command"
)

// secret is the hash of one of a few secrets.
func (d *dice) secret() [32]byte { return sha256.Sum256([]byte{byte(d.IntN(6))}) }

func (d *dice) tokenName() string { return []string{"x", "y", acl.Bootstrap}[d.IntN(3)] }

// policyName is mostly one that anybody may make.
func (d *dice) policyName() string { return []string{"p", "p", "q", "q", "read", "manage"}[d.IntN(6)] }

func (d *dice) policy(h *command.Header) command.Op {
	d.key(h, 10)
	p := &command.PutACLPolicy{Name: d.policyName()}
	for range d.pick(0, 1, 1, 2, 3) {
		p.Rules = append(p.Rules, command.Rule{
			Verb: command.Verb(d.pick(0, 1, 1, 2, 3)), Limit: []string{"", "a", "b", "bc"}[d.IntN(4)], Prefix: d.chance(60),
		})
	}
	return p
}

func (d *dice) deletePolicy(h *command.Header) command.Op {
	d.key(h, 10)
	return &command.DeleteACLPolicy{Name: d.policyName()}
}

func (d *dice) createToken(h *command.Header) command.Op {
	d.key(h, 10)
	t := &command.CreateACLToken{Name: d.tokenName(), Hash: d.secret(), TTL: d.span(0, 0, 19, 20, 40), By: d.tokenName()}
	for range d.pick(0, 1, 1, 1, 2) {
		t.Policies = append(t.Policies, d.policyName())
	}
	return t
}

func (d *dice) rotateToken(h *command.Header) command.Op {
	d.key(h, 10)
	return &command.RotateACLToken{Name: d.tokenName(), Hash: d.secret(), Keep: d.span(0, 4, 20)}
}

func (d *dice) deleteToken(h *command.Header) command.Op {
	d.key(h, 10)
	return &command.DeleteACLToken{Name: d.tokenName()}
}

// bootstrap makes the first token, mostly by the number that it takes.
func (d *dice) bootstrap(h *command.Header) command.Op {
	d.key(h, 10)
	op := &command.BootstrapACL{Hash: d.secret(), Reset: d.first}
	if d.chance(20) {
		op.Reset = uint64(d.pick(0, 7))
	}
	return op
}
