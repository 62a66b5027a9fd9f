package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/limitd/limitd/jepsen/check"
	"github.com/limitd/limitd/jepsen/history"
)

// view is what the page's template reads.
type view struct {
	Title    string
	Result   Result
	Line     string // the result in a sentence
	Facts    []fact // how it ran
	Figures  []fact // what came out
	Verdicts []verdict
	Findings []findingView
	More     int // violations that are only counted
	Timeline plot
	Legend   []fact
	Effects  []effectView
	Faults   []faultView
	CloseUps []closeUp
	Others   int // faults without a close-up
	Kinds    []kindView
	Final    finalView
	Again    string
	Links    []Link
	Hover    hover
}

// fact is a word with its value.
type fact struct {
	Name, Value, Note, Class, Href string
}

// verdict is a line of the table of checkers.
type verdict struct {
	Name, What, Rules string
	Looked            string
	State             string // held, violated, idle
	Violations        int
	Marks             []string
	More              int
}

func newView(p Page) *view {
	h := p.History
	a := newAxis(0, whole(h))
	s := newSeries(a, h.Ops)
	found := findings(h, p.Verdicts)
	b := newBill(h)
	v := &view{
		Title:  title(h.Run),
		Result: Sum(h, p.Verdicts), Facts: runFacts(h.Run), Figures: figuresOf(h, b),
		Verdicts: verdictsOf(p.Verdicts, found),
		Timeline: timeline(h, found, s, a), Legend: legend(),
		Effects: effects(b), Faults: faultViews(h, b), Kinds: kindViews(h.Ops),
		Final: newFinalView(h), Again: p.Again, Links: p.Links, Hover: newHover(a, h, s),
	}
	v.Line = line(h, p.Verdicts, v.Result)
	v.Findings, v.More = findingViews(h, found)
	v.CloseUps, v.Others = aroundFaults(h)
	return v
}

// line is the result in a sentence.
func line(h *history.History, verdicts []check.Verdict, r Result) string {
	judged := 0
	for _, v := range verdicts {
		if v.Looked > 0 {
			judged++
		}
	}
	injected := 0
	for _, f := range h.Faults {
		if f.Error == "" {
			injected++
		}
	}
	over := count(len(h.Ops), "operation") + " under " + count(injected, "fault")
	switch {
	case r.Violations > 0:
		return count(r.Violations, "violation") + " in " + over
	case !r.Passed:
		return "no violation was seen, but the run proves nothing"
	}
	return count(judged, "checker") + " found no violation in " + over
}

// title names a run: its workload and nemesis.
func title(run history.Run) string {
	s := run.Workload
	if s == "" {
		s = "run"
	}
	if run.Nemesis != "" && run.Nemesis != "none" {
		s += " under " + strings.ReplaceAll(run.Nemesis, ",", ", ")
	}
	return s
}

// runFacts says what ran.
func runFacts(run history.Run) []fact {
	unknown := func(s string) string {
		if s == "" {
			return "not recorded"
		}
		return s
	}
	instrument := map[string]string{"sim": "sim: the simulator", "real": "real: the binary, in processes of its own"}[run.Instrument]
	if instrument == "" {
		instrument = unknown(run.Instrument)
	}
	nemesis := run.Nemesis
	if nemesis == "" {
		nemesis = "none"
	}
	list := []fact{
		{Name: "instrument", Value: instrument},
		{Name: "workload", Value: unknown(run.Workload)},
		{Name: "nemesis", Value: nemesis},
		{Name: "seed", Value: fmt.Sprint(run.Seed), Class: "mono"},
		{Name: "nodes", Value: number(run.Nodes)},
		{Name: "build", Value: unknown(run.Build)},
		{Name: "commit", Value: unknown(run.Commit), Class: "mono"},
		{Name: "started", Value: unknown(run.Started)},
		{Name: "with callers", Value: length(run.Duration)},
	}
	for _, d := range []struct {
		name string
		d    time.Duration
	}{{"max backdate", run.MaxBackdate}, {"remember", run.Remember}} {
		if d.d > 0 {
			list = append(list, fact{Name: d.name, Value: length(d.d)})
		}
	}
	if run.ClockError > 0 {
		list = append(list, fact{Name: "clock rates off by", Value: "up to " + figures(run.ClockError*100) + " %"})
	}
	return list
}

// figuresOf says what came out, in a dozen numbers.
func figuresOf(h *history.History, b *bill) []fact {
	var n [classes]int
	for i := range h.Ops {
		n[classOf(&h.Ops[i])]++
	}
	injected, failed := 0, 0
	for _, f := range h.Faults {
		if f.Error == "" {
			injected++
		} else {
			failed++
		}
	}
	gap := longestGap(b.successes, firstCall(h), b.end)
	list := []fact{
		{Name: "operations", Value: number(len(h.Ops)), Note: fmt.Sprintf("%s granted, %s denied", number(n[granted]), number(n[denied]))},
		{Name: "operations/s", Value: per(len(h.Ops), b.end), Note: "over " + length(b.end)},
		{Name: "unknown outcomes", Value: number(n[unknown]), Note: share(n[unknown], len(h.Ops)), Class: "unknown"},
		{Name: "refused", Value: number(n[refused]), Note: share(n[refused], len(h.Ops)), Class: "refused"},
		{Name: "faults", Value: number(injected), Note: faultNote(h.Faults, failed)},
		leaderFigure(h),
	}
	longest := fact{Name: "longest without a success", Value: length(gap.to - gap.from), Note: "from " + moment(gap.from)}
	if len(b.successes) == 0 {
		longest = fact{Name: "longest without a success", Value: "all of it", Note: "no call succeeded", Class: "bad"}
	}
	return append(list, longest)
}

func share(n, of int) string {
	if of == 0 {
		return ""
	}
	return figures(float64(n)*100/float64(of)) + " % of all"
}

func faultNote(faults []history.Fault, failed int) string {
	if len(faults) == 0 {
		return "none injected"
	}
	order, of := kinds(faults)
	var parts []string
	for _, kind := range order {
		n := 0
		for _, f := range of[kind] {
			if f.Error == "" {
				n++
			}
		}
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%s %s", kind, number(n)))
		}
	}
	note := short(strings.Join(parts, ", "), 180)
	if failed > 0 {
		note += fmt.Sprintf("; %s could not be injected", number(failed))
	}
	return note
}

// leaderFigure counts reigns and terms.
func leaderFigure(h *history.History) fact {
	var terms []uint64
	reigns := 0
	for _, l := range h.Leaders {
		terms = append(terms, l.Term)
		if l.Node != "" {
			reigns++
		}
	}
	if reigns == 0 {
		return fact{Name: "leaders", Value: "0", Note: "nobody was seen leading"}
	}
	slices.Sort(terms)
	note := fmt.Sprintf("terms %d to %d", terms[0], terms[len(terms)-1])
	if terms[0] == terms[len(terms)-1] {
		note = fmt.Sprintf("term %d", terms[0])
	}
	return fact{Name: "leaders", Value: number(reigns), Note: note}
}

// mostLinks bounds how many findings a checker's line names.
const mostLinks = 8

func verdictsOf(verdicts []check.Verdict, found []finding) []verdict {
	var list []verdict
	for _, c := range verdicts {
		v := verdict{
			Name: c.Checker.Name, What: c.Checker.What, Rules: c.Checker.Rules,
			Looked: number(c.Looked), Violations: len(c.Violations), State: "held",
		}
		switch {
		case v.Violations > 0:
			v.State = "violated"
		case c.Looked == 0:
			v.State = "idle"
		}
		for _, f := range found[:v.Violations] {
			if f.Described && len(v.Marks) < mostLinks {
				v.Marks = append(v.Marks, f.ID)
			}
		}
		v.More = v.Violations - len(v.Marks)
		found = found[v.Violations:]
		list = append(list, v)
	}
	return list
}

func legend() []fact {
	var list []fact
	for _, c := range allClasses() {
		list = append(list, fact{Name: c.String(), Note: c.meaning(), Class: c.String()})
	}
	return append(list,
		fact{Name: "waiting", Note: "in the queue, before the answer", Class: "waiting"},
		fact{Name: "violated", Note: "shows a violation", Class: "violated"})
}

// join writes a list for people.
func join(list []string) string { return strings.Join(list, "; ") }
