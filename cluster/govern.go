package cluster

import (
	"fmt"
	"time"

	"github.com/hashicorp/raft"
	"github.com/limitd/limitd/cluster/gossip"
	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
)

// changeTimeout covers the hand-over of a change of membership to raft.
const changeTimeout = 5 * time.Second

// caughtUp is by how many entries a follower may be behind and count as caught up.
const caughtUp = 512

// governLoop, of a leader, takes in nodes that gossip has found, gives a vote
// to those that caught up, follows changed addresses, and brings new rules into
// force once every member knows them. It removes nobody.
func (t *tenure) governLoop() {
	said := make(map[string]string)
	for {
		wait := t.r.membership.wait()
		t.govern(said)
		if wait(t.ctx) != nil {
			return
		}
	}
}

func (t *tenure) govern(said map[string]string) {
	r := t.r
	var rules uint64
	r.View(func(s *limit.State) { rules = s.Rules() })
	servers, known := r.servers(), r.gossiped()
	r.noteRemovals() // after the configuration was read: who is missing in it is known as removed
	m := roster{self: r.ID(), cluster: r.identity.hex(), rules: rules, servers: servers, known: known, bars: r.removal.bars, caughtUp: t.caughtUp}
	c, refused := m.next()
	for id, why := range refused {
		if said[id] != why {
			r.log.Warn("a node is not taken in", "id", id, "reason", why)
		}
	}
	clear(said)
	for id, why := range refused {
		said[id] = why
	}
	if c.do != changeNone {
		t.change(c)
		return
	}
	if v := commonRules(servers, known); v > rules && rules > 0 {
		t.setRules(v)
	}
}

// caughtUp tells whether a follower has nearly all entries and answers.
func (t *tenure) caughtUp(id raft.ServerID) bool {
	r := t.r
	p, ok := r.links.peer(id, t.term)
	fresh := time.Duration(r.cfg.Clock.Monotonic()-p.contact) < 2*r.cfg.Raft.Heartbeat
	return ok && fresh && p.match > 0 && p.match+caughtUp >= r.raft.LastIndex()
}

// change makes one change of the membership.
func (t *tenure) change(c change) {
	var f raft.IndexFuture
	switch c.do {
	case changeVoter:
		f = t.r.raft.AddVoter(c.id, c.address, 0, changeTimeout)
	case changeNonVoter:
		f = t.r.raft.AddNonvoter(c.id, c.address, 0, changeTimeout)
	}
	if err := t.r.await(t.ctx, f); err != nil {
		if t.ctx.Err() == nil {
			t.r.log.Warn("the membership was not changed", "change", c.why, "id", c.id, "err", err)
		}
		return
	}
	t.r.log.Info("membership", "change", c.why, "id", c.id, "address", c.address)
	t.r.membership.notify()
}

func (t *tenure) setRules(v uint64) {
	record := command.Encode(command.Command{Op: &command.SetRules{Version: v}})
	if _, err := t.r.propose(t.ctx, record); err != nil && t.ctx.Err() == nil {
		t.r.log.Warn("the rules were not brought into force", "version", v, "err", err)
		return
	}
	t.r.log.Info("rules in force", "version", v)
}

// roster is what a leader knows when it looks after the membership. Its next
// step is a pure function of it.
type roster struct {
	self    string
	cluster string // this cluster's id
	rules   uint64 // in force
	servers []raft.Server
	known   []gossip.Member

	bars     func(gossip.Member) bool // removed, and not started anew
	caughtUp func(raft.ServerID) bool
}

// A change is one step of the membership.
type change struct {
	do      changeKind
	id      raft.ServerID
	address raft.ServerAddress
	why     string
}

type changeKind uint8

const (
	changeNone     changeKind = iota
	changeVoter               // add as voter, promote, or change a voter's address
	changeNonVoter            // add without a vote, or change the address
)

// next returns the most urgent change, and why other nodes are not taken in.
func (m roster) next() (change, map[string]string) {
	for _, s := range m.servers {
		if c := m.update(s); c.do != changeNone {
			return c, nil
		}
	}
	refused := make(map[string]string)
	for _, k := range m.known {
		if !k.Alive || m.has(k.ID) {
			continue
		}
		if why := m.refuse(k); why != "" {
			refused[k.ID] = why
			continue
		}
		return change{changeNonVoter, raft.ServerID(k.ID), raft.ServerAddress(k.Peer), "added without a vote"}, refused
	}
	return change{}, refused
}

// update follows a member's address, and gives it a vote when it caught up.
func (m roster) update(s raft.Server) change {
	k, ok := m.member(string(s.ID))
	if !ok || !k.Alive || k.ID == m.self {
		return change{}
	}
	kind := changeNonVoter
	if s.Suffrage == raft.Voter {
		kind = changeVoter
	}
	if addr := raft.ServerAddress(k.Peer); addr != s.Address && !m.taken(k) {
		return change{kind, s.ID, addr, "address changed"}
	}
	if s.Suffrage != raft.Voter && !k.NonVoter && k.Rules >= m.rules && m.caughtUp(s.ID) {
		return change{changeVoter, s.ID, s.Address, "caught up: votes from now on"}
	}
	return change{}
}

// refuse says why k may not be added; "" where it may.
func (m roster) refuse(k gossip.Member) string {
	switch {
	case k.ClusterID != "" && k.ClusterID != m.cluster:
		return fmt.Sprintf("it belongs to another cluster, %s", k.ClusterID)
	case k.ClusterID == "" && k.State:
		return "it has raft state of no known cluster: empty its data directory"
	case k.Rules < m.rules:
		return fmt.Sprintf("it knows rules up to version %d, and %d is in force: upgrade it", k.Rules, m.rules)
	case m.taken(k):
		return fmt.Sprintf("its address %s or name %q belongs to a member with another id, whose data directory was lost or changed: remove that member first", k.Peer, k.Name)
	case k.Out || m.bars(k):
		return "it was removed: start it anew to take it in again"
	}
	return ""
}

// taken tells whether another member has k's address or name.
func (m roster) taken(k gossip.Member) bool {
	for _, s := range m.servers {
		if string(s.ID) == k.ID {
			continue
		}
		other, ok := m.member(string(s.ID))
		if s.Address == raft.ServerAddress(k.Peer) || ok && other.Name == k.Name {
			return true
		}
	}
	return false
}

func (m roster) has(id string) bool {
	for _, s := range m.servers {
		if string(s.ID) == id {
			return true
		}
	}
	return false
}

func (m roster) member(id string) (gossip.Member, bool) {
	for _, k := range m.known {
		if k.ID == id {
			return k, true
		}
	}
	return gossip.Member{}, false
}

// commonRules returns the highest rules version that every member knows; 0
// where gossip does not know some member.
func commonRules(servers []raft.Server, known []gossip.Member) uint64 {
	m := roster{known: known}
	var common uint64
	for i, s := range servers {
		k, ok := m.member(string(s.ID))
		if !ok {
			return 0
		}
		if i == 0 || k.Rules < common {
			common = k.Rules
		}
	}
	return common
}
