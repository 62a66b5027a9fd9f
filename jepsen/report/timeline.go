package report

import (
	"fmt"
	"slices"
	"time"

	"github.com/limitd/limitd/jepsen/check"
	"github.com/limitd/limitd/jepsen/history"
)

// mostSingle is how many calls the timeline shows one by one. Of longer runs it
// shows how many there were, and the close-ups show those around violations and
// faults.
const mostSingle = 1500

// timeline is the picture of the whole run.
func timeline(h *history.History, found []finding, s *series, a axis) plot {
	list := a.ticks()
	shown := make(map[int]bool)
	for _, f := range found {
		for _, n := range f.Ops {
			shown[n] = true
		}
	}
	p := plot{ID: "timeline", Label: "The run over its time", Zooms: zooms(a)}
	group := func(name, note string, rows ...row) {
		if len(rows) == 0 {
			return
		}
		p.Rows = append(p.Rows, row{Class: "group", Label: name, Note: note})
		p.Rows = append(p.Rows, rows...)
	}
	p.Rows = append(p.Rows, axisRow(a, list))
	if len(found) > 0 {
		p.Rows = append(p.Rows, findingRow(a, found))
	}
	group("leader", "who was seen leading, t: its term", leaderRows(a, h)...)
	group("faults", "", faultRows(a, h.Faults)...)
	spans := faultSpans(h.Faults, 0)
	strips := []row{throughputRow(a, s), latencyRow(a, s)}
	strips[0].gap(a, longestGap(successes(h.Ops), firstCall(h), runLength(h)))
	for i := range strips {
		strips[i].shade(a, spans)
	}
	group("what callers saw", "shaded: while a fault lasted", strips...)
	if len(h.Ops) <= mostSingle {
		group("calls", "one by one, a strip for each caller", callRows(a, pointers(h.Ops), shown, mostSingle, true)...)
	} else {
		group("calls", "how many ended when, darker is more; single ones are in the close-ups", densityRows(a, s, h.Ops)...)
	}
	holds, rates := limitRows(a, h)
	group("slots held", "beyond doubt, against the limit's slots", holds...)
	group("rates", "slots admitted by calls begun and ended in a window W, against slots + decay × (W + G)", rates...)
	for i := range p.Rows {
		if r := &p.Rows[i]; r.Class != "axis" && r.Class != "group" {
			r.grid(a, list)
			r.after(a, h.Run.Duration)
		}
	}
	p.Rows = append(p.Rows, axisRow(a, list))
	return p
}

func pointers(ops []history.Op) []*history.Op {
	list := make([]*history.Op, len(ops))
	for i := range ops {
		list[i] = &ops[i]
	}
	return list
}

// zooms are by how much the timeline may be widened: until a screen shows a
// second or so.
func zooms(a axis) []int {
	list := []int{1}
	for _, z := range widths()[1:] {
		if a.span()/time.Duration(z) >= time.Second {
			list = append(list, z)
		}
	}
	return list
}

// finding is a violation with its place on the page.
type finding struct {
	check.Violation
	ID    string // v1, v2, ...
	Found bool   // the calls that show it are in the history
	// Described, Pictured: the page has room for it. Each checker gets its share.
	Described, Pictured bool
	// Open: its description shows at once, as the first of its checker.
	Open bool

	At   time.Duration
	From time.Duration
	To   time.Duration
	ops  []*history.Op
}

// findings numbers all violations, in the order of the verdicts.
func findings(h *history.History, verdicts []check.Verdict) []finding {
	byNumber := make(map[int]*history.Op, len(h.Ops))
	for i := range h.Ops {
		byNumber[h.Ops[i].Number] = &h.Ops[i]
	}
	convicting := 0
	for _, v := range verdicts {
		convicting += min(len(v.Violations), 1)
	}
	var list []finding
	for _, v := range verdicts {
		for i, violation := range v.Violations {
			f := finding{Violation: violation, ID: fmt.Sprintf("v%d", len(list)+1)}
			f.Described, f.Pictured = i < max(mostFindings/convicting, 3), i < max(mostCloseUps/convicting, 1)
			f.Open = i < 2
			f.place(byNumber)
			list = append(list, f)
		}
	}
	return list
}

// place looks the calls up. A violation is where the last of them begins.
func (f *finding) place(byNumber map[int]*history.Op) {
	for _, n := range f.Ops {
		o := byNumber[n]
		if o == nil || slices.Contains(f.ops, o) {
			continue
		}
		from, to := span(o)
		if !f.Found {
			f.Found, f.From, f.To, f.At = true, from, to, from
		}
		f.From, f.To, f.At = min(f.From, from), max(f.To, to), max(f.At, from)
		if f.ops = append(f.ops, o); len(f.ops) == mostEvidence {
			break
		}
	}
}

// mostMarks bounds how many violations have a mark with a name.
const mostMarks = 400

// findingRow marks violations: a triangle each that leads to its description.
func findingRow(a axis, found []finding) row {
	r := row{ID: "marks", Class: "marks", Label: "violations", Note: number(len(found)), Height: 22}
	for i, f := range found {
		if !f.Found || i >= mostMarks && !f.Described {
			continue
		}
		x := a.x(f.At)
		var p path
		p.add('M', x, 0)
		p.add('v', r.Height)
		title := f.ID + ", " + f.Rule + " at " + moment(f.At) + ": " + f.What
		mark := shape{ID: "mark-" + f.ID, Class: "mark", D: p.String(), Title: title}
		if f.Described {
			mark.Href = "#" + f.ID
		}
		r.Shapes = append(r.Shapes, mark)
		if len(found) <= 60 {
			r.Texts = append(r.Texts, text{X: float64(x) * 100 / units, Y: 4, Class: "marktext", Text: "▼" + f.ID, Href: "#" + f.ID})
		}
	}
	r.Alt = count(len(found), "violation")
	return r
}
