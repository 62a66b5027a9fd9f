// Package reference makes documentation of a command tree: the tables of
// docs/cli.md and man pages. Both are made of what --help shows, so that nothing
// is written twice:
//
//	text, err = reference.Update(text, app)  // the marked parts of docs/cli.md
//	pages := reference.ManPages(app, "0.1.0") // limitd.1, limitd-agent.1, ...
package reference

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// command is one command, with the words that lead to it.
type command struct {
	path string // "limitd limit create"
	*cli.Command
}

// leaves returns the commands that do something, in the order of the tree.
func leaves(app *cli.App) []command { return below(app.Name, app.Commands) }

func below(path string, list []*cli.Command) []command {
	var all []command
	for _, c := range list {
		switch full := path + " " + c.Name; {
		case c.Hidden:
		case len(c.Subcommands) > 0:
			all = append(all, below(full, c.Subcommands)...)
		default:
			all = append(all, command{full, c})
		}
	}
	return all
}

// usage returns the command line.
func (c command) usage() string {
	line := c.path
	if len(flagsOf(c)) > 0 {
		line += " [FLAG]..."
	}
	return strings.TrimSpace(line + " " + c.ArgsUsage)
}

// sentence makes a sentence of a short text.
func sentence(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + strings.TrimSuffix(text[1:], ".") + "."
}

// paragraph is a part of a description.
type paragraph struct {
	lines   []string
	literal bool // lines to copy, or a table, to be left as they are
}

// paragraphs parts a description at its empty lines.
func paragraphs(description string) []paragraph {
	var all []paragraph
	for _, text := range strings.Split(description, "\n\n") {
		if text = strings.Trim(text, "\n"); text == "" {
			continue
		}
		lines := strings.Split(text, "\n")
		all = append(all, paragraph{lines, slices.ContainsFunc(lines, isLiteral)})
	}
	return all
}

// isLiteral tells a line to copy, or one of a table, from one of prose.
func isLiteral(line string) bool {
	return strings.HasPrefix(line, "limitd ") || strings.HasPrefix(line, " ") || strings.Contains(strings.TrimSpace(line), "   ")
}

// option is what is told about a flag.
type option struct {
	names    []string // with their dashes
	value    string   // what stands for its value; "": it takes none
	usage    string
	standard string // its default; "": none worth a word
	category string
}

// flagsOf returns the command's flags, but --help, which all have.
func flagsOf(c command) []option {
	var all []option
	for _, f := range c.Flags {
		if told, ok := f.(cli.DocGenerationFlag); ok && f.Names()[0] != "help" {
			all = append(all, flagOf(told))
		}
	}
	return all
}

func flagOf(told cli.DocGenerationFlag) option {
	f := option{usage: strings.ReplaceAll(told.GetUsage(), "`", "")}
	for _, name := range told.Names() {
		dashes := "--"
		if len(name) == 1 {
			dashes = "-"
		}
		f.names = append(f.names, dashes+name)
	}
	if told.TakesValue() {
		f.value = placeholder(told)
	}
	if text := told.GetDefaultText(); !slices.Contains([]string{"", `""`, "false", "0", "0s"}, text) {
		f.standard = text
	}
	if grouped, ok := told.(cli.CategorizableFlag); ok {
		f.category = grouped.GetCategory()
	}
	return f
}

// placeholder returns what stands for the value: what the usage puts in
// backquotes, or what kind of value it is.
func placeholder(told cli.DocGenerationFlag) string {
	if parts := strings.Split(told.GetUsage(), "`"); len(parts) == 3 {
		return parts[1]
	}
	switch told.(type) {
	case *cli.DurationFlag:
		return "DURATION"
	case *cli.IntFlag, *cli.Int64Flag, *cli.Float64Flag:
		return "N"
	}
	return "TEXT"
}

// spelled returns the flag as it is typed, in all its spellings.
func (f option) spelled() []string {
	var all []string
	for _, name := range f.names {
		all = append(all, strings.TrimSpace(name+" "+f.value))
	}
	return all
}

// parted returns the flags that are the command's own, and the categories of the others.
func parted(flags []option) (own []option, categories []string) {
	for _, f := range flags {
		switch {
		case f.category == "":
			own = append(own, f)
		case !slices.Contains(categories, f.category):
			categories = append(categories, f.category)
		}
	}
	return own, categories
}

// category is a group of flags that several commands have.
type category struct {
	name  string
	flags []option
}

// categoriesOf returns all categories of the tree, with their flags as the
// commands that come first have them.
func categoriesOf(commands []command) []category {
	var all []category
	for _, c := range commands {
		for _, f := range flagsOf(c) {
			if f.category == "" {
				continue
			}
			i := slices.IndexFunc(all, func(k category) bool { return k.name == f.category })
			if i < 0 {
				i = len(all)
				all = append(all, category{name: f.category})
			}
			if !slices.ContainsFunc(all[i].flags, func(known option) bool { return known.names[0] == f.names[0] }) {
				all[i].flags = append(all[i].flags, f)
			}
		}
	}
	return all
}
