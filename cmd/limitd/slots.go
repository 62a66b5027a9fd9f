package main

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/limitd/limitd/transport/wire"
	"github.com/urfave/cli/v2"
)

// slotsHelp says how limits are named by whoever takes slots of them.
const slotsHelp = "NAME means one slot of the limit, NAME:N that many (a limit whose name ends like that: NAME:9:1)."

func rateFlag() cli.Flag {
	return &cli.StringSliceFlag{Name: "rate-limit", Usage: "take slots of this rate limit as well, `NAME[:N]`, which only its decay gives back; may be repeated"}
}

// entriesOf reads the limits that a command line asks slots of: arguments, and
// those of --rate-limit.
func entriesOf(c *cli.Context, names []string) ([]wire.Entry, error) {
	var list []wire.Entry
	for _, text := range names {
		list = append(list, parseEntry(text, wire.ModeConcurrency))
	}
	for _, text := range c.StringSlice("rate-limit") {
		list = append(list, parseEntry(text, wire.ModeRateLimit))
	}
	if len(list) == 0 {
		return nil, usagef(commandPath(c), "name the limits: NAME, or NAME:N for N slots")
	}
	seen := map[string]bool{}
	for _, e := range list {
		if e.Slots < 1 {
			return nil, usagef(commandPath(c), "%s:%d asks for no slot of %q; ask for at least 1", e.Name, e.Slots, e.Name)
		}
		if seen[e.Name] {
			return nil, usagef(commandPath(c), "the limit %q is named twice; %s:2 means two slots of it", e.Name, e.Name)
		}
		seen[e.Name] = true
	}
	return list, nil
}

// parseEntry reads NAME or NAME:N.
func parseEntry(text, mode string) wire.Entry {
	if i := strings.LastIndexByte(text, ':'); i > 0 {
		if n, err := strconv.ParseInt(text[i+1:], 10, 64); err == nil {
			return wire.Entry{Name: text[:i], Slots: n, Mode: mode}
		}
	}
	return wire.Entry{Name: text, Slots: 1, Mode: mode}
}

// colonHint says how a limit is written whose name ends like a number of slots,
// where there is one as which an entry was not read; "" where there is none.
func colonHint(ctx context.Context, a *api, entries []wire.Entry) string {
	quick := *a
	quick.timeout = time.Second
	for _, e := range entries {
		name := fmt.Sprintf("%s:%d", e.Name, e.Slots)
		if _, err := quick.call(ctx, http.MethodGet, limitPath(name), nil); err == nil {
			return fmt.Sprintf("There is a limit %q: write %s:1 for one slot of it.", name, name)
		}
	}
	return ""
}

// entryText writes limits as the command line names them.
func entryText(list []wire.Entry) string {
	var texts []string
	for _, e := range list {
		if e.Slots == 1 {
			texts = append(texts, e.Name)
		} else {
			texts = append(texts, e.Name+":"+strconv.FormatInt(e.Slots, 10))
		}
	}
	return strings.Join(texts, " ")
}
