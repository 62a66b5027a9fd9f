package main

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/limitd/limitd/transport/wire"
	"github.com/urfave/cli/v2"
)

func holdersCommand(w world) *cli.Command {
	return &cli.Command{
		Name: "holders", Usage: "show who occupies a limit, oldest first", ArgsUsage: "NAME", Flags: apiFlags(watchFlags()...),
		Description: "limitd holders db\nlimitd holders db -o template='{{.Owner.Host}} {{.Slots}}'\n\n" +
			"HELD is reckoned by this machine's clock. KIND: lease; rate, which only decay gives back; grace, of\n" +
			"an expired lease; anonymous, occupied without a lease.",
		Action: func(c *cli.Context) error {
			return showPages(c, w, "/holders", "holders", func(h wire.Holder) string { return h.ID }, holderTable)
		},
	}
}

func queueCommand(w world) *cli.Command {
	return &cli.Command{
		Name: "queue", Usage: "show who waits for a limit, oldest first", ArgsUsage: "NAME", Flags: apiFlags(watchFlags()...),
		Description: "limitd queue db\nlimitd queue db -o jsonl\n\n" +
			"BLOCKED-BY is the limit that holds a waiter up, which may be another one of those it asks for. STATE:\n" +
			"protected, because it was first for long: slots are kept for it; parted: it has stepped aside.",
		Action: func(c *cli.Context) error {
			return showPages(c, w, "/queue", "waiters", func(w wire.Waiter) string { return w.ID }, waiterTable)
		},
	}
}

// showPages shows a list that stands below one limit.
func showPages[T any](c *cli.Context, w world, below, key string, name func(T) string, table func(printer, []T) error) error {
	limit, err := oneName(c)
	if err != nil {
		return err
	}
	return showing(c, w, func(ctx context.Context, a *api, p printer) (result, error) {
		values, raw, err := pages[T](ctx, a, limitPath(limit, below), key, nil)
		return result{
			whole: map[string]any{key: raw}, items: listed(values, raw, name), mark: withoutTimes,
			people: func() error { return table(p, values) },
		}, err
	})
}

func holderTable(p printer, holders []wire.Holder) error {
	var rows [][]string
	for _, h := range holders {
		token := "-"
		if h.Token != 0 {
			token = strconv.FormatUint(h.Token, 10)
		}
		rows = append(rows, []string{
			token, strconv.FormatInt(h.Slots, 10), h.Kind, ownerText(h.Owner),
			spanText(time.Since(h.GrantedAt)), maybeSpan(h.ExpiresIn), ordinalText(h.Ordinals), orDash(h.ID),
		})
	}
	return p.table([]string{"TOKEN", "SLOTS", "KIND", "OWNER", "HELD", "EXPIRES", "ORDINALS", "ID"}, rows)
}

func waiterTable(p printer, waiters []wire.Waiter) error {
	var rows [][]string
	for _, w := range waiters {
		state := "waiting"
		switch {
		case w.Parted:
			state = "parted"
		case w.Protected:
			state = "protected"
		}
		rows = append(rows, []string{
			strconv.FormatInt(w.Position, 10), strconv.FormatInt(w.Slots, 10), ownerText(w.Owner),
			spanText(time.Duration(w.WaitingFor)), spanText(time.Duration(w.DeadlineIn)), maybeSpan(w.EstimatedWait),
			orDash(w.ParkedOn), state, w.ID,
		})
	}
	return p.table([]string{"POSITION", "SLOTS", "OWNER", "WAITED", "GIVES-UP", "ESTIMATE", "BLOCKED-BY", "STATE", "ID"}, rows)
}

// ordinalText lists the slots of a numbered limit: "0,3".
func ordinalText(ordinals []uint32) string {
	texts := make([]string, len(ordinals))
	for i, n := range ordinals {
		texts[i] = strconv.FormatUint(uint64(n), 10)
	}
	return orDash(strings.Join(texts, ","))
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
