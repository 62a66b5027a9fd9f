package cluster

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/raft"
	"github.com/limitd/limitd/cluster/gossip"
)

// watchMembers tells the others how this node stands, forms a cluster where
// there is none, and remembers who was removed.
func (r *Replica) watchMembers() {
	said, same := "", ""
	for {
		wait := r.membership.wait()
		r.noteRemovals()
		if reason := r.form(); reason != said {
			said = reason
			r.waiting.Store(&reason)
			if reason != "" {
				r.log.Info("no cluster yet", "reason", reason)
			}
		}
		if now := namesakes(r.Nodes()); now != same {
			same = now
			if now != "" {
				r.log.Error("members have the same name: people, files and commands cannot tell them apart; change name in the configuration of all but one, and restart those", "members", now)
			}
		}
		r.tell()
		if wait(r.ctx) != nil {
			return
		}
	}
}

// watchGossip passes on what gossip hears.
func (r *Replica) watchGossip() {
	for {
		wait := r.cfg.Gossip.Changed()
		r.noteAddresses()
		r.membership.notify()
		if wait(r.ctx) != nil {
			return
		}
	}
}

// gossiped returns what gossip knows; without gossip, this node alone.
func (r *Replica) gossiped() []gossip.Member {
	if r.cfg.Gossip == nil {
		return []gossip.Member{{Tags: r.tags(), Alive: true}}
	}
	members := r.cfg.Gossip.Members()
	for i := range members {
		if members[i].ID == r.ID() {
			members[i] = gossip.Member{Tags: r.tags(), Alive: true}
			return members
		}
	}
	return append(members, gossip.Member{Tags: r.tags(), Alive: true})
}

// address returns where a node is to be reached: gossip's word for a node that
// is alive, else raft's.
func (r *Replica) address(id raft.ServerID, known raft.ServerAddress) raft.ServerAddress {
	if heard := r.addresses.Load(); heard != nil {
		if addr, ok := (*heard)[id]; ok {
			return addr
		}
	}
	return known
}

// noteAddresses keeps what gossip says for address, which every call to another
// node asks.
func (r *Replica) noteAddresses() {
	heard := make(map[raft.ServerID]raft.ServerAddress)
	for _, m := range r.cfg.Gossip.Members() {
		if m.Alive && m.Peer != "" {
			heard[raft.ServerID(m.ID)] = raft.ServerAddress(m.Peer)
		}
	}
	r.addresses.Store(&heard)
}

// tags returns what this node tells of itself.
func (r *Replica) tags() gossip.Tags {
	n := r.cfg.Node
	return gossip.Tags{
		ID: r.ID(), Name: n.Name, Peer: n.Peer, HTTP: n.HTTP, Version: n.Version, NonVoter: n.NonVoter,
		Rules: r.cfg.MaxRules, Session: r.session, ClusterID: r.identity.hex(),
		State: r.hasState(), Blank: r.raft.LastIndex() == 0 && r.hasState(), Out: r.wasRemoved(), Expect: r.cfg.Form.Expect, Promise: r.promised(),
	}
}

// hasState tells whether a cluster exists as far as this node's disk knows: it
// has entries or a snapshot, or has voted.
func (r *Replica) hasState() bool {
	return r.raft.LastIndex() > 0 || r.raft.CurrentTerm() > 0
}

// tell gives gossip the tags where they changed.
func (r *Replica) tell() {
	if r.cfg.Gossip == nil {
		return
	}
	t := r.tags()
	if r.told == t {
		return
	}
	if err := r.cfg.Gossip.SetTags(t); err != nil {
		r.log.Warn("the other nodes were not told of a change of this one", "err", err)
		return
	}
	r.told = t
}

// form takes the next step towards a cluster where this node knows none, and
// returns why it cannot take one.
func (r *Replica) form() string {
	if r.hasState() {
		return ""
	}
	if r.cfg.Node.NonVoter || r.cfg.Form.Expect == 0 {
		return r.waitsFor()
	}
	f := founding{self: r.ID(), expect: r.cfg.Form.Expect, promise: r.promised()}
	v := f.decide(r.gossiped())
	if v.promise != f.promise {
		r.promiseTo(v.promise)
		r.membership.notify() // look again once the others were told
		return v.reason
	}
	if len(v.found) == 0 {
		return v.reason
	}
	if err := r.found(v.found); err != nil {
		return err.Error()
	}
	return ""
}

// waitsFor says what a node waits for that founds no cluster.
func (r *Replica) waitsFor() string {
	var others []string
	for _, m := range r.gossiped() {
		if m.Alive && m.ID != r.ID() {
			others = append(others, m.Name)
		}
	}
	if len(others) == 0 {
		return "this node founds none, and no other one answers: are the addresses in retry_join right, and has gossip the same key on all nodes, or none"
	}
	slices.Sort(others)
	return "this node founds none, and waits to be added by the leader of " + strings.Join(others, ", ") + ", whose log says why not"
}

// found makes the first configuration of a new cluster.
func (r *Replica) found(members []gossip.Member) error {
	var c raft.Configuration
	for _, m := range members {
		c.Servers = append(c.Servers, raft.Server{Suffrage: raft.Voter, ID: raft.ServerID(m.ID), Address: raft.ServerAddress(m.Peer)})
	}
	err := r.await(r.ctx, r.raft.BootstrapCluster(c))
	if err != nil && !errors.Is(err, raft.ErrCantBootstrap) {
		return fmt.Errorf("form the cluster: %w", err)
	}
	r.log.Info("formed a cluster", "servers", c.Servers)
	return nil
}

// removal remembers which members left raft's configuration, and in which
// session they were: a node that an operator removed is not added again before
// it was started anew.
type removal struct {
	mu      sync.Mutex
	members map[raft.ServerID]bool
	removed map[string]string // id to session
	self    bool              // this node was removed
}

// noteRemovals looks who left the configuration.
func (r *Replica) noteRemovals() {
	r.removal.note(r.ID(), r.servers, func() []gossip.Member {
		if r.cfg.Gossip == nil {
			return nil
		}
		return r.cfg.Gossip.Members()
	})
}

// note compares the configuration with the last one. It reads both under its
// lock, so that an older one never comes after a newer one.
func (m *removal) note(self string, configuration func() []raft.Server, heard func() []gossip.Member) {
	m.mu.Lock()
	defer m.mu.Unlock()
	servers, known := configuration(), heard()
	now := make(map[raft.ServerID]bool, len(servers))
	for _, s := range servers {
		now[s.ID] = true
		delete(m.removed, string(s.ID))
	}
	for id := range m.members {
		if now[id] {
			continue
		}
		if m.removed == nil {
			m.removed = make(map[string]string)
		}
		m.removed[string(id)] = sessionOf(string(id), known)
	}
	_, m.self = m.removed[self]
	m.members = now
}

func sessionOf(id string, known []gossip.Member) string {
	for _, k := range known {
		if k.ID == id {
			return k.Session
		}
	}
	return ""
}

// bars tells whether m must be started anew before it may be added.
func (m *removal) bars(k gossip.Member) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	session, was := m.removed[k.ID]
	return was && session == k.Session
}

func (r *Replica) wasRemoved() bool {
	r.removal.mu.Lock()
	defer r.removal.mu.Unlock()
	return r.removal.self
}

// promised returns whom this node promised itself to.
func (r *Replica) promised() string { return r.promise.Load().(string) }

func (r *Replica) promiseTo(id string) {
	if err := r.cfg.Stores.SetPromise(id); err != nil {
		r.fatal(err)
		return
	}
	r.promise.Store(id)
}
