package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/limitd/limitd/transport/wire"
	"github.com/urfave/cli/v2"
)

func limitCommand(w world) *cli.Command {
	return &cli.Command{
		Name: "limit", Usage: "make, show and change limits",
		Subcommands: []*cli.Command{
			limitCreate(w), limitGet(w), limitList(w), limitUpdate(w), limitDelete(w),
			limitSwitch(w, "enable", true), limitSwitch(w, "disable", false), limitReset(w),
		},
	}
}

// limitPath returns the path of a limit, and whatever stands below it.
func limitPath(name string, below ...string) string {
	return "/v1/limits/" + url.PathEscape(name) + strings.Join(below, "")
}

// oneName returns the command's only argument.
func oneName(c *cli.Context) (string, error) {
	if c.NArg() != 1 {
		return "", usagef(commandPath(c), "name one limit")
	}
	return c.Args().First(), nil
}

func limitGet(w world) *cli.Command {
	return &cli.Command{
		Name: "get", Usage: "show one limit", ArgsUsage: "NAME", Flags: apiFlags(watchFlags()...),
		Action: func(c *cli.Context) error {
			name, err := oneName(c)
			if err != nil {
				return err
			}
			return showing(c, w, func(ctx context.Context, a *api, p printer) (result, error) {
				raw, err := a.call(ctx, http.MethodGet, limitPath(name), nil)
				return limitResult(p, raw, err, limitDetails)
			})
		},
	}
}

// showLimit sends a request whose answer is a limit, and shows it, to people by
// the given function.
func showLimit(c *cli.Context, w world, method, path string, in any, people func(printer, wire.Limit) error) error {
	p, err := newPrinter(c, w)
	if err != nil {
		return err
	}
	raw, err := newAPI(c, w).call(c.Context, method, path, in)
	r, err := limitResult(p, raw, err, people)
	if err != nil {
		return err
	}
	return p.show(r)
}

// limitResult makes a result of an answer that is a limit.
func limitResult(p printer, raw json.RawMessage, err error, people func(printer, wire.Limit) error) (result, error) {
	limit, err := read[wire.Limit](raw, err)
	if err != nil {
		return result{}, err
	}
	it := item{name: limit.Name, value: limit, json: raw}
	return single(it, func() error { return people(p, limit) }), nil
}

func limitDetails(p printer, l wire.Limit) error { return p.fields(limitFields(l)...) }

func limitFields(l wire.Limit) []string {
	pairs := []string{
		"Name", l.Name,
		"Slots", strconv.FormatInt(l.Slots, 10),
		"Occupied", strconv.FormatInt(l.Status.Occupied, 10),
		"Waiting", strconv.FormatInt(l.Status.Waiting, 10),
		"Denied", strconv.FormatInt(l.Status.Denied, 10),
		"State", limitState(l),
		"Rate", l.Rate,
		"Average occupancy", l.Status.AvgSlotOccupancy.String(),
	}
	if l.Numbered {
		pairs = append(pairs, "Numbered", "true")
	}
	if l.Grace != 0 {
		pairs = append(pairs, "Grace", l.Grace.String())
	}
	if l.Description != "" {
		pairs = append(pairs, "Description", l.Description)
	}
	if len(l.Labels) > 0 {
		pairs = append(pairs, "Labels", labelText(l.Labels))
	}
	return append(pairs, "Id", l.ID, "Revision", strconv.FormatUint(l.Revision, 10), "Updated", l.UpdatedAt.Format(time.RFC3339))
}

func limitState(l wire.Limit) string {
	switch {
	case !l.Active && l.Implicit:
		return "inactive (implicit)"
	case !l.Active:
		return "inactive"
	case l.Enforcement == wire.EnforcementShadow:
		return "shadow"
	}
	return "active"
}

func labelText(labels map[string]string) string {
	list := make([]string, 0, len(labels))
	for k, v := range labels {
		list = append(list, k+"="+v)
	}
	sort.Strings(list)
	return strings.Join(list, ",")
}

func limitList(w world) *cli.Command {
	return &cli.Command{
		Name: "list", Usage: "show limits, by name",
		Flags: apiFlags(append(watchFlags(), limitFilterFlags()...)...),
		Action: func(c *cli.Context) error {
			return showing(c, w, func(ctx context.Context, a *api, p printer) (result, error) {
				return askLimits(ctx, a, p, limitFilter(c))
			})
		},
	}
}

func limitFilterFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "prefix", Usage: "only names that begin with `TEXT`"},
		&cli.StringSliceFlag{Name: "label", Usage: "only limits with this label, `KEY=VALUE`; may be repeated"},
	}
}

func limitFilter(c *cli.Context) url.Values {
	filter := url.Values{"label": c.StringSlice("label")}
	if c.IsSet("prefix") {
		filter.Set("prefix", c.String("prefix"))
	}
	return filter
}

func askLimits(ctx context.Context, a *api, p printer, filter url.Values) (result, error) {
	limits, raw, err := listLimits(ctx, a, filter)
	if err != nil {
		return result{}, err
	}
	return result{
		whole: map[string]any{"limits": raw},
		items: listed(limits, raw, func(l wire.Limit) string { return l.Name }),
		people: func() error {
			return p.table([]string{"NAME", "SLOTS", "OCCUPIED", "WAITING", "RATE", "STATE", "LABELS"}, limitRows(limits))
		},
	}, nil
}

func limitRows(limits []wire.Limit) [][]string {
	var rows [][]string
	for _, l := range limits {
		rows = append(rows, []string{
			l.Name, strconv.FormatInt(l.Slots, 10), strconv.FormatInt(l.Status.Occupied, 10),
			strconv.FormatInt(l.Status.Waiting, 10), l.Rate, limitState(l), labelText(l.Labels),
		})
	}
	return rows
}

func listLimits(ctx context.Context, a *api, filter url.Values) ([]wire.Limit, []json.RawMessage, error) {
	return pages[wire.Limit](ctx, a, "/v1/limits", "limits", filter)
}
