package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"
)

// printer writes results as a table for people or as JSON for programs; the
// JSON is the API's own.
type printer struct {
	out  io.Writer
	json bool
}

func outputFlag() cli.Flag {
	return &cli.StringFlag{Name: "output", Aliases: []string{"o"}, Value: "table", Usage: "`FORMAT`: table or json"}
}

func newPrinter(c *cli.Context, w world) (printer, error) {
	switch format := c.String("output"); format {
	case "table", "json":
		return printer{out: w.stdout, json: format == "json"}, nil
	default:
		return printer{}, usagef(commandPath(c), "unknown output %q: table or json", format)
	}
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
		fmt.Fprintln(t, strings.Join(row, "\t"))
	}
	return t.Flush()
}

// fields writes one thing as lines of name and value.
func (p printer) fields(pairs ...string) error {
	t := tabwriter.NewWriter(p.out, 0, 8, 2, ' ', 0)
	for i := 0; i+1 < len(pairs); i += 2 {
		fmt.Fprintf(t, "%s:\t%s\n", pairs[i], pairs[i+1])
	}
	return t.Flush()
}

func (p printer) line(format string, args ...any) error {
	_, err := fmt.Fprintf(p.out, format+"\n", args...)
	return err
}
