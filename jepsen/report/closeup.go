package report

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/limitd/limitd/jepsen/history"
)

// The bounds that keep the page small, however long the run was.
const (
	mostEvidence = 40   // calls that are listed of one violation
	mostCloseUps = 20   // violations with a picture
	mostFaultUps = 40   // pictures around faults
	mostNear     = 250  // calls in the picture of a violation
	mostAround   = 1000 // calls in a picture around a fault
)

// How much of the run is shown before and after the start of a fault.
const (
	before = 500 * time.Millisecond
	after  = 1500 * time.Millisecond
)

// closeUp is a picture of a moment.
type closeUp struct {
	ID, Title, Note string
	Plot            plot
}

// nearFinding pictures a violation: the calls that show it, and others of the
// same limits, leases and callers at the time.
func nearFinding(h *history.History, f finding) closeUp {
	pad := max((f.To-f.From)/5, 100*time.Millisecond)
	a := newAxis(max(f.From-pad, 0), f.To+pad)
	near := related(h, f, a)
	shown := make(map[int]bool)
	for _, o := range f.ops {
		shown[o.Number] = true
	}
	c := closeUp{ID: "closeup-" + f.ID, Title: "The calls around " + f.ID}
	rows := callRows(a, near, shown, mostNear, true)
	drawn := beliefs(rows, a, h, near)
	c.Plot = moments(a, h, c.Title, rows)
	c.Note = fmt.Sprintf("%s; outlined are those that show the violation", count(len(near), "call"))
	if drawn > 0 {
		c.Note += "; underlined is while a caller believed to hold slots"
	}
	return c
}

// related chooses the calls on the picture of a violation, the nearest first.
func related(h *history.History, f finding, a axis) []*history.Op {
	kin := newKin(f.ops)
	var near []*history.Op
	for i := range h.Ops {
		o := &h.Ops[i]
		from, to := span(o)
		if a.overlaps(from, to) && kin.has(o) && !slices.Contains(f.ops, o) {
			near = append(near, o)
		}
	}
	slices.SortStableFunc(near, func(x, y *history.Op) int { return cmp.Compare(apart(x.Call, f.At), apart(y.Call, f.At)) })
	near = append(slices.Clone(f.ops), near...)
	near = near[:min(len(near), mostNear)]
	slices.SortStableFunc(near, func(x, y *history.Op) int { return cmp.Compare(x.Call, y.Call) })
	return near
}

func apart(x, y time.Duration) time.Duration { return max(x-y, y-x) }

// kin knows what calls have to do with each other.
type kin struct {
	clients map[int]bool
	limits  map[string]bool
	tokens  map[uint64]bool
}

func newKin(ops []*history.Op) kin {
	k := kin{map[int]bool{}, map[string]bool{}, map[uint64]bool{}}
	for _, o := range ops {
		k.clients[o.Client] = true
		for _, w := range o.Limits {
			k.limits[w.Name] = true
		}
		for _, t := range append([]uint64{o.Token}, o.Tokens...) {
			k.tokens[t] = t != 0
		}
	}
	return k
}

func (k kin) has(o *history.Op) bool {
	return k.clients[o.Client] || k.tokens[o.Token] ||
		slices.ContainsFunc(o.Limits, func(w history.Want) bool { return k.limits[w.Name] }) ||
		slices.ContainsFunc(o.Tokens, func(t uint64) bool { return k.tokens[t] })
}

// beliefs underlines, in the strips of callers, the spans in which they believed
// to hold something.
func beliefs(rows []row, a axis, h *history.History, near []*history.Op) (drawn int) {
	clients := make(map[string]bool)
	for _, o := range near {
		clients[fmt.Sprintf("c%d", o.Client)] = true
	}
	for _, b := range h.Beliefs {
		name := fmt.Sprintf("c%d", b.Client)
		if !clients[name] || !a.overlaps(b.From, b.To) {
			continue
		}
		for i := range rows {
			if rows[i].Label != name {
				continue
			}
			var p path
			p.box(a.x(b.From), rows[i].Height-2, max(a.x(b.To)-a.x(b.From), 1), 2)
			rows[i].draw("belief", &p, describeBelief(b))
			drawn++
		}
	}
	return drawn
}

func describeBelief(b history.Belief) string {
	s := fmt.Sprintf("c%d believed to hold token %d from %s to %s", b.Client, b.Token, moment(b.From), moment(b.To))
	if b.Lost != "" {
		s += ", then was told: " + b.Lost
	}
	if b.Paused {
		s += "; its process was stopped meanwhile"
	}
	return s
}

// aroundFaults pictures the starts of faults, those close together in one.
func aroundFaults(h *history.History) (list []closeUp, others int) {
	var spans []stretch
	for _, f := range h.Faults {
		if f.Error == "" {
			spans = append(spans, stretch{max(f.From-before, 0), max(f.From, 0) + after})
		}
	}
	spans = union(spans)
	if len(spans) > mostFaultUps {
		spans, others = spans[:mostFaultUps], len(spans)-mostFaultUps
	}
	for i, s := range spans {
		list = append(list, aroundFault(h, s, fmt.Sprintf("f%d", i+1)))
	}
	return list, others
}

func aroundFault(h *history.History, s stretch, id string) closeUp {
	var ops []*history.Op
	for i := range h.Ops {
		from, to := span(&h.Ops[i])
		if from <= s.to && to >= s.from {
			ops = append(ops, &h.Ops[i])
		}
	}
	left := 0
	if len(ops) > mostAround {
		slices.SortStableFunc(ops, func(x, y *history.Op) int { return cmp.Compare(x.Call, y.Call) })
		left = len(ops) - mostAround
		s.to = min(s.to, max(ops[mostAround].Call, s.from+time.Millisecond))
		ops = ops[:mostAround]
	}
	a := newAxis(s.from, s.to)
	c := closeUp{ID: id, Note: count(len(ops), "call")}
	for _, f := range h.Faults {
		if f.Error == "" && f.From >= s.from && f.From <= s.to {
			c.Title += "; " + f.Kind + " " + f.On
		}
	}
	if left > 0 {
		c.Note += fmt.Sprintf(", cut short at %s for their number", moment(s.to))
	}
	c.Title = short(moment(s.from+before)+" "+trimLead(c.Title), 140)
	c.Plot = moments(a, h, c.Title, callRows(a, ops, nil, 80, false))
	return c
}

func trimLead(s string) string {
	if len(s) > 2 {
		return s[2:]
	}
	return s
}

// moments puts calls under the leaders and faults of their time.
func moments(a axis, h *history.History, label string, calls []row) plot {
	p := plot{Label: label}
	list := slices.DeleteFunc(a.ticks(), func(t tick) bool { return t.Level > 0 })
	for _, r := range slices.Concat(leaderRows(a, h), faultRows(a, h.Faults)) {
		if len(r.Shapes) > 0 {
			r.Note = ""
			p.Rows = append(p.Rows, r)
		}
	}
	p.Rows = append(p.Rows, calls...)
	for i := range p.Rows {
		p.Rows[i].grid(a, list)
	}
	p.Rows = append(p.Rows, axisRow(a, list))
	return p
}
