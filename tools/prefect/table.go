package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/limitd/limitd/tools/prefect/venv"
)

// line is the cells of what was seen of one version.
func (r row) line() []string {
	cells := []string{r.version}
	for _, c := range r.checks {
		cells = append(cells, c.result())
	}
	return cells
}

// failed tells whether anything failed.
func (r row) failed() bool {
	return slices.ContainsFunc(r.checks, func(c seen) bool { return c.err != nil })
}

// table writes lines under a head.
func table(to io.Writer, list [][]string) {
	head := []string{"Prefect"}
	for _, c := range append(aloneChecks(), beforeChecks()...) {
		head = append(head, c.name)
	}
	aligned := tabwriter.NewWriter(to, 0, 0, 1, ' ', 0)
	fmt.Fprintf(aligned, "| %s\t|\n|%s\n", strings.Join(head, "\t| "), strings.Repeat("---\t|", len(head)))
	for _, cells := range list {
		full := make([]string, len(head))
		copy(full, cells)
		fmt.Fprintf(aligned, "| %s\t|\n", strings.Join(full, "\t| "))
	}
	_ = aligned.Flush() // what it writes to tells
}

// report prints the table, and what failed.
func report(to io.Writer, rows []row) (ok bool) {
	ok = true
	fmt.Fprintln(to)
	var list [][]string
	for _, r := range rows {
		list = append(list, r.line())
	}
	table(to, list)
	for _, r := range rows {
		for _, c := range r.checks {
			if c.err != nil {
				ok = false
				fmt.Fprintf(to, "\nPrefect %s, %s: %v\n", r.version, c.name, c.err)
			}
		}
	}
	return ok
}

// The table stands between these lines of a page.
const (
	tableBegins = "<!-- clients: written by make test-prefect PREFECT=all -->\n"
	tableEnds   = "<!-- end -->\n"
)

var errNoPlace = errors.New("the page has no place for the table")

// writeLine puts a line into the table of a page, in place of the one that is
// there for its version; those of other versions stay.
func writeLine(page string, r row) error {
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	before, rest, found := strings.Cut(string(text), tableBegins)
	old, after, ends := strings.Cut(rest, tableEnds)
	if !found || !ends {
		return fmt.Errorf("%s: %w", page, errNoPlace)
	}
	byVersion := map[string][]string{}
	for _, cells := range append(read(old), r.line()) {
		byVersion[cells[0]] = cells
	}
	var list [][]string
	for _, r := range venv.Releases() {
		if cells, ok := byVersion[r.Version]; ok {
			list = append(list, cells)
		}
	}
	var b bytes.Buffer
	b.WriteString(before + tableBegins + "\n")
	table(&b, list)
	b.WriteString("\n" + tableEnds + after)
	return os.WriteFile(page, b.Bytes(), 0o644)
}

// read returns the cells of a table's lines below its head.
func read(text string) (list [][]string) {
	for line := range strings.Lines(text) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if len(cells) > 1 && cells[0] != "Prefect" && !strings.HasPrefix(cells[0], "-") {
			list = append(list, cells)
		}
	}
	return list
}
