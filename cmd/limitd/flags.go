package main

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// withChecks has act begin only where the arguments and durations can be meant.
func withChecks(act cli.ActionFunc) cli.ActionFunc {
	return func(c *cli.Context) error {
		if err := errors.Join(checkArguments(c), checkDurations(c)); err != nil {
			return c.Command.OnUsageError(c, err, false)
		}
		return act(c)
	}
}

// checkArguments refuses arguments of a command that has none, and empty ones, which
// a variable that is not set leaves behind. What exec runs may have any.
func checkArguments(c *cli.Context) error {
	usage := c.Command.ArgsUsage
	switch {
	case c.Command.SkipFlagParsing || strings.Contains(usage, "-- "):
		return nil
	case usage == "" && c.Args().Present():
		return fmt.Errorf("unexpected argument %q", c.Args().First())
	case slices.Contains(c.Args().Slice(), ""):
		return errors.New("an argument is empty: leave it out, or say what it is")
	}
	return nil
}

// checkDurations refuses durations below zero, and no time to try in.
func checkDurations(c *cli.Context) error {
	for _, f := range c.Command.Flags {
		d, ok := f.(*cli.DurationFlag)
		if !ok || !c.IsSet(d.Name) {
			continue
		}
		switch given := c.Duration(d.Name); {
		case given < 0:
			return fmt.Errorf("--%s %s: it cannot be less than nothing", d.Name, given)
		case given == 0 && d.Name == "timeout":
			return errors.New("--timeout 0s leaves no time to try: leave it out, or give some seconds")
		}
	}
	return nil
}

// badValue is how package flag complains of a value.
var badValue = regexp.MustCompile(`^invalid (?:boolean )?value (".*") for (?:flag )?-(\S+): (?s:(.*))$`)

// badValueText says which values the flag takes, or why it does not take this one.
func badValueText(flags []cli.Flag, value, name, why string) string {
	wants := ""
	for _, f := range flags {
		if !slices.Contains(f.Names(), name) {
			continue
		}
		switch f.(type) {
		case *cli.DurationFlag:
			wants = "is no duration: write a number and its unit, such as 30s or 1h30m"
		case *cli.IntFlag, *cli.Int64Flag:
			wants = "is no whole number, or too large"
		case *cli.Float64Flag:
			wants = "is no number"
		case *cli.BoolFlag:
			wants = "is neither true nor false"
		}
	}
	return fmt.Sprintf("%s: %s %s", dashed(name), value, cmp.Or(wants, "is not taken: "+why))
}

// usageError answers a flag that does not exist, or a value that it does not take.
func usageError(c *cli.Context, err error, _ bool) error {
	text := err.Error()
	if name, unknown := strings.CutPrefix(text, "flag provided but not defined: -"); unknown {
		return unknownFlag(c, strings.TrimLeft(name, "-"))
	}
	if name, needs := strings.CutPrefix(text, "flag needs an argument: -"); needs {
		text = dashed(name) + " needs a value behind it"
	}
	if m := badValue.FindStringSubmatch(text); m != nil && c.Command != nil {
		text = badValueText(c.Command.Flags, m[1], m[2], m[3])
	}
	return usagef(commandPath(c), "%s", text)
}

// unknownFlag answers a flag that does not exist.
func unknownFlag(c *cli.Context, name string) error {
	if name == "version" {
		return usagef(commandPath(c), "unknown flag --version. Did you mean \"limitd version\"?")
	}
	var known []string
	var flags []cli.Flag
	if c.Command != nil {
		flags = c.Command.Flags
	}
	for _, f := range flags {
		known = append(known, dashed(f.Names()[0]))
	}
	near := cmp.Or(otherFlag(name, flags), didYouMean(dashed(name), known))
	if near == "" && len(c.App.Commands) > 0 && hasFlag(c.App.Commands, name) && !isLeaf(c) {
		near = " It stands behind a command that has it: limitd COMMAND " + dashed(name)
	}
	return usagef(commandPath(c), "unknown flag %s.%s", dashed(name), near)
}

// otherFlag suggests the flag that other programs call by this name, or that is
// written together with its value.
func otherFlag(name string, flags []cli.Flag) string {
	other := map[string]string{
		"json": "--output json", "format": "--output", "addr": "--address", "server": "--address", "host": "--address", "endpoint": "--address",
		"follow": "--watch", "force": "--yes",
	}[name]
	if short := name[:min(1, len(name))]; other == "" && flagOf(flags, short) != nil && takesValue(flags, "-"+short) {
		other = "-" + short + " " + name[1:]
	}
	flag, _, _ := strings.Cut(other, " ")
	if other == "" || flagOf(flags, strings.TrimLeft(flag, "-")) == nil {
		return ""
	}
	return meant(other)
}

// dashed writes a flag as it is documented.
func dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}

// isLeaf tells whether the command is one that does something.
func isLeaf(c *cli.Context) bool {
	return c.Command != nil && c.Command.Action != nil && len(c.Command.Subcommands) == 0
}

// hasFlag tells whether one of the commands, or of those below them, has the flag.
func hasFlag(commands []*cli.Command, name string) bool {
	return slices.ContainsFunc(commands, func(c *cli.Command) bool {
		return slices.ContainsFunc(c.Flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), name) }) || hasFlag(c.Subcommands, name)
	})
}
