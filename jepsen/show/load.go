package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/limitd/limitd/jepsen/nodes"
)

// load is callers, one at each of some nodes, no call of whom may fail.
type load struct {
	ctx   context.Context
	calls atomic.Int64

	mu    sync.Mutex
	lanes map[*nodes.Node]*lane
	errs  []error
}

// lane is the caller at one node.
type lane struct {
	stop atomic.Bool
	done chan struct{}
}

func newLoad(ctx context.Context) *load { return &load{ctx: ctx, lanes: map[*nodes.Node]*lane{}} }

// at begins to call a node.
func (l *load) at(n *nodes.Node) {
	way := &lane{done: make(chan struct{})}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lanes[n] = way
	go func() {
		defer close(way.done)
		for i := 0; !way.stop.Load() && l.ctx.Err() == nil; i++ {
			if err := pair(l.ctx, n, fmt.Sprintf("load-%s-%p-%d", n.Name, way, i)); err != nil {
				l.fail(fmt.Errorf("a call at %s: %w", n.Name, err))
				return
			}
			l.calls.Add(1)
		}
	}()
}

func (l *load) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.errs = append(l.errs, err)
}

// off stops to call a node, and waits until its last call was answered.
func (l *load) off(n *nodes.Node) {
	l.mu.Lock()
	way := l.lanes[n]
	delete(l.lanes, n)
	l.mu.Unlock()
	if way != nil {
		way.stop.Store(true)
		<-way.done
	}
}

// end stops all callers and returns what went wrong.
func (l *load) end() error {
	l.mu.Lock()
	var called []*nodes.Node
	for n := range l.lanes {
		called = append(called, n)
	}
	l.mu.Unlock()
	for _, n := range called {
		l.off(n)
	}
	fmt.Printf("   %d calls, %d failed\n", l.calls.Load(), len(l.errs))
	return errors.Join(l.errs...)
}
