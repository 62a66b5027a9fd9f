package batch

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/limitd/limitd/jepsen/sim"
)

// Totals adds up reports.
type Totals struct {
	Seeds, Operations, Unknown, Faults int
	Again                              int // seeds whose first process was stuck
	Records                            uint64
	Lived                              time.Duration
	Counts, Workloads                  map[string]int
	Failed                             []sim.Report
	began                              time.Time
}

// NewTotals returns totals of nothing.
func NewTotals() *Totals {
	return &Totals{Counts: make(map[string]int), Workloads: make(map[string]int), began: time.Now()}
}

// Add adds a report.
func (t *Totals) Add(p sim.Report) {
	t.Seeds++
	if p.Stuck != "" {
		t.Again++
	}
	t.Operations += p.Operations
	t.Unknown += p.Unknown
	t.Records += p.Records
	t.Lived += p.Lived
	t.Workloads[p.Workload]++
	for what, n := range p.Counts {
		t.Counts[what] += n
		if strings.HasPrefix(what, "fault ") {
			t.Faults += n
		}
	}
	if len(p.Violations) > 0 {
		t.Failed = append(t.Failed, p)
	}
}

// Line sums up in one line.
func (t *Totals) Line() string {
	took := time.Since(t.began)
	return fmt.Sprintf("%d seeds, %d operations (%d unknown), %d records, %d faults, %v of cluster life in %v; ran again: %d; %d seeds failed",
		t.Seeds, t.Operations, t.Unknown, t.Records, t.Faults, t.Lived.Round(time.Second), took.Round(time.Second), t.Again, len(t.Failed))
}

// Print writes all of it.
func (t *Totals) Print(w io.Writer) {
	fmt.Fprintln(w, t.Line())
	for _, name := range slices.Sorted(maps.Keys(t.Workloads)) {
		fmt.Fprintf(w, "  workload %-20s %7d seeds\n", name, t.Workloads[name])
	}
	for _, what := range slices.Sorted(maps.Keys(t.Counts)) {
		fmt.Fprintf(w, "  %-29s %7d\n", what, t.Counts[what])
	}
}
