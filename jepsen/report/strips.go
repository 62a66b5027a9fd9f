package report

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/limitd/limitd/jepsen/history"
)

// throughputRow draws how many calls ended in each bucket, by class: the classes
// stand on each other's shoulders, the best news lowest.
func throughputRow(a axis, s *series) row {
	r := row{Class: "strip", Label: "operations/s", Height: 96}
	most := 1
	for i := range s.N {
		most = max(most, s.total(i))
	}
	scale := func(n int) int { return r.Height - n*(r.Height-4)/most }
	xs := s.edges(a)
	for _, c := range slices.Backward(allClasses()) {
		tops := make([]int, s.N)
		for i := range s.N {
			n := 0
			for below := granted; below <= c; below++ {
				n += s.Counts[below][i]
			}
			tops[i] = scale(n)
		}
		if slices.Max(s.Counts[c]) > 0 {
			var p path
			p.area(xs, tops, r.Height)
			r.draw("fill "+c.String(), &p, "")
		}
	}
	peak := per(most, s.Width)
	r.Note = "in buckets of " + length(s.Width)
	r.Scale = []text{{Y: 0, Text: peak}, {Y: r.Height - 12, Text: "0"}}
	r.Alt = fmt.Sprintf("operations per second by outcome, at most %s", peak)
	return r
}

// latencyRow draws what answers cost, on a logarithmic scale.
func latencyRow(a axis, s *series) row {
	r := row{Class: "strip", Label: "latency", Note: "of answers, without the wait asked for", Height: 112}
	low, high := decades(s)
	y := func(d time.Duration) int {
		if d < 0 {
			return -1
		}
		share := (math.Log10(max(d.Seconds(), 1e-9)) - low) / (high - low)
		return r.Height - 2 - int(min(max(share, 0), 1)*float64(r.Height-4))
	}
	var lines path
	for e := low; e <= high; e++ {
		d := time.Duration(math.Pow(10, e) * float64(time.Second))
		lines.add('M', 0, y(d))
		lines.add('H', units)
		r.Scale = append(r.Scale, text{Y: min(max(y(d)-6, 0), r.Height-12), Text: round(d)})
	}
	r.draw("grid", &lines, "")
	xs := s.edges(a)
	for _, l := range []struct {
		class, short, title string
		values              []time.Duration
	}{{"line max", "max", "maximum", s.Max}, {"line p99", "p99", "99th percentile", s.P99}, {"line p50", "median", "median", s.P50}} {
		ys := make([]int, len(l.values))
		for i, d := range l.values {
			ys[i] = y(d)
		}
		var p path
		p.line(xs, ys)
		r.draw(l.class, &p, l.title)
		r.Keys = append(r.Keys, text{Class: l.class, Text: l.short})
	}
	r.Alt = "latency of answers per bucket: median, 99th percentile and maximum, logarithmic"
	return r
}

// decades returns the powers of ten, of seconds, that hold all latencies; those
// below 100 µs lie at the foot.
func decades(s *series) (low, high float64) {
	least, most := time.Duration(math.MaxInt64), time.Duration(0)
	for i, d := range s.P50 {
		if d >= 0 {
			least, most = min(least, d), max(most, s.Max[i])
		}
	}
	if most == 0 {
		return -3, 0
	}
	low = math.Floor(math.Log10(max(least.Seconds(), 1e-4)))
	high = math.Ceil(math.Log10(most.Seconds()))
	return low, max(high, low+1)
}

// round writes a power of ten.
func round(d time.Duration) string {
	switch {
	case d >= time.Second:
		return number(int64(d.Round(time.Second)/time.Second)) + " s"
	case d >= time.Millisecond:
		return number(int64(d.Round(time.Millisecond)/time.Millisecond)) + " ms"
	}
	return number(int64(d.Round(time.Microsecond)/time.Microsecond)) + " µs"
}

// densityRows draws, for each kind and outcome of calls, where there were many:
// a row of four shades.
func densityRows(a axis, s *series, ops []history.Op) []row {
	var present []history.Kind
	for key := range s.Rows {
		present = append(present, key.kind)
	}
	var rows []row
	for _, kind := range kindOrder(present) {
		for _, c := range allClasses() {
			counts := s.Rows[rowKey{kind, c}]
			if counts == nil {
				continue
			}
			rows = append(rows, densityRow(a, s, counts, string(kind)+" "+c.String(), c.String()))
		}
		if kind == history.Acquire && slices.Max(s.Waiting) > 0 {
			r := densityRow(a, s, s.Waiting, "acquire waiting", "waiting")
			waits := 0
			for i := range ops {
				if ops[i].Wait > 0 {
					waits++
				}
			}
			r.Note = fmt.Sprintf("%s, %d at once", number(waits), slices.Max(s.Waiting))
			rows = append(rows, r)
		}
	}
	return rows
}

func densityRow(a axis, s *series, counts []int, label, class string) row {
	r := row{Class: "density", Label: label, Height: 12}
	most, sum := slices.Max(counts), 0
	for _, n := range counts {
		sum += n
	}
	r.Note = number(sum)
	const shades = 4
	var paths [shades]path
	xs := s.edges(a)
	for i := 0; i < s.N; {
		k := shadeOf(counts[i], most, shades)
		j := i + 1
		for j < s.N && shadeOf(counts[j], most, shades) == k {
			j++
		}
		if k > 0 {
			paths[k-1].box(xs[i], 1, xs[j]-xs[i], r.Height-2)
		}
		i = j
	}
	for k := range paths {
		r.draw(fmt.Sprintf("heat %s h%d", class, k+1), &paths[k], "")
	}
	r.Alt = label + ": " + number(sum) + " calls over the run"
	return r
}

// shadeOf is 0 for none, and up to shades for the most: by the square root, so
// that the few show beside the many.
func shadeOf(n, most, shades int) int {
	if n == 0 || most == 0 {
		return 0
	}
	return min(max(int(math.Ceil(float64(shades)*math.Sqrt(float64(n)/float64(most)))), 1), shades)
}
