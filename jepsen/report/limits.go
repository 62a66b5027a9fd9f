package report

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/limitd/limitd/jepsen/history"
)

// mostLimits bounds how many limits have a strip: those with most grants.
const mostLimits = 12

// holdColumns is how finely holds are drawn.
const holdColumns = 1500

// busiest lists the limits that granted most, and how many others there were.
func busiest(ops []history.Op) (names []string, others int) {
	grants := make(map[string]int)
	for i := range ops {
		if o := &ops[i]; o.IsGrant() {
			for _, g := range o.Granted {
				if g.Counted {
					grants[g.Name]++
				}
			}
		}
	}
	for name := range grants {
		names = append(names, name)
	}
	slices.SortFunc(names, func(x, y string) int {
		if d := grants[y] - grants[x]; d != 0 {
			return d
		}
		return cmp.Compare(x, y)
	})
	if len(names) > mostLimits {
		names, others = names[:mostLimits], len(names)-mostLimits
	}
	slices.Sort(names)
	return names, others
}

// limitRows draws for each limit its holds, and its admissions where it decays.
func limitRows(a axis, h *history.History) (holds, rates []row) {
	all := holders(h)
	names, others := busiest(h.Ops)
	for _, name := range names {
		set := newSettings(name, h.Ops, a.to)
		admitted := admissionsOf(name, h.Ops)
		if len(admitted) > 0 {
			rates = append(rates, rateRow(a, name, admitted, set, h.Run))
		}
		held := holdsOf(name, h, all)
		if len(held) > 0 && !set.decays() {
			holds = append(holds, holdRow(a, name, held, set))
		}
	}
	if others > 0 && len(holds) > 0 {
		holds[0].Note += fmt.Sprintf("; %s with fewer grants are not shown", count(others, "limit"))
	}
	return holds, rates
}

func holdRow(a axis, name string, held []hold, set settings) row {
	r := row{Class: "strip", Label: short(name, 24), Height: 46}
	xs := make([]int, holdColumns+1)
	for i := range xs {
		xs[i] = i * units / holdColumns
	}
	c := sum(held)
	tops := c.tops(a, holdColumns)
	bounds := make([]float64, holdColumns)
	most := float64(max(c.peak(), 1))
	for i := range bounds {
		w := stretch{a.from + a.span()/holdColumns*timeOf(i), a.from + a.span()/holdColumns*timeOf(i+1)}
		bounds[i] = set.most(w, slotsOf)
		most = max(most, bounds[i])
	}
	steps(&r, xs, floats(tops), bounds, most)
	r.Note = fmt.Sprintf("%s, at most %d at once", count(len(held), "hold"), c.peak())
	r.Scale = []text{{Y: 0, Text: amount(most)}, {Y: r.Height - 12, Text: "0"}}
	r.Alt = fmt.Sprintf("slots of %s held: %s", name, r.Note)
	return r
}

func rateRow(a axis, name string, admitted []admission, set settings, run history.Run) row {
	r := row{Class: "strip", Label: short(name, 24), Height: 46}
	w := newRateWindows(a, admitted, set, run)
	xs := make([]int, len(w.Admitted)+1)
	most := 1.0
	for i := range xs {
		xs[i] = a.x(a.from + w.Width*timeOf(i))
	}
	for i := range w.Admitted {
		most = max(most, float64(w.Admitted[i]), w.Bound[i])
	}
	steps(&r, xs, floats(w.Admitted), w.Bound, most)
	var slots int64
	for _, x := range admitted {
		slots += x.slots
	}
	r.Note = "W = " + seconds(w.Width) + " s"
	if all := rateBound(stretch{0, a.to}, set, run); all >= 0 {
		r.Note += fmt.Sprintf("; all in all %s of at most %s", number(slots), amount(all))
	}
	r.Scale = []text{{Y: 0, Text: amount(most)}, {Y: r.Height - 12, Text: "0"}}
	r.Alt = "slots that " + name + " admitted: " + r.Note
	return r
}

// steps draws values as a filled step line, the bound over them as a line, and
// what stands above the bound once more, in the colour of alarm.
func steps(r *row, xs []int, values, bounds []float64, most float64) {
	y := func(v float64) int { return r.Height - int(v/most*float64(r.Height-4)) }
	tops, over, line := make([]int, len(values)), make([]int, len(values)), make([]int, len(values))
	alarm := false
	for i, v := range values {
		tops[i], over[i], line[i] = y(v), r.Height, -1
		if bounds[i] >= 0 {
			line[i] = y(bounds[i])
			if v > bounds[i]+1e-9 {
				over[i], alarm = y(v), true
			}
		}
	}
	var p, q, b path
	p.area(xs, tops, r.Height)
	r.draw("fill held", &p, "")
	if alarm {
		q.area(xs, over, r.Height)
		r.draw("fill over", &q, "above the line")
	}
	b.line(xs, line)
	r.draw("line bound", &b, "")
}

func floats(list []int64) []float64 {
	out := make([]float64, len(list))
	for i, v := range list {
		out[i] = float64(v)
	}
	return out
}
