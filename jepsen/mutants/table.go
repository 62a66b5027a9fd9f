package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
)

// printTable prints the table; long adds what was said.
func printTable(w io.Writer, rows []row, long bool) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "bug\tinstrument\tconvicted by\tseconds\twithout it")
	for _, r := range rows {
		fmt.Fprintf(t, "%s\t%s\t%s\t%.1f\t%s\n", r.Name, r.Run, r.verdict(), r.with.took.Seconds(), r.innocence())
	}
	_ = t.Flush() // to a terminal or a pipe: nothing is lost that matters
	for _, r := range rows {
		if long || r.missed() {
			fmt.Fprintf(w, "\n%s: %s\n", r.Name, r.said())
		}
	}
}

// verdict names who convicts, the expected one first.
func (r row) verdict() string {
	if !r.with.convicted(r.By) {
		return "MISSED by " + r.By
	}
	first, others := "", []string{}
	for _, by := range r.with.by {
		if among(r.By, by) && first == "" {
			first = by
			continue
		}
		others = append(others, by)
	}
	return strings.Join(append([]string{first}, others...), ", ")
}

func (r row) innocence() string {
	if r.err != nil || len(r.without.by) > 0 {
		return "FAILS"
	}
	return "passes"
}

// said is what there is to say of a row.
func (r row) said() string {
	var list []string
	if r.err != nil {
		list = append(list, "the instrument failed: "+r.err.Error())
	}
	if r.with.what != "" {
		list = append(list, r.with.what)
	} else {
		list = append(list, "nobody convicts it")
	}
	if len(r.without.by) > 0 {
		list = append(list, fmt.Sprintf("WITHOUT IT %v convict: %s", r.without.by, r.without.what))
	}
	return strings.Join(list, "\n\t")
}

const document = `# The judge is judged

Bugs that were planted in copies of limitd's sources, and what convicted each. ` + "`make mutants`" + ` builds them, runs each with the
instrument named, and runs the same instrument with the same seed without the bug, which has to pass. This page is written by
` + "`go run ./jepsen/mutants -write`" + `; the edits are in jepsen/mutants/bugs_*.go.

The simulator's judges are those of jepsen/check, which see what callers see, and those of jepsen/sim/inside, which see the log:
witness and replay (nodes differ), oracle (the reference model answers otherwise), grants, snapshot, time. A number behind a name is the
rule of docs/semantics.md that is broken.

| bug | the failure that it stands for | instrument | convicted by | seconds |
|---|---|---|---|---|
`

// writeDocument writes docs/mutants.md.
func writeDocument(root string, rows []row) error {
	var b strings.Builder
	b.WriteString(document)
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %.1f |\n", r.Name, r.What, strings.ReplaceAll(r.Run.String(), "|", `\|`), r.verdict(), r.with.took.Seconds())
	}
	if err := os.WriteFile(filepath.Join(root, "docs", "mutants.md"), []byte(b.String()), 0o644); err != nil {
		return fmt.Errorf("write the document: %w", err)
	}
	return nil
}
