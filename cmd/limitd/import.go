package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
	"github.com/limitd/limitd/transport/decay"
	"github.com/limitd/limitd/transport/wire"
	"github.com/urfave/cli/v2"
)

func importCommand(w world) *cli.Command {
	return &cli.Command{
		Name: "import", Usage: "copy limits from another system",
		Subcommands: []*cli.Command{{
			Name: "prefect", Usage: "copy the limits of a Prefect server", ArgsUsage: "--from URL",
			Description: "limitd import prefect --from http://prefect:4200/api\n\n" +
				"Copies slots, decay and whether a limit is active; what limitd has beside is left as it is, and\n" +
				"so are limits that the server does not have. May be repeated. Limits of tags and deployments,\n" +
				"which a Prefect server keeps for itself, are left out unless --all is given. A limit that limitd\n" +
				"does not take is named with the reason; the others are copied, and the exit code is 1.",
			Flags: apiFlags(
				&cli.StringFlag{Name: "from", Usage: "`URL` of the server's API"},
				&cli.StringFlag{Name: "auth", Usage: "`USER:PASSWORD` of the server [$PREFECT_API_AUTH_STRING]"},
				&cli.StringFlag{Name: "key", Usage: "API `KEY` of the server [$PREFECT_API_KEY]"},
				&cli.BoolFlag{Name: "all", Usage: "copy the limits of tags and deployments too"},
				&cli.BoolFlag{Name: "dry-run", Usage: "change nothing, and say what would change"},
			),
			Action: func(c *cli.Context) error { return importPrefect(c, w) },
		}},
	}
}

// imported tells what came of one limit.
type imported struct {
	Name    string `json:"name"`
	Outcome string `json:"outcome"` // created, updated, unchanged, left out or refused
}

func importPrefect(c *cli.Context, w world) error {
	if c.NArg() > 0 || c.String("from") == "" {
		return usagef(commandPath(c), "say where the server is: --from http://prefect:4200/api")
	}
	p, err := newPrinter(c, w)
	if err != nil {
		return err
	}
	from := bases(c.String("from"), "http")
	if len(from) != 1 {
		return usagef(commandPath(c), "--from %q is not the one URL of a server", c.String("from"))
	}
	source := prefectServer{
		base: from[0], timeout: c.Duration("timeout"),
		auth: setting(c, w, "auth", "PREFECT_API_AUTH_STRING", ""), key: setting(c, w, "key", "PREFECT_API_KEY", ""),
	}
	limits, err := source.limits(c.Context)
	if err != nil {
		return err
	}
	nodes := newAPI(c, w)
	if err := errors.Join(nodes.unfit, checkBases(nodes.bases)); err != nil {
		return err
	}
	list := []imported{} // what was done counts, also where something fails behind it
	refused := 0
	for _, l := range limits {
		done := imported{l.Name, "left out"}
		if c.Bool("all") || !isReserved(l.Name) {
			done.Outcome, err = copyLimit(c, nodes, l)
		}
		if isRefusal(err) {
			fmt.Fprintf(w.stderr, "%q is not copied: %v\n", l.Name, err)
			done.Outcome, err, refused = "refused", nil, refused+1
		}
		if err != nil {
			return errors.Join(showImported(p, list), err)
		}
		list = append(list, done)
	}
	if err := showImported(p, list); err != nil || refused == 0 {
		return err
	}
	return failf(exitError, "limitd does not take %d of the %d limits", refused, len(list))
}

// isRefusal tells whether the next limit may fare better.
func isRefusal(err error) bool {
	var f *failure
	return errors.As(err, &f) && (f.code == exitUsage || f.code == exitPermission || f.code == exitError)
}

// misfit tells why limitd cannot have such a limit.
func misfit(l prefectLimit) error {
	if err := limit.CheckName(l.Name); err != nil {
		return failf(exitUsage, "%s", strings.TrimPrefix(err.Error(), limit.ErrName.Error()+": "))
	}
	if l.Limit < 0 || l.Limit > command.MaxSlots {
		return failf(exitUsage, "it has %d slots; 0 to %d are possible", l.Limit, command.MaxSlots)
	}
	if _, err := decay.Read(cmp.Or(l.Decay.String(), "0")); err != nil {
		return failf(exitUsage, "slot_decay_per_second is %s: %v", l.Decay, err)
	}
	return nil
}

// isReserved tells whether a Prefect server keeps a limit for its own use.
func isReserved(name string) bool {
	return strings.HasPrefix(name, "tag:") || strings.HasPrefix(name, "deployment:")
}

// copyLimit makes one limit, or brings it to the settings of l.
func copyLimit(c *cli.Context, nodes *api, l prefectLimit) (outcome string, err error) {
	if err := misfit(l); err != nil {
		return "", err
	}
	dry := c.Bool("dry-run")
	now, err := read[wire.Limit](nodes.call(c.Context, http.MethodGet, limitPath(l.Name), nil))
	var f *failure
	switch {
	case errors.As(err, &f) && f.code == exitNotFound:
		if !dry {
			_, err = nodes.call(c.Context, http.MethodPost, "/v1/limits", wire.LimitRequest{
				Name: l.Name, Slots: l.Limit, Active: &l.Active, Decay: l.Decay,
			})
		} else {
			err = nil
		}
		return "created", err
	case err != nil:
		return "", err
	case now.Slots == l.Limit && now.Active == l.Active && sameNumber(now.Decay, l.Decay) && !now.Implicit:
		return "unchanged", nil
	case !dry:
		_, err = nodes.call(c.Context, http.MethodPatch, limitPath(l.Name), wire.LimitPatch{
			Slots: &l.Limit, Active: &l.Active, Decay: &l.Decay,
		})
	}
	return "updated", err
}

func sameNumber(x, y json.Number) bool {
	a, err := x.Float64()
	b, err2 := y.Float64()
	return err == nil && err2 == nil && a == b
}

func showImported(p printer, list []imported) error {
	shown := result{whole: list, people: func() error { return importedTable(p, list) }}
	for _, l := range list {
		shown.items = append(shown.items, item{l.Name, l, l})
	}
	return p.show(shown)
}

func importedTable(p printer, list []imported) error {
	rows := make([][]string, len(list))
	for i, l := range list {
		rows[i] = []string{l.Name, l.Outcome}
	}
	return p.table([]string{"LIMIT", "OUTCOME"}, rows)
}
