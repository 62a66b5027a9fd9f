package main

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/limitd/limitd/fsm/limit"
	"github.com/urfave/cli/v2"
)

// newApp builds the whole command tree.
func newApp(w world) *cli.App {
	app := &cli.App{
		Name:        "limitd",
		Usage:       "exact concurrency and rate limits for a cluster",
		HideVersion: true,
		HideHelp:    true, // there is a flag of our own
		Flags:       []cli.Flag{helpFlag()},
		Writer:      w.stdout,
		ErrWriter:   w.stderr,
		Description: exitCodesHelp,
		// run reports errors and turns them into exit codes, in one place.
		ExitErrHandler: func(*cli.Context, error) {},
		Commands: []*cli.Command{
			agentCommand(w),
			validateCommand(w),
			configCommand(w),
			limitCommand(w),
			holdersCommand(w),
			queueCommand(w),
			explainCommand(w),
			leaseCommand(w),
			topCommand(w),
			execCommand(w),
			guardCommand(w),
			membersCommand(w),
			leaveCommand(w),
			snapshotCommand(w),
			operatorCommand(w),
			aclCommand(w),
			importCommand(w),
			benchCommand(w),
			tlsCommand(w),
			keygenCommand(w),
			versionCommand(w),
			completionCommand(w),
		},
	}
	app.Commands = append(app.Commands, completeCommand(w, app), docsCommand(w, app))
	app.Action = groupAction("limitd", app.Commands)
	app.OnUsageError = usageError
	mend(app.Name, app.Commands)
	return app
}

const exitCodesHelp = `Exit codes: 0 ok; 1 error; 2 usage; 3 not found; 4 denied, no slot; 5 timed out
waiting; 6 no leader or unreachable; 7 permission; 8 lease lost. The agent: 0 clean,
1 error, 2 bad configuration, 75 stopped because its disk failed, 76 its data is of a
newer version.`

// mend gives every command what urfave/cli lacks: errors in two lines on stderr
// instead of a page of help on stdout, an answer to unknown subcommands, no hidden
// "help" subcommand that would shadow a limit of that name, a help flag of its
// own in place of a global one, which command trees side by side would share, and
// checks of arguments and durations.
func mend(path string, commands []*cli.Command) {
	for _, c := range commands {
		full := path + " " + c.Name
		if c.OnUsageError == nil {
			c.OnUsageError = usageError
		}
		c.HideHelp, c.Flags = true, append(slices.Clip(c.Flags), helpFlag())
		for _, f := range c.Flags {
			if off, ok := f.(*cli.BoolFlag); ok {
				off.DisableDefaultText = off.DefaultText == "" // that it is off is no news
			}
		}
		if len(c.Subcommands) > 0 {
			c.Action = groupAction(full, c.Subcommands)
			mend(full, c.Subcommands)
		} else {
			c.Action = withChecks(c.Action)
		}
	}
}

func helpFlag() cli.Flag {
	return &cli.BoolFlag{Name: "help", Aliases: []string{"h"}, Usage: "show help", DisableDefaultText: true}
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
		hint := cmp.Or(otherWord(name, children), didYouMean(name, visible(children)))
		if by := doneBy(name); path == "limitd" && by != "" {
			hint = meant(by)
		}
		return usagef(path, "unknown command %q for %q.%s", name, path, hint)
	}
}

// otherWord suggests the command that others call by this word.
func otherWord(word string, children []*cli.Command) string {
	other := map[string]string{"rm": "delete", "remove": "delete", "ls": "list", "show": "get", "add": "create", "set": "update", "edit": "update"}[word]
	if other == "" || find(children, other) == nil {
		return ""
	}
	return meant(other)
}

// doneBy names the command that does what people expect of a word, or "".
func doneBy(word string) string {
	switch word {
	case "help":
		return "limitd --help"
	case "acquire", "lock", "run", "with":
		return "limitd exec LIMIT -- COMMAND"
	case "release", "unlock":
		return "limitd lease release"
	case "create", "list", "get", "delete":
		return "limitd limit " + word
	case "ls", "limits":
		return "limitd limit list"
	case "rm", "remove":
		return "limitd limit delete"
	case "leases":
		return "limitd lease list"
	case "status", "nodes":
		return "limitd members"
	case "server", "start":
		return "limitd agent"
	case "backup", "restore":
		return "limitd snapshot"
	}
	return ""
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
	return meant(best)
}

// meant returns ` Did you mean "x"?`.
func meant(names ...string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = strconv.Quote(name)
	}
	return fmt.Sprintf(" Did you mean %s?", strings.Join(quoted, " or "))
}
