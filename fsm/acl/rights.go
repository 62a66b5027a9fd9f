package acl

import (
	"strings"

	"github.com/limitd/limitd/fsm/command"
)

// Rights are what several policies allow together. They stay as they were when
// they were read.
type Rights struct{ policies [][]command.Rule }

// Rights returns what the policies of these names allow. A name that no policy
// has allows nothing.
func (s *State) Rights(policies ...string) Rights {
	r := Rights{policies: make([][]command.Rule, 0, len(policies))}
	for _, name := range policies {
		if p := s.policy(name); p != nil {
			r.policies = append(r.policies, p.Rules)
		}
	}
	return r
}

// May tells whether verb is allowed on the limit.
func (r Rights) May(verb command.Verb, limit string) bool {
	return r.some(verb, func(rule command.Rule) bool {
		if rule.Prefix {
			return strings.HasPrefix(limit, rule.Limit)
		}
		return limit == rule.Limit
	})
}

// Everywhere tells whether verb is allowed on all limits.
func (r Rights) Everywhere(verb command.Verb) bool {
	return r.some(verb, func(rule command.Rule) bool { return rule.Prefix && rule.Limit == "" })
}

// Somewhere tells whether verb is allowed on some limit.
func (r Rights) Somewhere(verb command.Verb) bool {
	return r.some(verb, func(command.Rule) bool { return true })
}

// Rules returns all rules, by policy.
func (r Rights) Rules() (list []command.Rule) {
	for _, rules := range r.policies {
		list = append(list, rules...)
	}
	return list
}

func (r Rights) some(verb command.Verb, fits func(command.Rule) bool) bool {
	for _, rules := range r.policies {
		for _, rule := range rules {
			if rule.Verb >= verb && fits(rule) {
				return true
			}
		}
	}
	return false
}

// policy returns a policy by its name, or nil.
func (s *State) policy(name string) *command.ACLPolicy {
	if p, ok := s.policies.Get(name); ok {
		return p
	}
	if p, ok := builtIn(name); ok {
		return &p
	}
	return nil
}

func isBuiltIn(name string) bool {
	_, ok := builtIn(name)
	return ok
}

// builtIn returns the policy that every cluster has under a verb's name: the verb
// on all limits.
func builtIn(name string) (p command.ACLPolicy, ok bool) {
	for verb := command.VerbRead; verb <= command.VerbLast; verb++ {
		if verb.String() == name {
			return command.ACLPolicy{Name: name, Rules: []command.Rule{{Verb: verb, Prefix: true}}}, true
		}
	}
	return p, false
}

// BuiltIn returns the policies that every cluster has, from the least to the most.
func BuiltIn() (list []command.ACLPolicy) {
	for verb := command.VerbRead; verb <= command.VerbLast; verb++ {
		p, _ := builtIn(verb.String())
		list = append(list, p)
	}
	return list
}
