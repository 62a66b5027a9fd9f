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
		Name: "get", Usage: "show one limit", ArgsUsage: "NAME", Flags: apiFlags(),
		Action: func(c *cli.Context) error {
			name, err := oneName(c)
			if err != nil {
				return err
			}
			return showLimit(c, w, http.MethodGet, limitPath(name), nil)
		},
	}
}

// showLimit sends a request whose answer is a limit, and prints it.
func showLimit(c *cli.Context, w world, method, path string, in any) error {
	p, err := newPrinter(c, w)
	if err != nil {
		return err
	}
	raw, err := newAPI(c, w).call(c.Context, method, path, in)
	limit, err := read[wire.Limit](raw, err)
	if err != nil {
		return err
	}
	if p.json {
		return p.object(raw)
	}
	return p.fields(limitFields(limit)...)
}

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
		Flags: apiFlags(
			&cli.StringFlag{Name: "prefix", Usage: "only names that begin with `TEXT`"},
			&cli.StringSliceFlag{Name: "label", Usage: "only limits with this label, `KEY=VALUE`; may be repeated"},
		),
		Action: func(c *cli.Context) error {
			p, err := newPrinter(c, w)
			if err != nil {
				return err
			}
			if c.Args().Present() {
				return usagef(commandPath(c), "unexpected argument %q", c.Args().First())
			}
			filter := url.Values{"label": c.StringSlice("label")}
			if c.IsSet("prefix") {
				filter.Set("prefix", c.String("prefix"))
			}
			limits, raw, err := listLimits(c.Context, newAPI(c, w), filter)
			if err != nil {
				return err
			}
			if p.json {
				return p.object(map[string]any{"limits": raw})
			}
			return p.table([]string{"NAME", "SLOTS", "OCCUPIED", "WAITING", "RATE", "STATE", "LABELS"}, limitRows(limits))
		},
	}
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

// listLimits reads all pages; raw holds the limits as they came.
func listLimits(ctx context.Context, a *api, filter url.Values) (limits []wire.Limit, raw []json.RawMessage, err error) {
	filter.Set("page_size", strconv.Itoa(wire.MaxPage))
	raw = []json.RawMessage{}
	for {
		page, err := read[struct {
			Limits []json.RawMessage `json:"limits"`
			Next   string            `json:"next_page_token"`
		}](a.call(ctx, http.MethodGet, "/v1/limits?"+filter.Encode(), nil))
		if err != nil {
			return nil, nil, err
		}
		for _, r := range page.Limits {
			l, err := read[wire.Limit](r, nil)
			if err != nil {
				return nil, nil, err
			}
			limits, raw = append(limits, l), append(raw, r)
		}
		if page.Next == "" {
			return limits, raw, nil
		}
		filter.Set("page_token", page.Next)
	}
}

// limitNames lists the names for completion, quickly or not at all.
func limitNames(w world) []string {
	a := &api{timeout: 300 * time.Millisecond, client: &http.Client{}, bases: bases(defaultAddress)}
	if list, ok := w.lookup("LIMITD_ADDR"); ok && list != "" {
		a.bases = bases(list)
	}
	a.token, _ = w.lookup("LIMITD_TOKEN")
	limits, _, err := listLimits(context.Background(), a, url.Values{"consistency": {"stale"}})
	if err != nil {
		return nil // completion stays silent
	}
	var names []string
	for _, l := range limits {
		names = append(names, l.Name)
	}
	return names
}
