package cluster

import (
	"context"
	"sync"
)

// gate lets proposals through, counts those under way, and can be shut: for the
// time of a restore, or for good.
type gate struct {
	mu      sync.Mutex
	shut    bool
	closed  bool // for good
	inside  int
	changed signal // shut, closed or inside changed in a way somebody may wait for
}

// enter waits until the gate is open and counts the caller in. It returns
// ErrShutdown once the gate is closed for good.
func (g *gate) enter(ctx context.Context) error {
	for {
		wait := g.changed.wait()
		g.mu.Lock()
		switch {
		case g.closed:
			g.mu.Unlock()
			return ErrShutdown
		case !g.shut:
			g.inside++
			g.mu.Unlock()
			return nil
		}
		g.mu.Unlock()
		if err := wait(ctx); err != nil {
			return err
		}
	}
}

// leave counts the caller out.
func (g *gate) leave() {
	g.mu.Lock()
	g.inside--
	tell := g.inside == 0
	g.mu.Unlock()
	if tell {
		g.changed.notify()
	}
}

// count returns how many are inside.
func (g *gate) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.inside
}

// set shuts or opens the gate.
func (g *gate) set(shut bool) {
	g.mu.Lock()
	g.shut = shut
	g.mu.Unlock()
	g.changed.notify()
}

// close shuts the gate for good.
func (g *gate) close() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.changed.notify()
}

// drain waits until nobody is inside.
func (g *gate) drain(ctx context.Context) error {
	for {
		wait := g.changed.wait()
		g.mu.Lock()
		empty := g.inside == 0
		g.mu.Unlock()
		if empty {
			return nil
		}
		if err := wait(ctx); err != nil {
			return err
		}
	}
}
