package main

import (
	"context"
	"net/http"
	"strings"

	"github.com/limitd/limitd/transport/wire"
	"github.com/urfave/cli/v2"
)

func policySet(w world) *cli.Command {
	return &cli.Command{
		Name: "set", Usage: "make a policy, or replace its rules", ArgsUsage: "NAME --allow VERB:LIMIT",
		Description: "limitd acl policy set workers --allow 'acquire:db*' --allow read:api\n\n" +
			"The verbs are read, acquire, manage and operator; each allows what those before it allow.\n" +
			"A limit ends in * to mean all whose names begin so; operator is about the cluster and stands alone.",
		Flags: apiFlags(&cli.StringSliceFlag{Name: "allow", Usage: "rule `VERB:LIMIT`; may be repeated"}),
		Action: func(c *cli.Context) error {
			name, err := oneACLName(c, "policy")
			if err != nil {
				return err
			}
			var request wire.ACLPolicyRequest
			for _, text := range c.StringSlice("allow") {
				verb, limit, _ := strings.Cut(text, ":")
				request.Rules = append(request.Rules, wire.ACLRule{Verb: verb, Limit: limit})
			}
			if len(request.Rules) == 0 {
				return usagef(commandPath(c), "say what the policy allows: --allow VERB:LIMIT, such as --allow 'acquire:db*'")
			}
			return showPolicy(c, w, http.MethodPut, name, request)
		},
	}
}

func policyGet(w world) *cli.Command {
	return &cli.Command{
		Name: "get", Usage: "show one policy", ArgsUsage: "NAME", Flags: apiFlags(),
		Action: func(c *cli.Context) error {
			name, err := oneACLName(c, "policy")
			if err != nil {
				return err
			}
			return showPolicy(c, w, http.MethodGet, name, nil)
		},
	}
}

// showPolicy sends a request whose answer is a policy, and shows it.
func showPolicy(c *cli.Context, w world, method, name string, in any) error {
	p, err := newPrinter(c, w)
	if err != nil {
		return err
	}
	raw, err := newAPI(c, w).call(c.Context, method, aclPath("policies", name), in)
	policy, err := read[wire.ACLPolicy](raw, err)
	if err != nil {
		return err
	}
	return p.show(single(item{policy.Name, policy, raw}, func() error {
		return p.fields("Name", policy.Name, "Allows", ruleText(policy.Rules))
	}))
}

// ruleText writes rules as --allow reads them.
func ruleText(rules []wire.ACLRule) string {
	list := make([]string, len(rules))
	for i, r := range rules {
		if list[i] = r.Verb; r.Limit != "" {
			list[i] += ":" + r.Limit
		}
	}
	return strings.Join(list, " ")
}

func policyList(w world) *cli.Command {
	return &cli.Command{
		Name: "list", Usage: "show policies, the built-in ones first", Flags: apiFlags(watchFlags()...),
		Action: func(c *cli.Context) error {
			return showing(c, w, func(ctx context.Context, a *api, p printer) (result, error) {
				policies, raw, err := pages[wire.ACLPolicy](ctx, a, "/v1/acl/policies", "policies", nil)
				return result{
					whole: map[string]any{"policies": raw},
					items: listed(policies, raw, func(x wire.ACLPolicy) string { return x.Name }),
					people: func() error {
						var rows [][]string
						for _, x := range policies {
							rows = append(rows, []string{x.Name, ruleText(x.Rules)})
						}
						return p.table([]string{"NAME", "ALLOWS"}, rows)
					},
				}, err
			})
		},
	}
}

func policyDelete(w world) *cli.Command {
	return &cli.Command{
		Name: "delete", Usage: "remove a policy that no token has", ArgsUsage: "NAME", Flags: apiFlags(),
		Action: func(c *cli.Context) error { return deleteACL(c, w, "policy", "policies") },
	}
}
