package main

import (
	"fmt"
	"net/http"
	"reflect"
	"strings"

	"github.com/limitd/limitd/transport/wire"
	"github.com/urfave/cli/v2"
)

// settingFlags are the flags that say what a limit is; slots and others tell what
// counts where a flag is not given, others being "" for each flag's own default.
func settingFlags(slots, others string) []cli.Flag {
	return []cli.Flag{
		&cli.Int64Flag{Name: "slots", Usage: "`N` slots", DefaultText: slots},
		&cli.StringFlag{Name: "rate", Usage: "how fast slots come back by themselves, such as `10/m`; 0/s: by release only", DefaultText: others},
		&cli.BoolFlag{Name: "inactive", Usage: "let everybody through", DefaultText: others},
		&cli.BoolFlag{Name: "shadow", Usage: "judge and count, but block nobody", DefaultText: others},
		&cli.BoolFlag{Name: "numbered", Usage: "give each slot a number", DefaultText: others},
		&cli.DurationFlag{Name: "grace", Usage: "how long slots of an expired lease stay occupied", DefaultText: others},
		&cli.StringFlag{Name: "description", Usage: "`TEXT` for people", DefaultText: others},
		&cli.StringSliceFlag{Name: "label", Usage: "`KEY=VALUE`, or with update KEY- to drop it; may be repeated"},
	}
}

func limitCreate(w world) *cli.Command {
	return &cli.Command{
		Name: "create", Usage: "make a limit", ArgsUsage: "NAME --slots N",
		Description: "limitd limit create db --slots 5\n" +
			"limitd limit create api --slots 10 --rate 100/m --label team=data",
		Flags: apiFlags(settingFlags("required", "")...),
		Action: func(c *cli.Context) error {
			name, err := oneName(c)
			if err != nil {
				return err
			}
			if !c.IsSet("slots") {
				return usagef(commandPath(c), "say how many slots the limit has: --slots N")
			}
			patch, err := patchOf(c)
			if err != nil {
				return err
			}
			return showLimit(c, w, http.MethodPost, "/v1/limits", createRequest(name, patch), sayCreated)
		},
	}
}

func sayCreated(p printer, l wire.Limit) error {
	if l.Rate == "0/s" {
		return p.line("Created limit %s: %s.", l.Name, slots(l.Slots))
	}
	return p.line("Created limit %s: %s, decaying at %s.", l.Name, slots(l.Slots), l.Rate)
}

// slots counts slots for people.
func slots(n int64) string {
	if n == 1 {
		return "1 slot"
	}
	return fmt.Sprintf("%d slots", n)
}

// patchOf gathers the settings that the command line gives.
func patchOf(c *cli.Context) (wire.LimitPatch, error) {
	var patch wire.LimitPatch
	if c.IsSet("slots") {
		patch.Slots = new(c.Int64("slots"))
	}
	if c.IsSet("rate") {
		patch.Rate = new(c.String("rate"))
	}
	if c.IsSet("inactive") {
		patch.Active = new(!c.Bool("inactive"))
	}
	if c.IsSet("shadow") {
		patch.Enforcement = new(enforcement(c.Bool("shadow")))
	}
	if c.IsSet("numbered") {
		patch.Numbered = new(c.Bool("numbered"))
	}
	if c.IsSet("grace") {
		patch.Grace = wire.Duration(c.Duration("grace")).Ptr()
	}
	if c.IsSet("description") {
		patch.Description = new(c.String("description"))
	}
	return patch, patchLabels(c, &patch)
}

// patchLabels reads KEY=VALUE, and KEY- which drops a label.
func patchLabels(c *cli.Context, patch *wire.LimitPatch) error {
	for _, text := range c.StringSlice("label") {
		key, value, sets := strings.Cut(text, "=")
		now := &value
		if dropped, drops := strings.CutSuffix(text, "-"); !sets && drops {
			key, now = dropped, nil
		} else if !sets {
			return usagef(commandPath(c), "the label %q is not KEY=VALUE (or KEY- to drop it)", text)
		}
		switch before, again := patch.Labels[key]; {
		case !again:
		case (before == nil) != (now == nil):
			return usagef(commandPath(c), "--label sets %q and drops it", key)
		case now != nil && *before != *now:
			return usagef(commandPath(c), "--label has two values for %q: %q and %q", key, *before, *now)
		}
		if patch.Labels == nil {
			patch.Labels = map[string]*string{}
		}
		patch.Labels[key] = now
	}
	return nil
}

func enforcement(shadow bool) string {
	if shadow {
		return wire.EnforcementShadow
	}
	return wire.EnforcementEnforce
}

// createRequest makes the settings of a patch those of a new limit.
func createRequest(name string, p wire.LimitPatch) wire.LimitRequest {
	r := wire.LimitRequest{
		Name: name, Slots: or(p.Slots), Active: p.Active, Rate: or(p.Rate), Enforcement: or(p.Enforcement),
		Numbered: or(p.Numbered), Grace: or(p.Grace), Description: or(p.Description),
	}
	for key, value := range p.Labels {
		if value != nil {
			if r.Labels == nil {
				r.Labels = map[string]string{}
			}
			r.Labels[key] = *value
		}
	}
	return r
}

// or returns what p points to, or the zero value.
func or[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

func limitUpdate(w world) *cli.Command {
	return &cli.Command{
		Name: "update", Usage: "change settings of a limit; the others stay", ArgsUsage: "NAME",
		Description: "limitd limit update db --slots 8\nlimitd limit update db --rename database --label team- --shadow=false",
		Flags:       apiFlags(append(settingFlags("unchanged", "unchanged"), &cli.StringFlag{Name: "rename", Usage: "give it another `NAME`; leases and queue stay"})...),
		Action: func(c *cli.Context) error {
			name, err := oneName(c)
			if err != nil {
				return err
			}
			patch, err := patchOf(c)
			if err != nil {
				return err
			}
			if c.IsSet("rename") {
				patch.Name = new(c.String("rename"))
			}
			if reflect.ValueOf(patch).IsZero() {
				return usagef(commandPath(c), "say what to change, such as --slots N")
			}
			return showLimit(c, w, http.MethodPatch, limitPath(name), patch, sayUpdated)
		},
	}
}

// sayUpdated shows a limit, and warns where it limits nothing: one that a program
// made by naming it stays so whatever its slots are.
func sayUpdated(p printer, l wire.Limit) error {
	err := limitDetails(p, l)
	if err == nil && !l.Active {
		err = p.line("\nIt is inactive, and lets everybody through: 'limitd limit enable %s' puts it in force.", l.Name)
	}
	return err
}

func limitSwitch(w world, verb string, active bool) *cli.Command {
	usage := "let a limit count and block again"
	if !active {
		usage = "let everybody through a limit; what is held stays held"
	}
	return &cli.Command{
		Name: verb, Usage: usage, ArgsUsage: "NAME", Flags: apiFlags(),
		Action: func(c *cli.Context) error {
			name, err := oneName(c)
			if err != nil {
				return err
			}
			return showLimit(c, w, http.MethodPatch, limitPath(name), wire.LimitPatch{Active: &active}, limitDetails)
		},
	}
}

func limitDelete(w world) *cli.Command {
	return &cli.Command{
		Name: "delete", Usage: "remove a limit; leases lose it, waiters are told", ArgsUsage: "NAME", Flags: apiFlags(),
		Action: func(c *cli.Context) error {
			name, err := oneName(c)
			if err != nil {
				return err
			}
			p, err := newPrinter(c, w)
			if err != nil {
				return err
			}
			if _, err := newAPI(c, w).call(c.Context, http.MethodDelete, limitPath(name), nil); err != nil {
				return err
			}
			done := map[string]string{"deleted": name}
			return p.show(single(item{name, done, done}, func() error { return p.line("Deleted limit %s.", name) }))
		},
	}
}

func limitReset(w world) *cli.Command {
	return &cli.Command{
		Name: "reset", Usage: "free all slots of a limit; who holds them is not asked", ArgsUsage: "NAME", Flags: apiFlags(),
		Action: func(c *cli.Context) error {
			name, err := oneName(c)
			if err != nil {
				return err
			}
			p, err := newPrinter(c, w)
			if err != nil {
				return err
			}
			raw, err := newAPI(c, w).call(c.Context, http.MethodPost, limitPath(name, "/reset"), nil)
			freed, err := read[wire.Freed](raw, err)
			if err != nil {
				return err
			}
			return p.show(single(item{name, freed, raw}, func() error {
				return p.line("Freed %s of limit %s.", slots(freed.Freed), name)
			}))
		},
	}
}
