package main

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/limitd/limitd/transport/wire"
	"github.com/urfave/cli/v2"
)

func leaseCommand(w world) *cli.Command {
	return &cli.Command{
		Name: "lease", Usage: "show leases, and release them in their holders' stead",
		Subcommands: []*cli.Command{leaseList(w), leaseRelease(w)},
	}
}

// leaseFilterFlags select leases; all that are given have to fit.
func leaseFilterFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "limit", Usage: "only leases on the limit `NAME`"},
		&cli.StringFlag{Name: "owner", Usage: "only leases of the owner `NAME`"},
		&cli.DurationFlag{Name: "older-than", Usage: "only leases held for at least so long"},
	}
}

// leaseFilter reads them; it is empty where none is given.
func leaseFilter(c *cli.Context) (url.Values, error) {
	filter := url.Values{}
	for _, name := range []string{"limit", "owner"} {
		if c.IsSet(name) {
			if c.String(name) == "" {
				return nil, usagef(commandPath(c), "--%s must not be empty: leave it out to mean any", name)
			}
			filter.Set(name, c.String(name))
		}
	}
	if c.IsSet("older-than") {
		filter.Set("older_than", c.Duration("older-than").String())
	}
	return filter, nil
}

func leaseList(w world) *cli.Command {
	return &cli.Command{
		Name: "list", Usage: "show leases, oldest first",
		Description: "limitd lease list --limit db --older-than 1h\nlimitd lease list --owner etl -o template='{{.Token}} {{.Owner.Host}}'",
		Flags:       apiFlags(append(watchFlags(), leaseFilterFlags()...)...),
		Action: func(c *cli.Context) error {
			filter, err := leaseFilter(c)
			if err != nil {
				return err
			}
			return showing(c, w, func(ctx context.Context, a *api, p printer) (result, error) {
				leases, raw, err := askLeases(ctx, a, maps.Clone(filter))
				return result{
					whole: map[string]any{"leases": raw}, items: listed(leases, raw, leaseName), mark: withoutTimes,
					people: func() error { return leaseTable(p, leases) },
				}, err
			})
		},
	}
}

// askLeases asks for the leases that filter selects. Where a limit has none, it asks
// whether there is such a limit.
func askLeases(ctx context.Context, a *api, filter url.Values) ([]wire.Lease, []json.RawMessage, error) {
	leases, raw, err := pages[wire.Lease](ctx, a, "/v1/leases", "leases", filter)
	if limit := filter.Get("limit"); err == nil && limit != "" && len(leases) == 0 {
		_, err = a.call(ctx, http.MethodGet, limitPath(limit), nil)
	}
	return leases, raw, err
}

// leaseName is what a lease is called: its token, which "lease release" takes.
func leaseName(l wire.Lease) string { return strconv.FormatUint(l.Token, 10) }

func leaseTable(p printer, leases []wire.Lease) error {
	var rows [][]string
	for _, l := range leases {
		rows = append(rows, []string{
			leaseName(l), grantText(l.Limits), ownerText(l.Owner), spanText(time.Duration(l.Held)),
			spanText(time.Duration(l.ExpiresIn)), spanText(time.Duration(l.TTL)), l.ID,
		})
	}
	return p.table([]string{"TOKEN", "LIMITS", "OWNER", "HELD", "EXPIRES", "TTL", "ID"}, rows)
}

func leaseFields(l wire.Lease) []string {
	return []string{
		"Token", leaseName(l), "Limits", grantText(l.Limits), "Owner", ownerText(l.Owner),
		"Granted", l.GrantedAt.Format(time.RFC3339), "Held", spanText(time.Duration(l.Held)),
		"Expires", spanText(time.Duration(l.ExpiresIn)) + ", unless it is renewed", "TTL", spanText(time.Duration(l.TTL)), "Id", l.ID,
	}
}

// grantText lists what was granted: "db:2,gpu[0,3]" for two slots of db, and
// those numbered 0 and 3 of gpu. What was not counted stands in brackets.
func grantText(limits []wire.GrantedLimit) string {
	texts := make([]string, len(limits))
	for i, g := range limits {
		switch text := g.Name; {
		case !g.Counted:
			texts[i] = "(" + text + ")"
		case len(g.Ordinals) > 0:
			texts[i] = text + "[" + ordinalText(g.Ordinals) + "]"
		case g.Slots != 1:
			texts[i] = text + ":" + strconv.FormatInt(g.Slots, 10)
		default:
			texts[i] = text
		}
	}
	return orDash(strings.Join(texts, ","))
}
