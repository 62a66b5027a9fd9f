// Package drain lets a node that stops end what its front ends hold open.
//
// Whoever keeps a caller waiting passes the gate, and gives what ends the wait:
//
//	pass, ok := gate.Enter(cancel)
//	if !ok {
//		return shuttingDown()
//	}
//	defer pass.Leave()
//	... wait ...
//	cut := !pass.Leave() // was it Drain that ended the wait?
package drain

import "sync"

// Gate counts what is open, and ends it. The zero Gate is ready for use.
type Gate struct {
	mu       sync.Mutex
	draining bool             // guarded by mu
	entered  uint64           // so far; guarded by mu
	open     map[uint64]*Pass // by their number; guarded by mu
}

// Pass stands for one open wait.
type Pass struct {
	gate   *Gate
	number uint64
	end    func()
}

// Enter opens a wait, which Drain ends by calling end; false: the node drains
// already.
func (g *Gate) Enter(end func()) (*Pass, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.draining {
		return nil, false
	}
	if g.open == nil {
		g.open = map[uint64]*Pass{}
	}
	g.entered++
	p := &Pass{gate: g, number: g.entered, end: end}
	g.open[p.number] = p
	return p, true
}

// Leave closes the wait. It returns false where Drain has ended it, or where it
// was closed before.
func (p *Pass) Leave() bool {
	p.gate.mu.Lock()
	defer p.gate.mu.Unlock()
	_, open := p.gate.open[p.number]
	delete(p.gate.open, p.number)
	return open
}

// Drain ends all open waits, and lets none in any more. It may be called twice.
func (g *Gate) Drain() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.draining = true
	for number, p := range g.open {
		p.end()
		delete(g.open, number)
	}
}

// Draining tells whether Drain was called.
func (g *Gate) Draining() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.draining
}

// Count returns how many waits are open.
func (g *Gate) Count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.open)
}
