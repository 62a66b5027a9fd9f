package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// Index writes a page over several runs: the totals, workloads against nemeses,
// and a line for each run that leads to its report.
func Index(w io.Writer, title string, runs []Summary) error {
	return render(w, "index.html", newIndex(title, runs))
}

// indexView is what the index's template reads.
type indexView struct {
	Title   string
	Passed  bool
	Line    string
	Figures []fact
	Grid    grid
	Runs    []runView
	Faults  []fact
}

// runView is a run as a line of a table.
type runView struct {
	Name, Page, Instrument, Workload, Nemesis string
	Seed, Nodes, Ops, Rate, Unknown           string
	Faults, Kinds, Gap                        string
	Passed                                    bool
	Violations                                int
	Why                                       []string
}

// grid sets workloads against nemeses.
type grid struct {
	Nemeses []string
	Rows    []gridRow
}

type gridRow struct {
	Workload string
	Cells    [][]runView
}

func newIndex(title string, runs []Summary) *indexView {
	t := sumUp(runs)
	v := &indexView{Title: title, Passed: t.passed(), Line: t.line(), Faults: faultFacts(t.kinds)}
	note := ""
	if t.notInjected > 0 {
		note = number(t.notInjected) + " could not be injected"
	}
	v.Figures = []fact{
		{Name: "runs", Value: number(t.runs), Note: number(t.failed) + " failed"},
		{Name: "operations", Value: number(t.ops), Note: per(t.ops, t.length) + "/s over " + length(t.length)},
		{Name: "violations", Value: number(t.violations)},
		{Name: "unknown outcomes", Value: number(t.unknown), Note: share(t.unknown, t.ops)},
		{Name: "faults", Value: number(t.faults), Note: note},
	}
	for i := range runs {
		v.Runs = append(v.Runs, newRunView(&runs[i]))
	}
	v.Grid = newGrid(v.Runs)
	return v
}

func newRunView(s *Summary) runView {
	var kinds []string
	for _, f := range faultFacts(s.Faults) {
		kinds = append(kinds, f.Name+" "+f.Value)
	}
	if s.Failed > 0 {
		kinds = append(kinds, number(s.Failed)+" not injected")
	}
	nemesis := s.Run.Nemesis
	if nemesis == "" {
		nemesis = "none"
	}
	return runView{
		Name: s.Name, Page: s.Page, Instrument: s.Run.Instrument, Workload: s.Run.Workload, Nemesis: nemesis,
		Seed: fmt.Sprint(s.Run.Seed), Nodes: number(s.Run.Nodes),
		Ops: number(s.Ops), Rate: per(s.Ops, s.Length), Unknown: number(s.Unknown),
		Faults: number(s.injected()), Kinds: strings.Join(kinds, ", "), Gap: length(s.Gap),
		Passed: s.Result.Passed, Violations: s.Result.Violations, Why: s.Result.Why,
	}
}

// newGrid sorts runs into workloads and nemeses; of fewer than two of each there
// is nothing to set against the other.
func newGrid(runs []runView) grid {
	var g grid
	var workloads []string
	for _, r := range runs {
		g.Nemeses = append(g.Nemeses, r.Nemesis)
		workloads = append(workloads, r.Workload)
	}
	slices.Sort(g.Nemeses)
	slices.Sort(workloads)
	g.Nemeses, workloads = slices.Compact(g.Nemeses), slices.Compact(workloads)
	if len(g.Nemeses) < 2 || len(workloads) < 2 {
		return grid{}
	}
	for _, name := range workloads {
		row := gridRow{Workload: name, Cells: make([][]runView, len(g.Nemeses))}
		for _, r := range runs {
			if i := slices.Index(g.Nemeses, r.Nemesis); r.Workload == name {
				row.Cells[i] = append(row.Cells[i], r)
			}
		}
		g.Rows = append(g.Rows, row)
	}
	return g
}
