//go:build linux

package network

import "time"

// Rule is what one directed link does to what it carries. The zero Rule lets
// everything pass at once.
type Rule struct {
	Cut       bool
	Delay     time.Duration
	Jitter    time.Duration // up to that much is added to or taken from Delay
	Loss      float64       // share that is lost
	Duplicate float64       // share that comes twice
	Reorder   float64       // share that skips Delay, and so overtakes
	Corrupt   float64       // share in which one bit is flipped
	Rate      int64         // bytes a second; 0: no bound
}

// and returns a rule that does what both do.
func (r Rule) and(s Rule) Rule {
	either := func(a, b float64) float64 { return 1 - (1-a)*(1-b) }
	rate := max(r.Rate, s.Rate)
	if r.Rate > 0 && s.Rate > 0 {
		rate = min(r.Rate, s.Rate)
	}
	return Rule{
		Cut: r.Cut || s.Cut, Delay: r.Delay + s.Delay, Jitter: r.Jitter + s.Jitter, Rate: rate,
		Loss: either(r.Loss, s.Loss), Duplicate: either(r.Duplicate, s.Duplicate),
		Reorder: either(r.Reorder, s.Reorder), Corrupt: either(r.Corrupt, s.Corrupt),
	}
}

// Set lays a rule on the link from one place to another. Rules of several
// layers add up; within a layer the last one counts.
func (n *Network) Set(layer string, from, to int, r Rule) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.layers[layer] == nil {
		n.layers[layer] = make(map[pair]Rule)
	}
	n.layers[layer][pair{from, to}] = r
	n.settleLocked(pair{from, to})
}

// Both is Set in both directions.
func (n *Network) Both(layer string, a, b int, r Rule) {
	n.Set(layer, a, b, r)
	n.Set(layer, b, a, r)
}

// Clear takes a layer's rules away.
func (n *Network) Clear(layer string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	links := n.layers[layer]
	delete(n.layers, layer)
	for p := range links {
		n.settleLocked(p)
	}
}

// Mend takes all rules away.
func (n *Network) Mend() {
	n.mu.Lock()
	defer n.mu.Unlock()
	layers := n.layers
	n.layers = make(map[string]map[pair]Rule)
	for _, links := range layers {
		for p := range links {
			n.settleLocked(p)
		}
	}
}

// settleLocked works out what a link does now.
func (n *Network) settleLocked(p pair) {
	sum, any := Rule{}, false
	for _, links := range n.layers {
		if r, ok := links[p]; ok {
			sum, any = sum.and(r), true
		}
	}
	if !any {
		n.links[p.from][p.to].rule.Store(nil)
		return
	}
	n.links[p.from][p.to].rule.Store(&sum)
}
