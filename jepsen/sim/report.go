package sim

import (
	"fmt"
	"io"
	"time"

	"github.com/limitd/limitd/jepsen/check"
	"github.com/limitd/limitd/jepsen/history"
)

// Report is what one run says of itself to the process that started it, as
// one line of JSON behind ReportPrefix.
type Report struct {
	Seed       uint64            `json:"seed"`
	Workload   string            `json:"workload"`
	Nodes      int               `json:"nodes"`
	Schedule   []string          `json:"schedule"` // the faults, in words
	Operations int               `json:"operations"`
	Unknown    int               `json:"unknown"` // outcomes
	Records    uint64            `json:"records"` // in the log
	Counts     map[string]int    `json:"counts"`  // of what happened
	Lived      time.Duration     `json:"lived"`   // of cluster life, fake
	Hash       string            `json:"hash"`    // of the history
	Violations []check.Violation `json:"violations"`
	// Stuck is what the runtime said of a first process, whose goroutines all
	// slept, before this run of the same seed; "": this is the first. A process
	// does not know; who ran it says so.
	Stuck string `json:"-"`
}

// ReportPrefix begins the line of a report.
const ReportPrefix = "REPORT "

// Report sums up a result.
func (r Result) Report() Report {
	p := Report{
		Seed: r.Plan.Seed, Workload: r.Plan.Workload, Nodes: r.Plan.Nodes, Operations: len(r.History.Ops), Records: r.Records,
		Counts: r.Counts, Lived: r.Lived, Hash: fmt.Sprintf("%016x", r.Hash), Violations: r.Violations, Schedule: r.Plan.Words(),
	}
	for i := range r.History.Ops {
		if r.History.Ops[i].Outcome == history.Unknown {
			p.Unknown++
		}
	}
	return p
}

// printed is how many violations of one checker are printed.
const printed = 3

// Print writes the report for people.
func (p Report) Print(w io.Writer) {
	fmt.Fprintf(w, "seed %d: %s, %d nodes, %d operations (%d unknown), %d records, %v of cluster life, history %s\n",
		p.Seed, p.Workload, p.Nodes, p.Operations, p.Unknown, p.Records, p.Lived.Round(time.Millisecond), p.Hash)
	for i, f := range p.Schedule {
		fmt.Fprintf(w, "  %2d %s\n", i, f)
	}
	if p.Stuck != "" {
		fmt.Fprintf(w, "ran again, because the first process was stuck: %s\n", p.Stuck)
	}
	told := make(map[string]int)
	for _, v := range p.Violations {
		if told[v.Checker]++; told[v.Checker] > printed {
			continue
		}
		fmt.Fprintf(w, "VIOLATION %s %s: %s", v.Checker, v.Rule, v.What)
		if len(v.Ops) > 0 {
			fmt.Fprintf(w, " (operations %v)", v.Ops)
		}
		fmt.Fprintln(w)
	}
}
