package sim

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/limitd/limitd/cluster/gossip"
)

// rumour is gossip without a network: what nodes tell of themselves is heard
// at once, what happens to them a while later.
type rumour struct {
	mu      sync.Mutex
	members map[string]*heard // by id
	order   []string
	changed chan struct{}
}

// heard is what is known of one node.
type heard struct {
	gossip.Member
	voice *voice // of the process that spoke last
}

func newRumour() *rumour {
	return &rumour{members: make(map[string]*heard), changed: make(chan struct{})}
}

// join gives a process its voice.
func (r *rumour) join(id, address string) *voice {
	r.mu.Lock()
	defer r.mu.Unlock()
	v := &voice{rumour: r, id: id, address: address}
	m := r.members[id]
	if m == nil {
		m = &heard{}
		r.members[id] = m
		r.order = append(r.order, id)
	}
	m.voice, m.Alive = v, true
	r.wakeLocked()
	return v
}

func (r *rumour) wakeLocked() {
	close(r.changed)
	r.changed = make(chan struct{})
}

// voice is one process's part in the gossip.
type voice struct {
	rumour  *rumour
	id      string
	address string
	mute    bool // it is dead; guarded by rumour.mu
}

var errMute = errors.New("sim: this process is dead")

// die ends the voice; the others hear of it after a while.
func (v *voice) die(after time.Duration) {
	r := v.rumour
	r.mu.Lock()
	defer r.mu.Unlock()
	v.mute = true
	time.AfterFunc(after, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if m := r.members[v.id]; m.voice == v {
			m.Alive = false
			r.wakeLocked()
		}
	})
}

// Members returns all that have spoken.
func (v *voice) Members() (list []gossip.Member) {
	v.rumour.mu.Lock()
	defer v.rumour.mu.Unlock()
	for _, id := range v.rumour.order {
		if m := v.rumour.members[id]; m.ID != "" {
			list = append(list, m.Member)
		}
	}
	return list
}

// Changed waits for the next word.
func (v *voice) Changed() func(context.Context) error {
	v.rumour.mu.Lock()
	changed := v.rumour.changed
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
func (v *voice) SetTags(t gossip.Tags) error {
	v.rumour.mu.Lock()
	defer v.rumour.mu.Unlock()
	if v.mute {
		return errMute
	}
	v.rumour.members[v.id].Tags = t
	v.rumour.wakeLocked()
	return nil
}

// Address returns where the others would join.
func (v *voice) Address() string { return v.address }

// Close says goodbye.
func (v *voice) Close() error {
	v.die(0)
	return nil
}
