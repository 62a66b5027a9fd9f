package report

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/limitd/limitd/jepsen/history"
)

// reign is a span in which one node was seen leading.
type reign struct {
	stretch
	node string
	term uint64
}

// reigns turns what was seen into spans, to the end of the run.
func reigns(leaders []history.Leader, end time.Duration) []reign {
	sorted := slices.Clone(leaders)
	slices.SortStableFunc(sorted, func(x, y history.Leader) int { return cmp.Compare(x.At, y.At) })
	var list []reign
	for i, l := range sorted {
		to := end
		if i+1 < len(sorted) {
			to = sorted[i+1].At
		}
		list = append(list, reign{stretch{l.At, max(to, l.At)}, l.Node, l.Term})
	}
	return list
}

// nodesOf lists all nodes that are named anywhere, n2 before n10.
func nodesOf(h *history.History) []string {
	var names []string
	for i := range h.Run.Nodes {
		if i == 64 {
			break
		}
		names = append(names, fmt.Sprintf("n%d", i+1))
	}
	for _, l := range h.Leaders {
		if l.Node != "" && len(names) < 64 && !slices.Contains(names, l.Node) {
			names = append(names, l.Node)
		}
	}
	slices.SortStableFunc(names, func(x, y string) int {
		if d := cmp.Compare(len(x), len(y)); d != 0 {
			return d
		}
		return cmp.Compare(x, y)
	})
	return names
}

// leaderRows has a strip for each node, filled where it led.
func leaderRows(a axis, h *history.History) []row {
	list := reigns(h.Leaders, a.to)
	var rows []row
	for i, name := range nodesOf(h) {
		r := row{Class: "lead", Label: name, Height: 13}
		var led time.Duration
		times := 0
		for _, g := range list {
			if g.node != name || !a.overlaps(g.from, g.to) {
				continue
			}
			times++
			led += g.to - g.from
			var p path
			p.box(a.x(g.from), 1, max(a.x(g.to)-a.x(g.from), 1), r.Height-2)
			r.draw(fmt.Sprintf("node node%d", i%7), &p, fmt.Sprintf("%s leads, term %d: %s to %s", name, g.term, moment(g.from), moment(g.to)))
			if a.percent(g.to)-a.percent(g.from) > 3 && len(r.Texts) < 500 {
				r.Texts = append(r.Texts, text{X: a.percent(max(g.from, a.from)), Y: 0, Class: "inside", Text: fmt.Sprintf("t%d", g.term)})
			}
		}
		if times > 0 {
			r.Note = fmt.Sprintf("led %d×, %s", times, length(led))
		}
		r.Alt = name + " led " + count(times, "time") + ", " + length(led)
		rows = append(rows, r)
	}
	return rows
}

// faultRows has a strip for each kind of fault.
func faultRows(a axis, faults []history.Fault) []row {
	order, of := kinds(faults)
	var rows []row
	for _, kind := range order {
		r := row{Class: "fault", Label: kind, Height: 14}
		failed, drawn := 0, 0
		for _, f := range of[kind] {
			if f.Error != "" {
				failed++
			}
			if !a.overlaps(f.From, max(f.From, f.To)) {
				continue
			}
			drawn++
			drawFault(&r, a, f, drawn)
		}
		r.Note = count(len(of[kind])-failed, "time")
		if failed > 0 {
			r.Note += fmt.Sprintf(", %d not injected", failed)
		}
		r.Alt = kind + ": " + r.Note
		rows = append(rows, r)
	}
	return rows
}

// mostTitles bounds how many faults of a kind tell what they were.
const mostTitles = 1500

func drawFault(r *row, a axis, f history.Fault, drawn int) {
	var p path
	class := "band"
	x, width := a.x(f.From), max(a.x(max(f.From, f.To))-a.x(f.From), 1)
	switch {
	case f.Error != "":
		class = "band failed"
		p.box(x, 4, max(width, units/300), r.Height-8)
	case f.To <= f.From:
		class += " instant"
		p.box(x, 1, 1, r.Height-2)
	default:
		p.box(x, 2, width, r.Height-4)
	}
	title := ""
	if drawn <= mostTitles {
		title = describeFault(f)
	}
	r.draw(class, &p, title)
	if drawn <= mostTitles && f.On != "" && float64(width)*100/units > 0.9*float64(len(f.On))+1 {
		r.Texts = append(r.Texts, text{X: a.percent(max(f.From, a.from)), Y: 0, Class: "inside", Text: f.On})
	}
}

// describeFault is a fault in one line.
func describeFault(f history.Fault) string {
	s := f.Kind
	if f.On != "" {
		s += " on " + f.On
	}
	if f.What != "" {
		s += ": " + f.What
	}
	if f.Error != "" {
		return s + " at " + moment(f.From) + ", not injected: " + f.Error
	}
	if f.To <= f.From {
		return s + " at " + moment(f.From)
	}
	return fmt.Sprintf("%s from %s to %s (%s)", s, moment(f.From), moment(f.To), length(f.To-f.From))
}
