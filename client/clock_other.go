//go:build !linux

package client

import "time"

// systemClocks returns what reads this machine's clocks.
func systemClocks() func() Clocks {
	started := time.Now()
	return func() Clocks { return goClocks(started) }
}
