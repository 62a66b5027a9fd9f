package cluster

import (
	"container/heap"
	"context"
	"sync"
)

// progress is how far this node's state has come, and who waits for it.
type progress struct {
	mu      sync.Mutex
	index   uint64
	waiters waiterHeap
}

// A waiter waits until an index has been applied.
type waiter struct {
	index uint64
	done  chan struct{}
	at    int // its place in the heap; -1: taken out
}

// advance tells that index has been applied.
func (p *progress) advance(index uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.index = index
	for len(p.waiters) > 0 && p.waiters[0].index <= index {
		close(heap.Pop(&p.waiters).(*waiter).done)
	}
}

// applied returns the index of the last record that was applied.
func (p *progress) applied() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.index
}

// wait waits until index has been applied.
func (p *progress) wait(ctx context.Context, index uint64) error {
	p.mu.Lock()
	if p.index >= index {
		p.mu.Unlock()
		return nil
	}
	w := &waiter{index: index, done: make(chan struct{})}
	heap.Push(&p.waiters, w)
	p.mu.Unlock()
	select {
	case <-w.done:
		return nil
	case <-ctx.Done():
		p.drop(w)
		return context.Cause(ctx)
	}
}

func (p *progress) drop(w *waiter) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if w.at >= 0 {
		heap.Remove(&p.waiters, w.at)
	}
}

// waiterHeap has the lowest index first.
type waiterHeap []*waiter

// Len is for container/heap.
func (h waiterHeap) Len() int { return len(h) }

// Less is for container/heap.
func (h waiterHeap) Less(i, j int) bool { return h[i].index < h[j].index }

// Swap is for container/heap.
func (h waiterHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].at, h[j].at = i, j
}

// Push is for container/heap.
func (h *waiterHeap) Push(x any) {
	w := x.(*waiter)
	w.at = len(*h)
	*h = append(*h, w)
}

// Pop is for container/heap.
func (h *waiterHeap) Pop() any {
	old := *h
	w := old[len(old)-1]
	w.at = -1
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return w
}
