//go:build !linux

package clock

import "time"

// System is the machine's own clock. Make it with New.
type System struct{ start time.Time }

// New returns the machine's clock.
func New() System { return System{start: time.Now()} }

// Monotonic reads Go's monotonic clock.
func (s System) Monotonic() int64 { return int64(time.Since(s.start)) }

// Wall reads the wall clock.
func (System) Wall() int64 { return time.Now().UnixNano() }
