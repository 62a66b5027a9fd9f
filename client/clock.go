package client

import "time"

// Clocks is a reading, in ns, of two clocks of this machine that nobody can
// set, or that are wrong in different ways. The client trusts the one that
// advanced more: whatever happened meanwhile (the machine slept, a clock was
// slowed or stepped back), a lease must not seem younger than it is.
type Clocks [2]int64

// since returns how much time passed from earlier to c, at most.
func (c Clocks) since(earlier Clocks) time.Duration {
	return time.Duration(max(c[0]-earlier[0], c[1]-earlier[1]))
}

// goClocks reads what Go offers everywhere: the monotonic clock, which may
// stand still while the machine sleeps, and the wall clock, which may be set.
func goClocks(started time.Time) Clocks {
	now := time.Now()
	return Clocks{int64(now.Sub(started)), now.UnixNano()}
}
