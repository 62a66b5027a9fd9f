package clustertest

import (
	"sync"
	"time"
)

// Clock is a node's clock: it starts anywhere, runs at its own rate, and its
// wall clock can be set at will.
type Clock struct {
	mu   sync.Mutex
	rate float64
	wall time.Duration
	// at and mono: where the rate last changed.
	at   time.Time
	mono int64
}

// NewClock returns a clock whose monotonic reading starts at base, in ns.
func NewClock(base int64) *Clock {
	now := time.Now()
	return &Clock{rate: 1, at: now, mono: base}
}

// Monotonic returns ns by this node's own rate.
func (c *Clock) Monotonic() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.monotonicLocked()
}

func (c *Clock) monotonicLocked() int64 {
	return c.mono + int64(float64(time.Since(c.at))*c.rate)
}

// Wall returns unix ns, as this node's wall clock is set.
func (c *Clock) Wall() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.wall).UnixNano()
}

// SetRate changes how fast the monotonic clock runs; 1 is true.
func (c *Clock) SetRate(rate float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mono, c.at = c.monotonicLocked(), time.Now()
	c.rate = rate
}

// SetWall sets the wall clock off by d.
func (c *Clock) SetWall(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wall = d
}
