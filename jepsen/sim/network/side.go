package network

import (
	"sync"
	"time"
)

// side is what the reader, or the writer, of one end of a stream waits for. All
// of it is guarded by the network's lock.
type side struct {
	deadline time.Time
	wake     chan struct{} // closed to wake who waits; nil while nobody does
	until    time.Time     // when who waits wakes by himself; zero: never
	timer    *time.Timer   // of who waits; kept for the next one
}

// wakeLocked has who waits look again.
func (s *side) wakeLocked() {
	if s.wake != nil {
		close(s.wake)
		s.wake = nil
	}
}

// alertLocked has who waits look again at an instant.
func (s *side) alertLocked(at time.Time) {
	if s.wake != nil && (s.until.IsZero() || at.Before(s.until)) {
		s.until = at
		s.timer.Reset(time.Until(at))
	}
}

// awaitLocked waits, without the lock, until it is woken or an instant, if there
// is one.
func (s *side) awaitLocked(mu *sync.Mutex, until time.Time) {
	if s.wake == nil {
		s.wake, s.until = make(chan struct{}), time.Time{}
	}
	if s.timer == nil {
		s.timer = time.NewTimer(0)
		s.timer.Stop()
	}
	if !until.IsZero() {
		s.alertLocked(until)
	}
	wake, alarm := s.wake, s.timer.C
	mu.Unlock()
	select {
	case <-wake:
		mu.Lock()
	case <-alarm:
		mu.Lock()
		s.wakeLocked() // where others wait, too
	}
	if s.wake == nil {
		s.timer.Stop()
	}
}

// earlier returns the earlier one of two instants, of which the zero one is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
