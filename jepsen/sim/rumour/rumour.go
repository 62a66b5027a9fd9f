// Package rumour is gossip without a network, for the processes of a simulated
// cluster: what one tells of itself is heard by the others a moment later, over
// any chain of machines that are not cut off from each other. Who is heard of no
// more, since he died or cannot be reached, counts as dead after a while.
//
//	r := rumour.New(seed)
//	v := r.Join(id, "n1", "n1:7482") // a process starts; v is its cluster.Gossip
//	r.Cut("n1", "n2")                // neither hears the other, but through a third
//	v.Die()
//
// It is what memberlist comes to, not how: there are no probes, and a link is cut
// both ways or not at all.
package rumour

import (
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/limitd/limitd/cluster/gossip"
)

const (
	// Silence is how long nobody has heard of a process until it counts as dead.
	Silence = 2 * time.Second
	// slowest is how long a word is on its way at most.
	slowest = 300 * time.Millisecond
)

// Rumour joins voices. It is safe for concurrent use.
type Rumour struct {
	mu       sync.Mutex
	dice     *rand.Rand
	voices   []*Voice // that live, in the order of their coming
	order    []string // ids, in the order of theirs
	cuts     map[pair]int
	farewell map[string]time.Duration // of who died: how long until it is noticed
	count    int                      // of words, and of misses
}

// pair are two machines, by name, the lower one first.
type pair [2]string

func between(a, b string) pair { return pair{min(a, b), max(a, b)} }

// word is what somebody says of itself.
type word struct {
	tags    gossip.Tags
	version int // 0: nothing yet
}

// New returns a rumour that nobody has joined.
func New(seed uint64) *Rumour {
	return &Rumour{dice: rand.New(rand.NewPCG(seed, 0x72756d6f7572)), cuts: make(map[pair]int), farewell: make(map[string]time.Duration)}
}

// Join gives a process its voice. id is the node's, address where others would
// join it.
func (r *Rumour) Join(id, machine, address string) *Voice {
	r.mu.Lock()
	defer r.mu.Unlock()
	v := &Voice{rumour: r, id: id, machine: machine, address: address, heard: make(map[string]*heard), changed: make(chan struct{})}
	r.voices = append(r.voices, v)
	delete(r.farewell, id)
	if !slices.Contains(r.order, id) {
		r.order = append(r.order, id)
	}
	r.spreadLocked()
	return v
}

// Cut has two machines hear nothing of each other directly, until Mend was called
// as often.
func (r *Rumour) Cut(a, b string) { r.cut(a, b, 1) }

// Mend takes back one Cut.
func (r *Rumour) Mend(a, b string) { r.cut(a, b, -1) }

func (r *Rumour) cut(a, b string, by int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cuts[between(a, b)] += by
	r.spreadLocked()
}

// spreadLocked tells everybody what is new to him.
func (r *Rumour) spreadLocked() {
	for _, v := range r.voices {
		reached := r.reachedLocked(v)
		for _, id := range r.order {
			if id != v.id {
				r.tellLocked(v, id, reached)
			}
		}
	}
}

// reachedLocked returns who is joined to v over any chain, v among them.
func (r *Rumour) reachedLocked(v *Voice) []*Voice {
	list := []*Voice{v}
	for at := 0; at < len(list); at++ {
		for _, other := range r.voices {
			if r.cuts[between(list[at].machine, other.machine)] == 0 && !slices.Contains(list, other) {
				list = append(list, other)
			}
		}
	}
	return list
}

// tellLocked tells v of a node what those know whom it reaches.
func (r *Rumour) tellLocked(v *Voice, id string, reached []*Voice) {
	newest, alive := newestOf(id, reached)
	if newest.version == 0 {
		return
	}
	h := v.heard[id]
	if h == nil {
		h = &heard{}
		v.heard[id] = h
	}
	if newest.version > h.coming || alive && h.missed > 0 {
		h.coming = newest.version
		r.laterLocked(v, r.delayLocked(), func() { h.hear(newest) })
	}
	switch {
	case alive:
		h.missed = 0
	case h.missed == 0:
		r.missLocked(v, id, h)
	}
}

// newestOf returns the newest word of a node that some voices know, and whether
// its own is among them.
func newestOf(id string, voices []*Voice) (newest word, alive bool) {
	for _, w := range voices {
		said := word{}
		if w.id == id {
			said, alive = w.said, true
		} else if h := w.heard[id]; h != nil {
			said = h.word
		}
		if said.version > newest.version {
			newest = said
		}
	}
	return newest, alive
}

// missLocked has v take a node for dead that it does not hear of for a while.
func (r *Rumour) missLocked(v *Voice, id string, h *heard) {
	r.count++
	missed := r.count
	h.missed = missed
	silence := Silence
	if said, gone := r.farewell[id]; gone {
		silence = said
	}
	r.laterLocked(v, silence, func() { h.alive = h.alive && h.missed != missed })
}

// laterLocked changes what v has heard after a while, if it lives then.
func (r *Rumour) laterLocked(v *Voice, after time.Duration, change func()) {
	time.AfterFunc(after, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if !v.mute {
			change()
			renew(&v.changed)
		}
	})
}

func (r *Rumour) delayLocked() time.Duration { return time.Duration(r.dice.Int64N(int64(slowest))) }

func renew(ch *chan struct{}) {
	close(*ch)
	*ch = make(chan struct{})
}
