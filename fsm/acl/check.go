package acl

import (
	"fmt"
	"slices"

	"github.com/limitd/limitd/fsm/command"
)

// CheckName tells what is wrong with the name of a token or a policy, or "". It
// has 1 to 64 of A-Z a-z 0-9 _ . : - and begins with a letter or a digit.
func CheckName(name string) string {
	if len(name) == 0 || len(name) > command.MaxACLName {
		return "a name has 1 to 64 characters"
	}
	for i := range len(name) {
		c := name[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case i > 0 && (c == '_' || c == '.' || c == ':' || c == '-'):
		default:
			return "a name consists of A-Z a-z 0-9 _ . : - and begins with a letter or a digit"
		}
	}
	return ""
}

// CheckPolicy tells what is wrong with a policy, or "".
func CheckPolicy(name string, rules []command.Rule) string {
	switch why := CheckName(name); {
	case why != "":
		return why
	case isBuiltIn(name):
		return fmt.Sprintf("the policy %q is built in; choose another name", name)
	case len(rules) == 0 || len(rules) > command.MaxACLRules:
		return fmt.Sprintf("a policy has 1 to %d rules, not %d", command.MaxACLRules, len(rules))
	}
	for _, r := range rules {
		switch {
		case r.Verb == command.VerbOperator && (r.Limit != "" || !r.Prefix):
			return "operator is about the whole cluster: its rule names no limit"
		case len(r.Limit) > maxLimitName || r.Limit == "" && !r.Prefix:
			return "a rule names a limit in 1 to 255 bytes, or what the names begin with"
		}
	}
	return ""
}

const maxLimitName = 255 // bytes

func checkToken(op *command.CreateACLToken) string {
	switch why := CheckName(op.Name); {
	case why != "":
		return why
	case len(op.Policies) == 0 || len(op.Policies) > command.MaxTokenGrants:
		return fmt.Sprintf("a token has 1 to %d policies, not %d", command.MaxTokenGrants, len(op.Policies))
	case op.TTL != 0 && (op.TTL < second || op.TTL > MaxTTL):
		return "a token lives for 1s to 87600h, or without an end"
	}
	for i, name := range op.Policies {
		if slices.Contains(op.Policies[:i], name) {
			return fmt.Sprintf("the policy %q is named twice", name)
		}
	}
	return ""
}
