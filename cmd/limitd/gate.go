package main

import (
	"io"
	"sync"
)

// gate holds back what is written until it is opened, so that the banner of
// `agent -dev` comes before the logs.
type gate struct {
	to io.Writer

	mu   sync.Mutex
	open bool
	held []byte
}

// Write passes b on, or keeps it while the gate is shut.
func (g *gate) Write(b []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.open {
		g.held = append(g.held, b...)
		return len(b), nil
	}
	return g.to.Write(b)
}

// Open lets out what was held, and from now on everything.
func (g *gate) Open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open = true
	if len(g.held) > 0 {
		g.to.Write(g.held) // a log that cannot be written has nowhere to say so
		g.held = nil
	}
}
