package report

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// units is the width of every picture in its own coordinates. The page stretches
// them to whatever width it has; heights are pixels.
const units = 100_000

// axis maps the time of a run to the width of a picture.
type axis struct{ from, to time.Duration }

// horizon is the latest instant of any picture, some 30 years on: sums of times
// before it stay numbers.
const horizon = time.Duration(1e18)

// newAxis returns the axis of a span, which is never empty, never before the
// run's beginning and never past the horizon.
func newAxis(from, to time.Duration) axis {
	from = min(max(from, 0), horizon)
	return axis{from, max(min(to, horizon), from+time.Millisecond)}
}

func (a axis) span() time.Duration { return a.to - a.from }

// x is where an instant lies; what is off the picture lies at its edge.
func (a axis) x(t time.Duration) int {
	t = min(max(t, a.from), a.to)
	return int(float64(t-a.from) / float64(a.span()) * units)
}

// percent is where an instant lies in per cent of the width.
func (a axis) percent(t time.Duration) float64 { return float64(a.x(t)) * 100 / units }

// overlaps tells whether a span has a part on the picture.
func (a axis) overlaps(from, to time.Duration) bool { return from <= a.to && to >= a.from }

// step returns the least of 1, 2 or 5 times a power of ten nanoseconds that is
// at least d.
func step(d time.Duration) time.Duration {
	for unit := time.Duration(1); unit < horizon; unit *= 10 {
		for _, factor := range []time.Duration{1, 2, 5} {
			if unit*factor >= d {
				return unit * factor
			}
		}
	}
	return horizon
}

// widths are by how much the timeline may be widened.
func widths() []int { return []int{1, 4, 16, 48} }

// tick is a mark of the time axis. Those above level 0 show when the picture is
// widened, by the factor of their level.
type tick struct {
	At    time.Duration
	Level int
}

// ticks returns about a dozen marks, and finer ones between them.
func (a axis) ticks() []tick {
	var list []tick
	seen := map[time.Duration]bool{}
	var width time.Duration
	for level, widened := range widths() {
		coarser := width
		width = step(max(a.span()/time.Duration(widened)/14, time.Millisecond/10))
		for level > 0 && coarser%width != 0 {
			width = step(width + 1)
		}
		first := a.from / width * width
		for i := range 1000 {
			t := first + time.Duration(i)*width
			if t > a.to || t < first {
				break
			}
			if t >= a.from && !seen[t] {
				seen[t] = true
				list = append(list, tick{t, level})
			}
		}
	}
	slices.SortStableFunc(list, func(x, y tick) int { return cmp.Compare(x.At, y.At) })
	return list
}

// stretch is a span of time.
type stretch struct{ from, to time.Duration }

// union joins spans that touch, in order.
func union(list []stretch) []stretch {
	list = slices.Clone(list)
	slices.SortFunc(list, func(x, y stretch) int { return cmp.Compare(x.from, y.from) })
	var out []stretch
	for _, s := range list {
		if n := len(out); n > 0 && s.from <= out[n-1].to {
			out[n-1].to = max(out[n-1].to, s.to)
			continue
		}
		out = append(out, s)
	}
	return out
}

// lanes gives each span, in order of their beginning, the lowest lane that is
// free; it returns the lanes and how many there are.
func lanes(list []stretch) (of []int, n int) {
	var free []time.Duration // per lane: from when it is free
	for _, s := range list {
		lane := slices.IndexFunc(free, func(at time.Duration) bool { return at <= s.from })
		if lane < 0 {
			lane = len(free)
			free = append(free, 0)
		}
		free[lane] = max(s.to, s.from+1)
		of = append(of, lane)
	}
	return of, len(free)
}

// path builds the d attribute of an SVG path.
type path struct{ b strings.Builder }

func (p *path) add(verb byte, numbers ...int) {
	p.b.WriteByte(verb)
	for i, n := range numbers {
		if i > 0 {
			p.b.WriteByte(' ')
		}
		p.b.WriteString(strconv.Itoa(n))
	}
}

// box adds a rectangle.
func (p *path) box(x, y, width, height int) {
	p.add('M', x, y)
	p.add('h', width)
	p.add('v', height)
	p.add('h', -width)
	p.b.WriteByte('z')
}

// area adds the steps of heights over the base line, height pixels high, one
// every width from x on. Equal neighbours make one step.
func (p *path) area(xs []int, tops []int, base int) {
	if len(tops) == 0 || len(xs) != len(tops)+1 {
		return
	}
	p.add('M', xs[0], base)
	last := base
	for i, y := range tops {
		if y != last {
			if i > 0 {
				p.add('H', xs[i])
			}
			p.add('V', y)
			last = y
		}
	}
	p.add('H', xs[len(tops)])
	p.add('V', base)
	p.b.WriteByte('z')
}

// line adds the steps of heights as a line; a negative one leaves a gap.
func (p *path) line(xs []int, ys []int) {
	if len(xs) != len(ys)+1 {
		return
	}
	last := -1
	for i, y := range ys {
		switch {
		case y < 0 && last >= 0:
			p.add('H', xs[i])
		case y >= 0 && last < 0:
			p.add('M', xs[i], y)
		case y >= 0 && y != last:
			p.add('H', xs[i])
			p.add('V', y)
		}
		last = y
	}
	if last >= 0 {
		p.add('H', xs[len(ys)])
	}
}

func (p *path) String() string { return p.b.String() }
func (p *path) empty() bool    { return p.b.Len() == 0 }
