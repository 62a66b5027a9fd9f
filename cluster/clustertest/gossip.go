package clustertest

import (
	"context"
	"sync"

	"github.com/limitd/limitd/cluster/gossip"
)

// hub is gossip without a network: who told what, and who is alive.
type hub struct {
	mu      sync.Mutex
	members map[string]*gossip.Member // by id
	order   []string
	changed chan struct{}
}

func newHub() *hub {
	return &hub{members: make(map[string]*gossip.Member), changed: make(chan struct{})}
}

// put changes a member and wakes all.
func (h *hub) put(id string, change func(*gossip.Member)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	m := h.members[id]
	if m == nil {
		m = &gossip.Member{}
		h.members[id] = m
		h.order = append(h.order, id)
	}
	change(m)
	close(h.changed)
	h.changed = make(chan struct{})
}

// voice is one node's part in the gossip.
type voice struct {
	hub *hub
	id  string
}

// Members returns all that have spoken.
func (v voice) Members() []gossip.Member {
	v.hub.mu.Lock()
	defer v.hub.mu.Unlock()
	var list []gossip.Member
	for _, id := range v.hub.order {
		if m := v.hub.members[id]; m.ID != "" {
			list = append(list, *m)
		}
	}
	return list
}

// Changed waits for the next word.
func (v voice) Changed() func(context.Context) error {
	v.hub.mu.Lock()
	ch := v.hub.changed
	v.hub.mu.Unlock()
	return func(ctx context.Context) error {
		select {
		case <-ch:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// SetTags tells the others.
func (v voice) SetTags(t gossip.Tags) error {
	v.hub.put(v.id, func(m *gossip.Member) { m.Tags = t })
	return nil
}

func setAlive(alive bool) func(*gossip.Member) {
	return func(m *gossip.Member) { m.Alive = alive }
}
