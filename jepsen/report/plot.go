package report

import (
	"strconv"
	"strings"
	"time"
)

// plot is pictures under one time axis.
type plot struct {
	ID    string
	Label string // for those who cannot see it
	Zooms []int  // by how much it can be widened; none: it cannot
	Rows  []row
}

// row is one strip of a plot.
type row struct {
	ID     string
	Class  string
	Label  string
	Note   string // beside the label, in small print
	Alt    string // for those who cannot see it; "": the label and the note
	Height int    // pixels
	Shapes []shape
	Texts  []text
	Scale  []text // the heights' values, in the column of labels
	Keys   []text // what the lines mean, in the column of labels
}

// shape is one path of a strip; Title shows under a pointer.
type shape struct {
	ID, Class, D, Title, Href string
}

// text lies over a strip, at a place in per cent of its width.
type text struct {
	X     float64
	Y     int // pixels from the top
	Class string
	Text  string
	Href  string
}

// About describes the strip in words.
func (r row) About() string {
	if r.Alt != "" {
		return r.Alt
	}
	return strings.TrimSpace(r.Label + " " + r.Note)
}

// draw adds a path, unless it is empty.
func (r *row) draw(class string, p *path, title string) {
	if !p.empty() {
		r.Shapes = append(r.Shapes, shape{Class: class, D: p.String(), Title: title})
	}
}

// grid is the ticks' lines through a strip.
func (r *row) grid(a axis, list []tick) {
	var p path
	for _, t := range list {
		if t.Level == 0 {
			p.add('M', a.x(t.At), 0)
			p.add('v', r.Height)
		}
	}
	if !p.empty() {
		r.Shapes = append([]shape{{Class: "grid", D: p.String()}}, r.Shapes...)
	}
}

// shade darkens spans of a strip, behind all else.
func (r *row) shade(a axis, spans []stretch) {
	var p path
	for _, s := range spans {
		if a.overlaps(s.from, s.to) {
			p.box(a.x(s.from), 0, max(a.x(s.to)-a.x(s.from), 1), r.Height)
		}
	}
	if !p.empty() {
		r.Shapes = append([]shape{{Class: "shade", D: p.String()}}, r.Shapes...)
	}
}

// after marks the time when callers had stopped.
func (r *row) after(a axis, end time.Duration) {
	if end <= 0 || a.percent(end) > 99 {
		return
	}
	var p path
	p.box(a.x(end), 0, units-a.x(end), r.Height)
	r.Shapes = append([]shape{{Class: "after", D: p.String(), Title: "callers had stopped"}}, r.Shapes...)
}

// gap marks the longest span without a success.
func (r *row) gap(a axis, s stretch) {
	if s.to <= s.from {
		return
	}
	var p path
	p.box(a.x(s.from), 0, max(a.x(s.to)-a.x(s.from), 1), 3)
	r.draw("gap", &p, "the longest span without a success: "+length(s.to-s.from)+" from "+moment(s.from))
}

// axisRow is the strip with the times.
func axisRow(a axis, list []tick) row {
	r := row{Class: "axis", Label: "run time", Note: "s", Height: 20, Alt: "time axis from " + moment(a.from) + " to " + moment(a.to)}
	var coarse, fine path
	for _, t := range list {
		p, class := &coarse, "tick"
		if t.Level > 0 {
			p, class = &fine, "tick fine"+strconv.Itoa(t.Level)
		}
		p.add('M', a.x(t.At), 14)
		p.add('v', 6)
		if a.percent(t.At) < 98.5 {
			if a.percent(t.At) < 0.5 {
				class += " first"
			}
			r.Texts = append(r.Texts, text{X: a.percent(t.At), Class: class, Text: seconds(t.At)})
		}
	}
	r.draw("tickmark", &coarse, "")
	r.draw("tickmark faint", &fine, "")
	return r
}
