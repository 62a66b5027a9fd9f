package reference

import (
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"
)

// Marks of the parts of a Markdown file that are made here.
const (
	beginOverview = "<!-- commands: made of the command tree by make docs -->\n"
	beginCommands = "<!-- reference: made of the command tree by make docs -->\n"
	endPart       = "<!-- end -->\n"
)

// ErrMarks says that a file lacks the marks of what is to be updated.
var ErrMarks = errors.New("the file lacks the marks of the parts to update")

// Update returns a Markdown file with its marked parts as they should be.
func Update(text string, app *cli.App) (string, error) {
	for begin, part := range map[string]string{beginOverview: overview(app), beginCommands: commands(app)} {
		before, rest, found := strings.Cut(text, begin)
		_, after, closed := strings.Cut(rest, endPart)
		if !found || !closed {
			return "", fmt.Errorf("%w: %s ... %s", ErrMarks, strings.TrimSpace(begin), strings.TrimSpace(endPart))
		}
		text = before + begin + part + endPart + after
	}
	return text, nil
}

// overview is a table of all commands.
func overview(app *cli.App) string {
	var b strings.Builder
	b.WriteString("\n| command | what it does |\n|---|---|\n")
	for _, c := range leaves(app) {
		fmt.Fprintf(&b, "| [`%s`](#%s) | %s |\n", cell(c.path+orNothing(" ", c.ArgsUsage)), anchor(c.path), cell(c.Usage))
	}
	b.WriteString("\n")
	return b.String()
}

func orNothing(before, text string) string {
	if text == "" {
		return ""
	}
	return before + text
}

// cell escapes what would end a cell of a table.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

// anchor is how GitHub links to a heading.
func anchor(heading string) string { return strings.ReplaceAll(strings.ToLower(heading), " ", "-") }

// commands tells everything about every command.
func commands(app *cli.App) string {
	var b strings.Builder
	all := leaves(app)
	for _, c := range all {
		fmt.Fprintf(&b, "\n### %s\n\n    %s\n\n%s\n", c.path, c.usage(), prose(sentence(c.Usage)))
		for _, p := range paragraphs(c.Description) {
			b.WriteByte('\n')
			for _, line := range p.lines {
				if p.literal {
					line = "    " + line
				} else {
					line = prose(line)
				}
				b.WriteString(line + "\n")
			}
		}
		own, shared := parted(flagsOf(c))
		list(&b, own)
		for i, name := range shared {
			shared[i] = fmt.Sprintf("[%s](#%s)", title(name), anchor(title(name)))
		}
		if len(shared) > 0 {
			fmt.Fprintf(&b, "\nBesides: %s.\n", strings.Join(shared, ", "))
		}
	}
	for _, k := range categoriesOf(all) {
		fmt.Fprintf(&b, "\n### %s\n", title(k.name))
		list(&b, k.flags)
	}
	b.WriteString("\n")
	return b.String()
}

// title is the heading of a category.
func title(category string) string { return category + " flags" }

func list(b *strings.Builder, flags []option) {
	if len(flags) > 0 {
		b.WriteByte('\n')
	}
	for _, f := range flags {
		fmt.Fprintf(b, "- `%s`: %s%s\n", strings.Join(f.spelled(), "`, `"), prose(f.usage), orNothing("; default: ", prose(f.standard)))
	}
}

// prose escapes what Markdown would read as more than text.
func prose(text string) string {
	return strings.NewReplacer("<", `\<`, "*", `\*`, "[", `\[`, "{{", "`{{", "}}", "}}`").Replace(text)
}
