package fsm

import (
	"sync"

	"github.com/limitd/limitd/fsm/limit"
)

// kept is how many digests are remembered.
const kept = 16

// digests computes digests beside Apply and remembers the latest.
type digests struct {
	running *sync.WaitGroup

	mu   *sync.Mutex // guards list
	list []*digest   // oldest first
}

// digest is one that is computed, or being computed.
type digest struct {
	index uint64
	ready chan struct{} // closed once sum is set
	sum   [32]byte
}

func newDigests() digests { return digests{running: new(sync.WaitGroup), mu: new(sync.Mutex)} }

// take computes the digest of a frozen state in the background.
func (d *digests) take(frozen *limit.Snapshot) {
	next := &digest{index: frozen.Index(), ready: make(chan struct{})}
	d.mu.Lock()
	if d.list = append(d.list, next); len(d.list) > kept {
		d.list = d.list[1:]
	}
	d.mu.Unlock()
	d.running.Go(func() {
		next.sum = frozen.Digest()
		close(next.ready)
	})
}

func (d *digests) get(index uint64, wait <-chan struct{}) (sum [32]byte, ok bool) {
	found := d.find(index)
	if found == nil {
		return sum, false
	}
	select {
	case <-found.ready:
		return found.sum, true
	case <-wait:
		return sum, false
	}
}

func (d *digests) find(index uint64) *digest {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, known := range d.list {
		if known.index == index {
			return known
		}
	}
	return nil
}

func (d *digests) close() { d.running.Wait() }
