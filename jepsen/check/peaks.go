package check

import "math"

// peaks is a row of values, of which a front part is raised and the largest is
// told in logarithmic time: a tree whose nodes keep the largest value below
// them, and what was added to all of it.
type peaks struct {
	size int
	most []float64
	lift []float64
	sums []float64 // what was added to each place, as a Fenwick tree from the back
}

func newPeaks(n int) *peaks {
	size := 1
	for size < n {
		size *= 2
	}
	p := &peaks{size: size, most: make([]float64, 2*size), lift: make([]float64, 2*size), sums: make([]float64, size+1)}
	for i := range p.most {
		p.most[i] = math.Inf(-1)
	}
	return p
}

// raise adds n to all values up to a place. The value at the place itself,
// which was none so far, becomes base and all that was ever added to it.
func (p *peaks) raise(place int, n, base float64) {
	for i := p.size - place; i <= p.size; i += i & -i {
		p.sums[i] += n
	}
	if place > 0 {
		p.add(1, 0, p.size, place, n)
	}
	added := 0.0
	for i := p.size - place; i > 0; i -= i & -i {
		added += p.sums[i]
	}
	p.set(place, base+added)
}

// add raises the places of node that lie before end; node has those from lo to hi.
func (p *peaks) add(node, lo, hi, end int, n float64) {
	switch {
	case lo >= end:
		return
	case hi <= end:
		p.most[node] += n
		p.lift[node] += n
		return
	}
	middle := (lo + hi) / 2
	p.add(2*node, lo, middle, end, n)
	p.add(2*node+1, middle, hi, end, n)
	p.most[node] = max(p.most[2*node], p.most[2*node+1]) + p.lift[node]
}

// set gives a place its value, whatever was added above it.
func (p *peaks) set(place int, value float64) {
	node := p.size + place
	for above := node / 2; above > 0; above /= 2 {
		value -= p.lift[above]
	}
	p.most[node] = value
	for node /= 2; node > 0; node /= 2 {
		p.most[node] = max(p.most[2*node], p.most[2*node+1]) + p.lift[node]
	}
}

// top returns the largest value.
func (p *peaks) top() float64 { return p.most[1] }
