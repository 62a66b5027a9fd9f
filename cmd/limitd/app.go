package main

import (
	"fmt"
	"strings"

	"github.com/limitd/limitd/fsm/limit"
	"github.com/urfave/cli/v2"
)

// newApp builds the whole command tree.
func newApp(w world) *cli.App {
	app := &cli.App{
		Name:            "limitd",
		Usage:           "exact concurrency and rate limits for a cluster",
		HideVersion:     true,
		HideHelpCommand: true,
		Writer:          w.stdout,
		ErrWriter:       w.stderr,
		Description:     exitCodesHelp,
		// run reports errors and turns them into exit codes, in one place.
		ExitErrHandler: func(*cli.Context, error) {},
		Commands: []*cli.Command{
			agentCommand(w),
			validateCommand(w),
			limitCommand(w),
			membersCommand(w),
			leaveCommand(w),
			benchCommand(w),
			versionCommand(w),
			completionCommand(w),
		},
	}
	app.Commands = append(app.Commands, completeCommand(w, app))
	app.Action = groupAction("limitd", app.Commands)
	app.OnUsageError = usageError
	mend(app.Name, app.Commands)
	return app
}

const exitCodesHelp = `Exit codes: 0 ok; 1 error; 2 usage; 3 not found; 4 denied, no slot; 5 timed out
waiting; 6 no leader or unreachable; 7 permission; 8 lease lost. The agent: 0 clean,
1 error, 2 bad configuration, 75 stopped because its disk failed.`

// mend gives every command what urfave/cli lacks: errors in two lines on stderr
// instead of a page of help on stdout, an answer to unknown subcommands, and no
// hidden "help" subcommand that would shadow a limit of that name.
func mend(path string, commands []*cli.Command) {
	for _, c := range commands {
		full := path + " " + c.Name
		c.OnUsageError = usageError
		c.HideHelpCommand = true
		if len(c.Subcommands) > 0 {
			c.Action = groupAction(full, c.Subcommands)
			mend(full, c.Subcommands)
		}
	}
}

// usageError answers a flag that does not exist, or a value that it does not take.
func usageError(c *cli.Context, err error, _ bool) error {
	name, unknown := strings.CutPrefix(err.Error(), "flag provided but not defined: -")
	if !unknown {
		return usagef(commandPath(c), "%v", err)
	}
	name = "--" + strings.TrimLeft(name, "-")
	if name == "--version" {
		return usagef(commandPath(c), "unknown flag --version. Did you mean \"limitd version\"?")
	}
	var known []string
	if c.Command != nil {
		for _, f := range c.Command.Flags {
			known = append(known, "--"+f.Names()[0])
		}
	}
	return usagef(commandPath(c), "unknown flag %s.%s", name, didYouMean(name, known))
}

func commandPath(c *cli.Context) string {
	if c.Command == nil || c.Command.HelpName == "" {
		return "limitd"
	}
	return c.Command.HelpName
}

// groupAction answers a command that only groups others: its help, or a
// complaint about a subcommand that does not exist.
func groupAction(path string, children []*cli.Command) cli.ActionFunc {
	return func(c *cli.Context) error {
		if !c.Args().Present() {
			if path == "limitd" {
				return cli.ShowAppHelp(c)
			}
			return cli.ShowSubcommandHelp(c)
		}
		name := c.Args().First()
		f := usagef(path, "unknown command %q for %q.%s", name, path, didYouMean(name, visible(children)))
		return f
	}
}

func visible(commands []*cli.Command) []string {
	var names []string
	for _, c := range commands {
		if !c.Hidden {
			names = append(names, c.Name)
		}
	}
	return names
}

// didYouMean returns ` Did you mean "x"?` for the candidate nearest to word, or "".
func didYouMean(word string, candidates []string) string {
	best, distance := "", 3
	for _, c := range candidates {
		if d := limit.Distance(word, c); d < distance {
			best, distance = c, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" Did you mean %q?", best)
}
