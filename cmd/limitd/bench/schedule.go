package bench

import (
	"context"
	"sync/atomic"
	"time"
)

// schedule hands out the instants at which operations are due. Without a rate
// an operation is due when a caller is free for it.
type schedule struct {
	start time.Time
	rate  float64 // operations a second; 0: closed loop
	given atomic.Int64
}

// next waits for the next operation that is due, and returns since when it is:
// in the past where every caller was busy. It returns false when ctx is over.
func (s *schedule) next(ctx context.Context) (due time.Time, ok bool) {
	if s.rate == 0 {
		return time.Now(), ctx.Err() == nil
	}
	n := s.given.Add(1) - 1
	due = s.start.Add(time.Duration(float64(n) / s.rate * float64(time.Second)))
	if end, bounded := ctx.Deadline(); bounded && !due.Before(end) {
		return due, false
	}
	wait := time.Until(due)
	if wait <= 0 {
		return due, ctx.Err() == nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return due, true
	case <-ctx.Done():
		return due, false
	}
}
