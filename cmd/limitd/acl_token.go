package main

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/limitd/limitd/transport/wire"
	"github.com/urfave/cli/v2"
)

// aclPath returns the path of a token or a policy, and whatever stands below it.
func aclPath(kind, name string, below ...string) string {
	return "/v1/acl/" + kind + "/" + url.PathEscape(name) + strings.Join(below, "")
}

func tokenCreate(w world) *cli.Command {
	return &cli.Command{
		Name: "create", Usage: "make a token, and show its secret this once", ArgsUsage: "NAME --policy POLICY",
		Description: "limitd acl token create etl --policy workers --ttl 720h --to etl.token\n" +
			"limitd acl token create dashboard --policy read",
		Flags: apiFlags(
			&cli.StringSliceFlag{Name: "policy", Usage: "`POLICY` that the token has: one that was made, or read, acquire, manage, operator; may be repeated"},
			&cli.DurationFlag{Name: "ttl", DefaultText: "no end", Usage: "how long the token lives"},
			secretFlag(),
		),
		Action: func(c *cli.Context) error {
			name, err := oneACLName(c, "token")
			if err != nil {
				return err
			}
			if !c.IsSet("policy") {
				return usagef(commandPath(c), "say what the token may do: --policy POLICY ('limitd acl policy list' shows them)")
			}
			return makeSecret(c, w, "/v1/acl/tokens", func(secret string) any {
				return wire.ACLTokenRequest{Name: name, Policies: c.StringSlice("policy"), TTL: wire.Duration(c.Duration("ttl")), Secret: secret}
			})
		},
	}
}

func oneACLName(c *cli.Context, what string) (string, error) {
	if c.NArg() != 1 {
		return "", usagef(commandPath(c), "name one %s", what)
	}
	return c.Args().First(), nil
}

func tokenRotate(w world) *cli.Command {
	return &cli.Command{
		Name: "rotate", Usage: "give a token another secret, and show it this once", ArgsUsage: "NAME",
		Description: "limitd acl token rotate etl --keep 1h --to etl.token",
		Flags: apiFlags(
			&cli.DurationFlag{Name: "keep", DefaultText: "not at all", Usage: "how long the secret of before is good, so that it can be replaced where it is used"},
			secretFlag(),
		),
		Action: func(c *cli.Context) error {
			name, err := oneACLName(c, "token")
			if err != nil {
				return err
			}
			return makeSecret(c, w, aclPath("tokens", name, "/rotate"), func(secret string) any {
				return wire.ACLRotateRequest{Keep: wire.Duration(c.Duration("keep")), Secret: secret}
			})
		},
	}
}

func tokenGet(w world) *cli.Command {
	return &cli.Command{
		Name: "get", Usage: "show one token, without its secret", ArgsUsage: "NAME", Flags: apiFlags(),
		Action: func(c *cli.Context) error {
			name, err := oneACLName(c, "token")
			if err != nil {
				return err
			}
			p, err := newPrinter(c, w)
			if err != nil {
				return err
			}
			raw, err := newAPI(c, w).call(c.Context, http.MethodGet, aclPath("tokens", name), nil)
			token, err := read[wire.ACLToken](raw, err)
			if err != nil {
				return err
			}
			return p.show(single(item{token.Name, token, raw}, func() error { return p.fields(tokenFields(token)...) }))
		},
	}
}

func tokenList(w world) *cli.Command {
	return &cli.Command{
		Name: "list", Usage: "show tokens, by name, without their secrets", Flags: apiFlags(watchFlags()...),
		Action: func(c *cli.Context) error {
			return showing(c, w, func(ctx context.Context, a *api, p printer) (result, error) {
				tokens, raw, err := pages[wire.ACLToken](ctx, a, "/v1/acl/tokens", "tokens", nil)
				return result{
					whole: map[string]any{"tokens": raw}, mark: withoutTimes,
					items:  listed(tokens, raw, func(t wire.ACLToken) string { return t.Name }),
					people: func() error { return tokenTable(p, tokens) },
				}, err
			})
		},
	}
}

func tokenTable(p printer, tokens []wire.ACLToken) error {
	var rows [][]string
	for _, t := range tokens {
		by := t.CreatedBy
		if by == "" {
			by = "-"
		}
		rows = append(rows, []string{t.Name, strings.Join(t.Policies, ","), maybeSpan(t.ExpiresIn), by, t.CreatedAt.Format(time.DateOnly)})
	}
	return p.table([]string{"NAME", "POLICIES", "EXPIRES IN", "CREATED BY", "CREATED"}, rows)
}

func tokenDelete(w world) *cli.Command {
	return &cli.Command{
		Name: "delete", Usage: "remove a token; it counts no more", ArgsUsage: "NAME", Flags: apiFlags(),
		Action: func(c *cli.Context) error { return deleteACL(c, w, "token", "tokens") },
	}
}

// deleteACL removes what the command line names.
func deleteACL(c *cli.Context, w world, what, kind string) error {
	name, err := oneACLName(c, what)
	if err != nil {
		return err
	}
	p, err := newPrinter(c, w)
	if err != nil {
		return err
	}
	if _, err := newAPI(c, w).call(c.Context, http.MethodDelete, aclPath(kind, name), nil); err != nil {
		return err
	}
	done := map[string]string{"deleted": name}
	return p.show(single(item{name, done, done}, func() error { return p.line("Deleted %s %s.", what, name) }))
}
