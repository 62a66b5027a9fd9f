package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/limitd/limitd/cmd/limitd/config"
	"github.com/limitd/limitd/cmd/limitd/top"
	"github.com/limitd/limitd/transport/wire"
	"github.com/urfave/cli/v2"
)

// completeCommand is what the shells' scripts call: with the name of the shell
// and the words of the line, the last one being typed. It prints candidates, one
// a line. Where there are none, exit code 0 means that the shell may offer files.
func completeCommand(w world, app *cli.App) *cli.Command {
	return &cli.Command{
		Name: "__complete", Hidden: true, SkipFlagParsing: true,
		Action: func(c *cli.Context) error {
			shell, known := shells()[c.Args().First()]
			if !known {
				return usagef("limitd completion", "there is no completion for the shell %q", c.Args().First())
			}
			var typed quoted
			var words []string
			for _, typed = range shell.words(c.Args().Tail()) {
				words = append(words, typed.text)
			}
			l := readLine(app, words)
			found := l.candidates(func(kind string) []candidate { return namesOf(kind, w, l.flags) })
			for _, one := range found {
				fmt.Fprintln(w.stdout, shell.line(one, l, typed))
			}
			if len(found) == 0 && !l.takesFile() {
				return silent(exitNotFound)
			}
			return nil
		},
	}
}

// candidate is a word that may stand where the cursor is.
type candidate struct {
	word  string
	about string // one line; may be empty
}

// line is a command line that is being typed.
type line struct {
	typed    string // the word at the cursor, or of --flag=value the value
	before   string // of --flag=value what stands before the value
	command  *cli.Command
	path     string         // of the command: "limit get"
	commands []*cli.Command // that may stand here
	flags    map[string]string
	args     []string
	open     string // the flag whose value is typed; "": none
	behind   bool   // a "--"
	lost     bool   // behind what is no command
}

// readLine reads what stands before the cursor.
func readLine(app *cli.App, words []string) *line {
	l := &line{commands: app.Commands, flags: map[string]string{}}
	if len(words) > 0 {
		l.typed = words[len(words)-1]
		words = words[:len(words)-1]
	}
	for _, word := range words {
		l.read(word)
	}
	if name, value, ok := strings.Cut(l.typed, "="); ok && strings.HasPrefix(l.typed, "-") && l.open == "" {
		l.open, l.before, l.typed = strings.TrimLeft(name, "-"), name+"=", value
	}
	return l
}

func (l *line) read(word string) {
	switch {
	case l.behind:
	case l.open != "":
		l.flags[l.open], l.open = word, ""
	case word == "--":
		l.behind = true
	case strings.HasPrefix(word, "-"):
		name, value, given := strings.Cut(strings.TrimLeft(word, "-"), "=")
		if l.flags[name] = value; !given && l.command != nil && takesValue(l.command.Flags, word) {
			l.open = name
		}
	default:
		l.descend(word)
	}
}

// descend takes a word that is a command or an argument.
func (l *line) descend(word string) {
	next := find(l.commands, word)
	if next == nil {
		l.lost = l.lost || len(l.commands) > 0
		l.args = append(l.args, word)
		return
	}
	l.command, l.commands = next, next.Subcommands
	l.path = strings.TrimSpace(l.path + " " + next.Name)
}

// candidates returns what may stand at the cursor. names asks for what there is of
// a kind.
func (l *line) candidates(names func(kind string) []candidate) []candidate {
	var all []candidate
	switch {
	case l.behind, l.lost:
		return nil
	case l.open != "":
		all = l.values(names)
	case strings.HasPrefix(l.typed, "-"):
		all = l.flagNames()
	case len(l.commands) > 0:
		all = commandNames(l.commands)
	default:
		all = l.arguments(names)
	}
	return slices.DeleteFunc(all, func(c candidate) bool {
		done := c.word == l.typed && strings.HasSuffix(c.word, "=")
		return done || !strings.HasPrefix(c.word, l.typed)
	})
}

// takesFile tells whether the name of a file may stand at the cursor.
func (l *line) takesFile() bool {
	switch {
	case l.lost:
		return false
	case l.behind:
		return true
	case l.open != "":
		return l.opensFile()
	}
	return l.command != nil && strings.Contains(l.command.ArgsUsage, "FILE") && !strings.HasPrefix(l.typed, "-")
}

// opensFile tells whether the flag that is open takes the name of a file or folder.
func (l *line) opensFile() bool {
	if slices.Contains([]string{"data-dir", "audit-path", "snapshot-directory"}, l.open) || strings.HasSuffix(l.open, "-file") {
		return true
	}
	if l.command == nil {
		return false
	}
	told, ok := flagOf(l.command.Flags, l.open).(cli.DocGenerationFlag)
	return ok && slices.ContainsFunc([]string{"`FILE`", "`DIR`", "`FOLDER`"}, func(kind string) bool { return strings.Contains(told.GetUsage(), kind) })
}

func commandNames(commands []*cli.Command) []candidate {
	var all []candidate
	for _, c := range commands {
		if !c.Hidden {
			all = append(all, candidate{c.Name, c.Usage})
		}
	}
	return all
}

// flagNames returns the command's flags. With one dash typed they have one.
func (l *line) flagNames() []candidate {
	dashes := "--"
	if len(l.typed) > 1 && l.typed[1] != '-' {
		dashes = "-"
	}
	var all []candidate
	if l.command == nil {
		return nil
	}
	for _, f := range l.command.Flags {
		c := candidate{word: dashes + f.Names()[0]}
		if documented, ok := f.(cli.DocGenerationFlag); ok {
			c.about = strings.ReplaceAll(documented.GetUsage(), "`", "")
		}
		all = append(all, c)
	}
	return all
}

// arguments returns what may be an argument, but for a new name.
func (l *line) arguments(names func(kind string) []candidate) []candidate {
	usage := ""
	if l.command != nil {
		usage = l.command.ArgsUsage
	}
	several := strings.Contains(usage, "...")
	switch {
	case l.path == "completion" && len(l.args) == 0:
		return words("bash", "zsh", "fish")
	case l.kind() == "" || len(l.args) > 0 && !several:
		return nil
	}
	return slices.DeleteFunc(names(l.kind()), func(c candidate) bool { return slices.Contains(l.args, c.word) })
}

// The kinds of names that the cluster knows.
const (
	kindLimits   = "limits"
	kindNodes    = "nodes"
	kindLeases   = "leases"
	kindTokens   = "tokens"
	kindPolicies = "policies"
)

// kind says of which kind the command's arguments are; "" where they are none, or
// new names.
func (l *line) kind() string {
	if l.command == nil {
		return ""
	}
	usage := l.command.ArgsUsage
	switch {
	case l.path == "limit create", l.path == "acl token create":
		return ""
	case strings.HasPrefix(l.path, "acl token"):
		return kindTokens
	case strings.HasPrefix(l.path, "acl policy"):
		return kindPolicies
	case l.path == "lease release":
		return kindLeases
	case strings.HasPrefix(strings.Trim(usage, "["), "NODE"):
		return kindNodes
	case strings.HasPrefix(usage, "NAME"):
		return kindLimits
	}
	return ""
}

// values returns what may be the value of the flag that is open.
func (l *line) values(names func(kind string) []candidate) []candidate {
	switch l.open {
	case "limit", "rate-limit":
		return names(kindLimits)
	case "policy":
		return names(kindPolicies)
	case "sort":
		return words(top.Orders()...)
	case "missing":
		return words(wire.MissingError, wire.MissingSkip, wire.MissingCreate)
	case "output", "o":
		if l.path == "config show" {
			return words("hcl", formatJSON)
		}
		return words(formatTable, formatJSON, formatLines, formatName, formatTemplate+"=")
	}
	for _, k := range config.Keys() {
		if k.Flag() == l.open {
			return words(config.Words(k.Name)...)
		}
	}
	return nil
}

func words(list ...string) []candidate {
	var all []candidate
	for _, word := range list {
		all = append(all, candidate{word: word})
	}
	return all
}
