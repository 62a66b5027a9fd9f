package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/limitd/limitd/tools/bench/load"
)

// table is what was measured: a row for each work, a column for each system.
type table struct {
	columns []string
	rows    []row
}

type row struct {
	work  string
	cells map[string]string // by system
}

// set fills a cell.
func (t *table) set(work, system, text string) {
	i := slices.IndexFunc(t.rows, func(r row) bool { return r.work == work })
	if i < 0 {
		i = len(t.rows)
		t.rows = append(t.rows, row{work, map[string]string{}})
	}
	t.rows[i].cells[system] = text
}

// write writes the table in markdown.
func (t *table) write(w io.Writer) {
	fmt.Fprintf(w, "| | %s |\n|---|%s\n", strings.Join(t.columns, " | "), strings.Repeat("---|", len(t.columns)))
	for _, r := range t.rows {
		fmt.Fprintf(w, "| %s |", r.work)
		for _, system := range t.columns {
			text := r.cells[system]
			if text == "" {
				text = "-"
			}
			fmt.Fprintf(w, " %s |", text)
		}
		fmt.Fprintln(w)
	}
}

// aim is what limitd is meant to reach, beside what it did.
type aim struct {
	what, want, seen string
	met              bool
}

func (a aim) result() string {
	if a.met {
		return "met"
	}
	return "missed"
}

// aim keeps one.
func (b *trial) aim(what, want, seen string, met bool) {
	b.aims = append(b.aims, aim{what, want, seen, met})
}

// header says what was measured, on what.
type header struct{ limitd, postgres, load string }

// look reads the header, before the run is the load of the machine.
func (b *trial) look() header {
	h := header{limitd: first(b.limitd, "version"), load: "unknown"}
	if text, err := os.ReadFile("/proc/loadavg"); err == nil {
		h.load = strings.Fields(string(text))[0]
	}
	b.started = time.Now()
	return h
}

// first returns the first line that a program says.
func first(program string, args ...string) string {
	out, err := exec.Command(program, args...).Output()
	if err != nil {
		return err.Error()
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return line
}

// report writes the tables.
func (b *trial) report() {
	fmt.Fprintf(b.out, "Measured on %s in %v on %d cores, load %s before; %s, three nodes, log in %s; Prefect %s%s.\n\n",
		b.started.Format(time.DateOnly), time.Since(b.started).Round(time.Minute), runtime.NumCPU(), b.head.load,
		b.head.limitd, b.store, b.version, b.head.postgres)
	b.table.write(b.out)
	for _, note := range b.notes {
		fmt.Fprintf(b.out, "\n%s\n", note)
	}
	if len(b.aims) == 0 {
		return
	}
	fmt.Fprintf(b.out, "\n| | aim | seen | |\n|---|---|---|---|\n")
	for _, a := range b.aims {
		fmt.Fprintf(b.out, "| %s | %s | %s | %s |\n", a.what, a.want, a.seen, a.result())
	}
}

// spread writes the median of a series, with its smallest and largest where it
// has some.
func spread(s load.Series, format string) string {
	if len(s) < 2 {
		return fmt.Sprintf(format, s.Median())
	}
	return fmt.Sprintf(format+" ("+format+" to "+format+")", s.Median(), s.Min(), s.Max())
}
