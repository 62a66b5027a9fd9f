// Package report makes a run visible: one HTML page with the result, what each
// checker said, the run over its time (who led, which faults lasted, what
// callers saw), what each kind of fault cost, and the state at the end.
//
//	err := report.Write(file, h, check.All(h))
//
// The page stands alone: no script, style, font or picture from elsewhere, and
// all of it can be read without running its little script, which only adds a
// reading under the pointer. It stays a few megabytes for runs of any length:
// of more calls than can be told apart it shows densities, and single calls
// around violations and faults.
//
// What a page says and where it lies is computed in Go (series, effects, holds,
// layout); what it looks like is in the folder template.
//
// Summarize keeps what matters of a run; Index and Text sum up many, as a page
// and for a terminal.
package report

import (
	"bufio"
	"embed"
	"fmt"
	"html/template"
	"io"

	"github.com/limitd/limitd/jepsen/check"
	"github.com/limitd/limitd/jepsen/history"
)

//go:embed template
var files embed.FS

// Write writes the report of a run with the verdicts on it.
func Write(w io.Writer, h *history.History, verdicts []check.Verdict) error {
	return Page{History: h, Verdicts: verdicts}.Write(w)
}

// Page is a report with what a caller may add to it.
type Page struct {
	History  *history.History
	Verdicts []check.Verdict
	// Again is the command that judges the stored history again; "": the page
	// tells how in general.
	Again string
	// Links are what else the run left behind, by paths relative to the page.
	Links []Link
}

// Link leads to a file beside the page.
type Link struct{ Path, What string }

// Write writes the page.
func (p Page) Write(w io.Writer) error {
	return render(w, "page.html", newView(p))
}

func render(w io.Writer, name string, data any) error {
	t, err := template.New("").Funcs(template.FuncMap{"css": css, "script": script}).ParseFS(files, "template/*.html")
	if err != nil {
		return fmt.Errorf("parse the report's templates: %w", err)
	}
	buffered := bufio.NewWriter(w)
	if err := t.ExecuteTemplate(buffered, name, data); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	if err := buffered.Flush(); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// css is the page's style sheet, which is ours to trust.
func css() (template.CSS, error) {
	b, err := files.ReadFile("template/style.css")
	return template.CSS(b), err
}

// script is the page's script.
func script() (template.JS, error) {
	b, err := files.ReadFile("template/hover.js")
	return template.JS(b), err
}
