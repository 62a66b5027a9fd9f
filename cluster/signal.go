package cluster

import (
	"context"
	"sync"
)

// signal wakes all who wait for something to change.
type signal struct {
	mu sync.Mutex
	ch chan struct{}
}

// channel returns what is closed at the next notify.
func (s *signal) channel() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ch == nil {
		s.ch = make(chan struct{})
	}
	return s.ch
}

// notify wakes all who wait.
func (s *signal) notify() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ch != nil {
		close(s.ch)
		s.ch = nil
	}
}

// wait returns a function that waits for the first notify after this call.
func (s *signal) wait() func(context.Context) error {
	ch := s.channel()
	return func(ctx context.Context) error {
		select {
		case <-ch:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// kick is a wake-up for one goroutine; wake-ups that it has not yet seen are one.
type kick chan struct{}

func newKick() kick { return make(kick, 1) }

func (k kick) wake() {
	select {
	case k <- struct{}{}:
	default:
	}
}
