package rumour

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/limitd/limitd/cluster/gossip"
)

// Voice is one process's part in the gossip. It is a cluster.Gossip.
type Voice struct {
	rumour               *Rumour
	id, machine, address string

	// Guarded by rumour.mu.
	said    word
	heard   map[string]*heard // of other nodes, by id
	changed chan struct{}     // closed when heard changes
	mute    bool              // the process is dead
}

// heard is what is known of one node.
type heard struct {
	word
	alive  bool
	coming int // version of the newest word on its way, or heard
	missed int // since when it is not reached, by number; 0: it is
}

// hear takes in a word that has arrived.
func (h *heard) hear(w word) {
	if w.version > h.version {
		h.word = w
	}
	h.alive = h.alive || h.missed == 0
}

var errMute = errors.New("rumour: this process is dead")

// Members returns all that were heard of, and this node, in the order in which
// they first came.
func (v *Voice) Members() (list []gossip.Member) {
	r := v.rumour
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range r.order {
		switch h := v.heard[id]; {
		case id == v.id && v.said.version > 0:
			list = append(list, gossip.Member{Tags: v.said.tags, Alive: true})
		case h != nil && h.version > 0:
			list = append(list, gossip.Member{Tags: h.tags, Alive: h.alive})
		}
	}
	return list
}

// Changed returns a function that waits until Members has changed since this call.
func (v *Voice) Changed() func(context.Context) error {
	v.rumour.mu.Lock()
	changed := v.changed
	v.rumour.mu.Unlock()
	return func(ctx context.Context) error {
		select {
		case <-changed:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// SetTags tells the others.
func (v *Voice) SetTags(t gossip.Tags) error {
	r := v.rumour
	r.mu.Lock()
	defer r.mu.Unlock()
	if v.mute {
		return errMute
	}
	r.count++
	v.said = word{tags: t, version: r.count}
	renew(&v.changed)
	r.spreadLocked()
	return nil
}

// Address returns where the others would join.
func (v *Voice) Address() string { return v.address }

// Die ends the voice: the others notice that they hear nothing any more.
func (v *Voice) Die() { v.end(Silence) }

// Close says goodbye: the others are told.
func (v *Voice) Close() error {
	v.end(slowest)
	return nil
}

func (v *Voice) end(after time.Duration) {
	r := v.rumour
	r.mu.Lock()
	defer r.mu.Unlock()
	if v.mute {
		return
	}
	v.mute = true
	r.voices = slices.DeleteFunc(r.voices, func(w *Voice) bool { return w == v })
	if !slices.ContainsFunc(r.voices, func(w *Voice) bool { return w.id == v.id }) {
		r.farewell[v.id] = after
	}
	r.spreadLocked()
}
