package client

import (
	"math"
	"time"
)

// Left is how long the program may still trust the lease if no renewal comes
// through, by a look at the clocks now: what is left to whoever needs time to
// stop. It is 0 once the lease has ended, and the longest Duration where
// nothing has to be renewed (TTL is 0).
func (l *Lease) Left() time.Duration {
	switch {
	case l.Err() != nil:
		return 0
	case l.ttl == 0:
		return math.MaxInt64
	}
	k := l.c.keeper
	k.mu.Lock()
	defer k.mu.Unlock()
	return max(0, l.span-k.c.cfg.Clocks().since(l.from))
}
