//go:build linux

package network

import (
	"container/heap"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// link carries packets in one direction. Those that its rule delays wait in
// its queue, which one goroutine empties.
type link struct {
	rule         atomic.Pointer[Rule] // nil: everything passes at once
	passed, lost atomic.Uint64

	mu     sync.Mutex
	rng    *rand.Rand
	queue  packets
	next   uint64
	free   time.Time // when the link has sent all that Rate let it take
	wake   chan struct{}
	closed bool
	done   sync.WaitGroup
}

// packet is one that waits.
type packet struct {
	at    time.Time
	order uint64
	bytes []byte
	out   func([]byte)
}

// maxBehind is how much a link with a Rate takes before it drops.
const maxBehind = 2 * time.Second

// headerBytes is what Corrupt leaves alone: an IPv4 header with a wrong bit
// would only be lost in the kernel.
const headerBytes = 20

func newLink(seed uint64, from, to int) *link {
	l := &link{rng: rand.New(rand.NewPCG(seed, uint64(from)<<8|uint64(to))), wake: make(chan struct{}, 1)}
	return l
}

// send carries a packet and hands it to out when it is there, if ever. out may
// not keep the bytes.
func (l *link) send(b []byte, out func([]byte)) {
	r := l.rule.Load()
	if r == nil {
		l.passed.Add(1)
		out(b)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if r.Cut || l.rng.Float64() < r.Loss || l.closed {
		l.lost.Add(1)
		return
	}
	copies := 1
	if l.rng.Float64() < r.Duplicate {
		copies = 2
	}
	for range copies {
		l.pushLocked(r, b, out)
	}
}

func (l *link) pushLocked(r *Rule, b []byte, out func([]byte)) {
	now := time.Now()
	at := now
	if r.Rate > 0 {
		if l.free.Before(now) {
			l.free = now
		}
		l.free = l.free.Add(time.Duration(int64(len(b)) * int64(time.Second) / r.Rate))
		if at = l.free; at.Sub(now) > maxBehind {
			l.lost.Add(1)
			return
		}
	}
	if l.rng.Float64() >= r.Reorder {
		at = at.Add(l.delayLocked(r))
	}
	c := append([]byte(nil), b...)
	if len(c) > headerBytes && l.rng.Float64() < r.Corrupt {
		c[headerBytes+l.rng.IntN(len(c)-headerBytes)] ^= 1 << l.rng.IntN(8)
	}
	if l.queue == nil {
		l.queue = make(packets, 0, 16)
		l.done.Go(l.run)
	}
	l.next++
	heap.Push(&l.queue, packet{at, l.next, c, out})
	l.stir()
}

func (l *link) delayLocked(r *Rule) time.Duration {
	d := r.Delay
	if r.Jitter > 0 {
		d += time.Duration(l.rng.Int64N(2*int64(r.Jitter))) - r.Jitter
	}
	return max(d, 0)
}

func (l *link) stir() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// run hands over what is due until the link is closed.
func (l *link) run() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		p, wait, open := l.due()
		if !open {
			return
		}
		if wait <= 0 {
			l.passed.Add(1)
			p.out(p.bytes)
			continue
		}
		timer.Reset(wait)
		select {
		case <-timer.C:
		case <-l.wake:
		}
	}
}

// due takes the first packet out where its time has come; else it tells how
// long that is away.
func (l *link) due() (p packet, wait time.Duration, open bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || len(l.queue) == 0 {
		return packet{}, time.Hour, !l.closed
	}
	if wait = time.Until(l.queue[0].at); wait > 0 {
		return packet{}, wait, true
	}
	return heap.Pop(&l.queue).(packet), 0, true
}

// close ends the link; what waits in it is lost.
func (l *link) close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.stir()
	l.done.Wait()
}

// packets is a heap by time, then by order.
type packets []packet

// Len is for heap.
func (p packets) Len() int { return len(p) }

// Less is for heap.
func (p packets) Less(i, j int) bool {
	if p[i].at.Equal(p[j].at) {
		return p[i].order < p[j].order
	}
	return p[i].at.Before(p[j].at)
}

// Swap is for heap.
func (p packets) Swap(i, j int) { p[i], p[j] = p[j], p[i] }

// Push is for heap.
func (p *packets) Push(x any) { *p = append(*p, x.(packet)) }

// Pop is for heap.
func (p *packets) Pop() any {
	old := *p
	last := old[len(old)-1]
	old[len(old)-1] = packet{}
	*p = old[:len(old)-1]
	return last
}
