package httpapi

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/limitd/limitd/fsm/acl"
	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
	"github.com/limitd/limitd/transport/httpapi/strict"
	"github.com/limitd/limitd/transport/wire"
)

// listPolicies serves GET /v1/acl/policies: on the first page the built-in ones
// come first.
func (c *call) listPolicies() error {
	if err := c.needsACL(); err != nil {
		return err
	}
	p, err := c.page()
	if err != nil {
		return err
	}
	var list []command.ACLPolicy
	if err := c.read(func(s *limit.State) { list = s.ACL().Policies(p.after, p.size+1) }); err != nil {
		return err
	}
	list, more := cut(list, p.size)
	out := wire.ACLPolicies{Policies: []wire.ACLPolicy{}}
	if p.after == "" {
		for _, builtIn := range acl.BuiltIn() {
			out.Policies = append(out.Policies, policyBody(builtIn))
		}
	}
	for _, policy := range list {
		out.Policies = append(out.Policies, policyBody(policy))
	}
	if more {
		out.NextPageToken = p.next(list[len(list)-1].Name)
	}
	return c.json(http.StatusOK, out)
}

// getPolicy serves GET /v1/acl/policies/{name}.
func (c *call) getPolicy() error {
	if err := c.needsACL(); err != nil {
		return err
	}
	var policy command.ACLPolicy
	var found bool
	if err := c.read(func(s *limit.State) { policy, found = s.ACL().Policy(c.param) }); err != nil {
		return err
	}
	if !found {
		return c.refusal(&command.Problem{Code: command.CodePolicyNotFound, Detail: "no policy is named " + c.param})
	}
	return c.json(http.StatusOK, policyBody(policy))
}

// putPolicy serves PUT /v1/acl/policies/{name}.
func (c *call) putPolicy() error {
	op := command.PutACLPolicy{Name: c.param}
	if err := c.needsACL(); err != nil {
		return err
	}
	if err := c.decode(func(r *strict.Reader) { op.Rules = readPolicy(r) }); err != nil {
		return err
	}
	result, err := c.write(&op)
	if err != nil {
		return err
	}
	policy, ok := result.(*command.ACLPolicy)
	if !ok {
		return unexpected(result)
	}
	if !policy.Created {
		return c.json(http.StatusOK, policyBody(*policy))
	}
	c.header("Location", "/v1/acl/policies/"+url.PathEscape(policy.Name))
	return c.json(http.StatusCreated, policyBody(*policy))
}

// deletePolicy serves DELETE /v1/acl/policies/{name}.
func (c *call) deletePolicy() error {
	return c.withdraw(&command.DeleteACLPolicy{Name: c.param})
}

func policyBody(p command.ACLPolicy) wire.ACLPolicy {
	w := wire.ACLPolicy{Name: p.Name, Rules: rulesBody(p.Rules), BuiltIn: p.UpdatedWall == 0, Replayed: p.Replayed}
	if !w.BuiltIn {
		at := wallTime(p.UpdatedWall)
		w.UpdatedAt = &at
	}
	return w
}

func rulesBody(rules []command.Rule) []wire.ACLRule {
	list := make([]wire.ACLRule, len(rules))
	for i, r := range rules {
		list[i] = wire.ACLRule{Verb: r.Verb.String(), Limit: r.Limit}
		if r.Prefix && r.Verb != command.VerbOperator {
			list[i].Limit += "*"
		}
	}
	return list
}

func readPolicy(r *strict.Reader) (rules []command.Rule) {
	if !r.Object() {
		return nil
	}
	for r.Field() {
		switch string(r.Key()) {
		case "rules":
			rules = readList(r, func() command.Rule { return readRule(r) })
		default:
			r.Unknown("rules")
		}
	}
	if n := len(rules); n == 0 || n > wire.MaxRules {
		r.FaultAt("rules", "must be 1 to %d rules", wire.MaxRules)
	}
	return rules
}

func readRule(r *strict.Reader) (rule command.Rule) {
	if !r.Object() {
		return rule
	}
	verb, pattern := false, false
	for r.Field() {
		switch string(r.Key()) {
		case "verb":
			rule.Verb = command.Verb(r.Enum(wire.VerbRead, wire.VerbAcquire, wire.VerbManage, wire.VerbOperator))
			verb = true
		case "limit":
			rule.Limit, rule.Prefix = readPattern(r)
			pattern = true
		default:
			r.Unknown("verb", "limit")
		}
	}
	switch {
	case !verb:
		r.FaultAt("verb", "is required")
	case rule.Verb == command.VerbOperator && pattern:
		r.FaultAt("limit", "operator is about the whole cluster, and names no limit")
	case rule.Verb != command.VerbOperator && !pattern:
		r.FaultAt("limit", "is required: a name, or the beginning of names with a * behind it; * alone means all")
	}
	if rule.Verb == command.VerbOperator {
		rule.Limit, rule.Prefix = "", true
	}
	return rule
}

// readPattern reads the name of a limit, or with a * at its end what names begin with.
func readPattern(r *strict.Reader) (name string, prefix bool) {
	at := r.Faults()
	text := r.Text()
	if r.Faults() > at {
		return "", false
	}
	name, prefix = strings.CutSuffix(text, "*")
	wrong := wire.CheckName(name)
	if dots := name == "." || name == ".."; wrong != "" && !(prefix && (name == "" || dots)) {
		r.Fault("%s", wrong)
	}
	return name, prefix
}
