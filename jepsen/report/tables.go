package report

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/limitd/limitd/jepsen/history"
)

// mostFindings bounds how many violations are described; the rest is counted.
const mostFindings = 60

// findingView is a violation as the page describes it.
type findingView struct {
	finding
	When  string
	Calls []callView
	Left  int // calls that are not listed, or not in the history
	Near  *closeUp
}

// callView is a call as a line of a table.
type callView struct {
	Number, Client                int
	Kind, Node, From, To, Took    string
	ID, Asked, Answer, Class, Tip string
}

func findingViews(h *history.History, found []finding) (list []findingView, more int) {
	for _, f := range found {
		if !f.Described {
			more++
			continue
		}
		v := findingView{finding: f, Left: len(f.Ops) - len(f.ops)}
		if f.Found {
			v.When = moment(f.At)
			if f.Pictured {
				near := nearFinding(h, f)
				v.Near = &near
			}
		}
		for _, o := range f.ops {
			v.Calls = append(v.Calls, newCallView(o))
		}
		list = append(list, v)
	}
	return list, more
}

func newCallView(o *history.Op) callView {
	from, to := span(o)
	return callView{
		Number: o.Number, Client: o.Client, Kind: string(o.Kind), Node: o.Node,
		From: moment(from), To: moment(to), Took: length(to - from),
		ID: o.ID, Asked: ask(o), Answer: answer(o), Class: classOf(o).String(),
	}
}

// effectView is a line of the table of what faults cost.
type effectView struct {
	Kind, Count, Failed, Why         string
	First, Worst, Gap, GapAt         string
	P99, Max, Rate, Unknown, Windows string
}

func effects(b *bill) []effectView {
	order, of := kinds(b.h.Faults)
	var list []effectView
	for _, kind := range order {
		list = append(list, newEffectView(b.of(kind, of[kind])))
	}
	if len(b.h.Ops) > 0 {
		rest := newEffectView(b.rest())
		rest.Kind, rest.Count, rest.First, rest.Worst = "no fault", "", "", ""
		list = append(list, rest)
	}
	return list
}

func newEffectView(e effect) effectView {
	v := effectView{
		Kind: e.Kind, Count: number(e.Count),
		First: optional(e.First), Worst: optional(e.Worst), Gap: length(e.Gap), GapAt: moment(e.GapAt),
		P99: optional(e.P99), Max: optional(e.Max), Rate: e.Rate, Unknown: number(e.Unknown), Windows: length(e.Length),
	}
	if e.Never > 0 {
		v.Worst = fmt.Sprintf("never, %d×", e.Never)
	}
	if e.Failed > 0 {
		v.Failed = number(e.Failed)
		v.Why = short(join(e.Errors), 400)
	}
	return v
}

func optional(d time.Duration) string {
	if d < 0 {
		return "–"
	}
	return length(d)
}

// mostFaults bounds how many faults are listed.
const mostFaults = 500

// faultView is one fault as a line of a table.
type faultView struct {
	At, Length, Kind, On, What, Error string
	First, Gap, P99                   string
}

func faultViews(h *history.History, b *bill) []faultView {
	var list []faultView
	for i, f := range h.Faults {
		if i == mostFaults {
			break
		}
		v := faultView{At: moment(f.From), Length: "instant", Kind: f.Kind, On: f.On, What: f.What, Error: f.Error}
		if f.To > f.From {
			v.Length = length(f.To - f.From)
		}
		if f.Error == "" {
			e := b.of(f.Kind, []history.Fault{f})
			v.First, v.Gap, v.P99 = optional(e.First), length(e.Gap), optional(e.P99)
		}
		list = append(list, v)
	}
	return list
}

// kindView is a line of the table of calls.
type kindView struct {
	Kind, All     string
	Classes       []string // in the order of allClasses
	P50, P99, Max string
	Tries         string // of those sent more than once
}

func kindViews(ops []history.Op) []kindView {
	type sum struct {
		all, again int
		of         [classes]int
		took       []time.Duration
	}
	sums := make(map[history.Kind]*sum)
	for i := range ops {
		o := &ops[i]
		if sums[o.Kind] == nil {
			sums[o.Kind] = new(sum)
		}
		s := sums[o.Kind]
		s.all++
		s.of[classOf(o)]++
		if o.Tries > 1 {
			s.again++
		}
		if d, ok := latency(o); ok {
			s.took = append(s.took, d)
		}
	}
	var list []kindView
	for _, kind := range kindOrder(slices.Collect(maps.Keys(sums))) {
		s := sums[kind]
		slices.Sort(s.took)
		v := kindView{
			Kind: string(kind), All: number(s.all), Tries: number(s.again),
			P50: optional(quantile(s.took, 0.5)), P99: optional(quantile(s.took, 0.99)), Max: optional(quantile(s.took, 1)),
		}
		for _, n := range s.of {
			v.Classes = append(v.Classes, number(n))
		}
		list = append(list, v)
	}
	return list
}

// finalView is the state at the end.
type finalView struct {
	Taken    bool
	Error    string
	Index    string
	Same     bool // all nodes gave one digest
	Nodes    []history.FinalNode
	Occupied []fact // limits that are not empty
	Empty    int    // limits that are
	Waiting  string
	Leases   string
	Clean    bool
}

func newFinalView(h *history.History) finalView {
	f := h.Final
	if f == nil {
		return finalView{}
	}
	v := finalView{
		Taken: true, Error: f.Error, Index: number(f.Index), Nodes: f.Nodes, Same: len(f.Nodes) > 0,
		Waiting: number(f.Waiting), Leases: number(f.Leases),
	}
	for _, n := range f.Nodes {
		v.Same = v.Same && n.Digest != "" && n.Digest == f.Nodes[0].Digest
	}
	for _, name := range slices.Sorted(maps.Keys(f.Limits)) {
		if n := f.Limits[name]; n == 0 {
			v.Empty++
		} else if len(v.Occupied) < 100 {
			v.Occupied = append(v.Occupied, fact{Name: name, Value: number(n)})
		}
	}
	v.Clean = len(v.Occupied) == 0 && f.Waiting == 0 && f.Leases == 0
	return v
}
