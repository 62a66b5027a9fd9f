package reference

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"
)

// Page is a man page.
type Page struct {
	Name string // of the file: "limitd-agent.1"
	Text string // for troff -man
}

// ManPages returns a page on the program, and one for each of its commands; the
// commands below one are sections of its page.
func ManPages(app *cli.App, version string) []Page {
	pages := []Page{programPage(app, version)}
	for _, c := range app.Commands {
		if !c.Hidden {
			pages = append(pages, commandPage(app.Name, c, version))
		}
	}
	return pages
}

// roff writes a man page.
type roff struct{ strings.Builder }

func newRoff(name, version, about string) *roff {
	r := &roff{}
	fmt.Fprintf(r, ".TH %s 1 \"\" \"limitd %s\" \"limitd\"\n", quoted(strings.ToUpper(name)), escape(version))
	r.section("NAME")
	fmt.Fprintf(r, "%s \\- %s\n", escape(name), escape(about))
	return r
}

func (r *roff) section(title string) { fmt.Fprintf(r, ".SH %s\n", quoted(title)) }

func (r *roff) below(title string) { fmt.Fprintf(r, ".SS %s\n", quoted(title)) }

// synopsis writes a command line.
func (r *roff) synopsis(line string) { fmt.Fprintf(r, ".PP\n.B %s\n", escape(line)) }

// tagged writes a text beside a tag.
func (r *roff) tagged(tag, text string) {
	fmt.Fprintf(r, ".TP\n.B %s\n%s\n", escape(tag), atLineStart(escape(text)))
}

// description writes paragraphs, literal ones line by line.
func (r *roff) description(text string) {
	for _, p := range paragraphs(text) {
		r.WriteString(".PP\n")
		if p.literal {
			r.WriteString(".RS 4\n.nf\n")
		}
		for _, line := range p.lines {
			r.WriteString(atLineStart(escape(line)) + "\n")
		}
		if p.literal {
			r.WriteString(".fi\n.RE\n")
		}
	}
}

func (r *roff) flags(flags []option) {
	for _, f := range flags {
		r.tagged(strings.Join(f.spelled(), ", "), sentence(f.usage)+orNothing(" ", sentence(orNothing("default: ", f.standard))))
	}
}

// escape writes what troff would take for itself.
func escape(text string) string {
	return strings.NewReplacer(`\`, `\e`, "-", `\-`, `"`, `\(dq`).Replace(text)
}

// atLineStart keeps a line from being taken for a request.
func atLineStart(line string) string {
	if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
		return `\&` + line
	}
	return line
}

func quoted(text string) string { return `"` + escape(text) + `"` }

func programPage(app *cli.App, version string) Page {
	r := newRoff(app.Name, version, app.Usage)
	r.section("SYNOPSIS")
	r.synopsis(app.Name + " COMMAND [FLAG]... [ARGUMENT]...")
	r.section("COMMANDS")
	for _, c := range leaves(app) {
		r.tagged(c.path+orNothing(" ", c.ArgsUsage), sentence(c.Usage))
	}
	r.section("EXIT STATUS")
	r.description(app.Description)
	r.section("SEE ALSO")
	var others []string
	for _, c := range app.Commands {
		if !c.Hidden {
			others = append(others, fmt.Sprintf(`\fB%s\fP(1)`, escape(app.Name+"-"+c.Name)))
		}
	}
	r.WriteString(strings.Join(others, ",\n") + "\n")
	return Page{app.Name + ".1", r.String()}
}

func commandPage(program string, c *cli.Command, version string) Page {
	name := program + "-" + c.Name
	r := newRoff(name, version, c.Usage)
	all := below(program, []*cli.Command{c})
	r.section("SYNOPSIS")
	for _, leaf := range all {
		r.synopsis(leaf.usage())
	}
	r.section("DESCRIPTION")
	r.WriteString(atLineStart(escape(sentence(c.Usage))) + "\n")
	r.description(c.Description)
	if len(c.Subcommands) > 0 {
		r.section("COMMANDS")
		for _, leaf := range all {
			r.below(leaf.usage())
			r.WriteString(atLineStart(escape(sentence(leaf.Usage))) + "\n")
			r.description(leaf.Description)
			own, _ := parted(flagsOf(leaf))
			r.flags(own)
		}
	} else if own, _ := parted(flagsOf(all[0])); len(own) > 0 {
		r.section("OPTIONS")
		r.flags(own)
	}
	for _, k := range categoriesOf(all) {
		r.section(title(k.name))
		r.flags(k.flags)
	}
	r.section("SEE ALSO")
	fmt.Fprintf(r, "\\fB%s\\fP(1)\n", program)
	return Page{name + ".1", r.String()}
}
