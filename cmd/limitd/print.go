package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"text/template"
	"text/template/parse"
	"unicode"

	"github.com/urfave/cli/v2"
)

// Formats of --output.
const (
	formatTable    = "table"    // for people
	formatJSON     = "json"     // the API's own, one object
	formatLines    = "jsonl"    // one item a line
	formatName     = "name"     // one name a line, for xargs and completion
	formatTemplate = "template" // a Go template, run on each item
)

// printer writes what a command has to show, in the format that was asked for.
type printer struct {
	out      io.Writer
	format   string
	template *template.Template // of formatTemplate
}

// result is what a command has to show: one thing, or a list of them.
type result struct {
	whole  any          // all of it, for JSON: the API's own
	items  []item       // one by one
	people func() error // writes it as a table, as fields or as a sentence

	// mark tells what of an item has to differ for --watch to tell of it again;
	// nil: any of its JSON.
	mark func(item) (string, error)
}

// item is one thing of a result.
type item struct {
	name  string
	value any // what a template sees: a struct of the package wire
	json  any // the API's own JSON
}

// single is the result of a command that shows one thing.
func single(it item, people func() error) result {
	return result{whole: it.json, items: []item{it}, people: people}
}

// listed pairs values with the JSON they came as, which has what this release
// does not know yet.
func listed[T any](values []T, raw []json.RawMessage, name func(T) string) []item {
	items := make([]item, len(values))
	for i, v := range values {
		items[i] = item{name: name(v), value: v, json: raw[i]}
	}
	return items
}

func outputFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "output", Category: "Output", Aliases: []string{"o"}, Value: formatTable, Usage: "`FORMAT`: table, json, jsonl (one line each), name, or template=TEXT"},
		&cli.StringFlag{Name: "template", Category: "Output", Usage: "Go template `TEXT` to write each item with, such as '{{.Name}}\\t{{.Slots}}'; {{json .}} shows what there is"},
	}
}

func newPrinter(c *cli.Context, w world) (printer, error) {
	p := printer{out: w.stdout}
	format, text, inline := strings.Cut(c.String("output"), "=")
	if c.IsSet("template") {
		if inline || c.IsSet("output") && format != formatTemplate {
			return p, usagef(commandPath(c), "give either --output or --template")
		}
		format, text, inline = formatTemplate, c.String("template"), true
	}
	switch p.format = format; {
	case format == formatTemplate && inline:
		return p.parse(c, text)
	case format == formatTemplate:
		return p, usagef(commandPath(c), "--output template needs a text: --output template='{{.Name}}'")
	case !inline && (format == formatTable || format == formatJSON || format == formatLines || format == formatName):
		return p, nil
	}
	return p, usagef(commandPath(c), "unknown output %q: table, json, jsonl, name or template=TEXT", c.String("output"))
}

// to returns the printer with another place to write to.
func (p printer) to(out io.Writer) printer {
	p.out = out
	return p
}

// parse reads a template, outside of whose {{ }} \t and \n may be written as in a
// shell's single quotes.
func (p printer) parse(c *cli.Context, text string) (printer, error) {
	if text == "" {
		return p, usagef(commandPath(c), "the template is empty; '{{.Name}}' would write names, '{{json .}}' shows what there is")
	}
	var err error
	p.template, err = template.New("output").Funcs(template.FuncMap{"json": compact, "join": strings.Join}).Parse(text)
	if err != nil {
		return p, usagef(commandPath(c), "the template cannot be read: %s", strings.TrimPrefix(err.Error(), "template: "))
	}
	for _, t := range p.template.Templates() {
		if t.Tree != nil {
			unescape(t.Tree.Root)
		}
	}
	return p, nil
}

// unescape reads \t and \n in the texts between the actions of a template.
func unescape(list *parse.ListNode) {
	if list == nil {
		return
	}
	for _, node := range list.Nodes {
		switch n := node.(type) {
		case *parse.TextNode:
			n.Text = []byte(strings.NewReplacer(`\t`, "\t", `\n`, "\n").Replace(string(n.Text)))
		case *parse.IfNode:
			unescape(n.List)
			unescape(n.ElseList)
		case *parse.RangeNode:
			unescape(n.List)
			unescape(n.ElseList)
		case *parse.WithNode:
			unescape(n.List)
			unescape(n.ElseList)
		}
	}
}

// show writes r in the printer's format.
func (p printer) show(r result) error {
	if p.format == formatTable {
		return r.people()
	}
	if p.format == formatJSON {
		return p.object(r.whole)
	}
	for _, it := range r.items {
		line, err := p.lineOf(it)
		if err != nil {
			return err
		}
		if err := p.line("%s", line); err != nil {
			return err
		}
	}
	return nil
}

// lineOf returns an item as the line-wise formats show it.
func (p printer) lineOf(it item) (string, error) {
	switch p.format {
	case formatName:
		return it.name, nil
	case formatTemplate:
		var b strings.Builder
		if err := p.template.Execute(&b, it.value); err != nil {
			f := failf(exitUsage, "the template does not fit: %s", strings.TrimPrefix(err.Error(), "template: "))
			f.hint = "'{{json .}}' shows what there is, its names in Go's spelling: {{.Name}}, {{.CreatedAt}}."
			return "", f
		}
		return b.String(), nil
	default:
		return compact(it.json)
	}
}

// compact returns v as JSON in one line.
func compact(v any) (string, error) {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return strings.TrimSuffix(b.String(), "\n"), err
}

// object writes v as indented JSON.
func (p printer) object(v any) error {
	e := json.NewEncoder(p.out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// table writes rows under a header, without borders, so that it pipes well.
func (p printer) table(header []string, rows [][]string) error {
	t := tabwriter.NewWriter(p.out, 0, 8, 3, ' ', 0)
	fmt.Fprintln(t, strings.Join(header, "\t"))
	for _, row := range rows {
		for i, cell := range row {
			row[i] = clean(cell)
		}
		fmt.Fprintln(t, strings.Join(row, "\t"))
	}
	return t.Flush()
}

// clean replaces what could steer a terminal, or break a table: owners and
// descriptions are anybody's text.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

// fields writes one thing as lines of name and value.
func (p printer) fields(pairs ...string) error {
	t := tabwriter.NewWriter(p.out, 0, 8, 2, ' ', 0)
	for i := 0; i+1 < len(pairs); i += 2 {
		fmt.Fprintf(t, "%s:\t%s\n", pairs[i], clean(pairs[i+1]))
	}
	return t.Flush()
}

func (p printer) line(format string, args ...any) error {
	_, err := fmt.Fprintf(p.out, format+"\n", args...)
	return err
}
