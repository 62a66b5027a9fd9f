//go:build !linux

package limit_test

import "time"

// started is when the test began.
var started = time.Now()

// cpuTime returns the time that has passed: only Linux tells what a thread used.
func cpuTime() time.Duration { return time.Since(started) }
