package cluster

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/raft"
	"github.com/limitd/limitd/cluster/gossip"
	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
)

// changeTimeout covers the hand-over of a change of membership to raft.
const changeTimeout = 5 * time.Second

// governLoop, of a leader, takes in nodes that gossip has found, gives a vote
// to those that caught up, follows changed addresses, and brings new rules into
// force once every member knows them. It removes nobody, unless the operator has
// the dead cleaned up.
func (t *tenure) governLoop() {
	said := make(map[string]string)
	for t.ctx.Err() == nil {
		wait := t.r.membership.wait()
		ctx, cancel := t.ctx, func() {}
		if t.govern(said); len(*t.unreached.Load()) > 0 {
			ctx, cancel = context.WithTimeout(ctx, reachAgain)
		}
		_ = wait(ctx)
		cancel()
	}
}

func (t *tenure) govern(said map[string]string) {
	r := t.r
	members := t.health()
	m := t.roster(members)
	away := make(unreached)
	m.reach = func(k gossip.Member) error {
		err := t.reach(k)
		if err != nil {
			away[k.ID] = err
		}
		return err
	}
	c, refused := m.next()
	t.unreached.Store(&away)
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
	if t.cleanup(members) {
		return
	}
	if v := commonRules(m.servers, m.known); v > m.rules && m.rules > 0 {
		t.setRules(v)
	}
}

// roster returns what this leader knows of the membership.
func (t *tenure) roster(members []Health) roster {
	r := t.r
	m := roster{self: r.ID(), cluster: r.identity.hex(), bars: r.removal.bars, reach: t.reached}
	m.steady = func(id raft.ServerID) bool { return r.cfg.Autopilot.steady(id, members) }
	r.View(func(s *limit.State) { m.rules = s.Rules() })
	m.servers, m.known = r.servers(), r.gossiped()
	r.noteRemovals() // after the configuration was read: who is missing in it is known as removed
	return m
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

// raiseRules brings a rules version into force where it is not; false: not every
// member knows it.
func (t *tenure) raiseRules(v uint64) bool {
	inForce := func() (rules uint64) {
		t.r.View(func(s *limit.State) { rules = s.Rules() })
		return rules
	}
	if inForce() < v && commonRules(t.r.servers(), t.r.gossiped()) >= v {
		t.setRules(v)
	}
	return inForce() >= v
}

// roster is what a leader knows when it looks after the membership. Its next
// step is a pure function of it.
type roster struct {
	self    string
	cluster string // this cluster's id
	rules   uint64 // in force
	servers []raft.Server
	known   []gossip.Member

	bars   func(gossip.Member) bool // removed, and not started anew
	reach  func(gossip.Member) error
	steady func(raft.ServerID) bool // healthy for long enough to have a vote
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

// update follows a member's address, this node's too, and gives it a vote when
// it has been healthy for long enough.
func (m roster) update(s raft.Server) change {
	k, ok := m.member(string(s.ID))
	if !ok || !k.Alive {
		return change{}
	}
	kind := changeNonVoter
	if s.Suffrage == raft.Voter {
		kind = changeVoter
	}
	if addr := raft.ServerAddress(k.Peer); addr != s.Address && !m.taken(k) {
		return change{kind, s.ID, addr, "address changed"}
	}
	if s.Suffrage != raft.Voter && !k.NonVoter && k.Rules >= m.rules && m.steady(s.ID) {
		return change{changeVoter, s.ID, s.Address, "caught up: votes from now on"}
	}
	return change{}
}

// refuse says why k may not be added; "" where it may.
func (m roster) refuse(k gossip.Member) string {
	switch {
	case k.ClusterID != "" && k.ClusterID != m.cluster:
		return fmt.Sprintf("it belongs to another cluster, %s", k.ClusterID)
	case k.ClusterID == "" && k.State && !k.Blank: // a blank one was asked by a leader that was lost before it sent an entry
		return "it has raft state of no known cluster: empty its data directory"
	case k.Rules < m.rules:
		return fmt.Sprintf("it knows rules up to version %d, and %d is in force: upgrade it", k.Rules, m.rules)
	case m.taken(k):
		return fmt.Sprintf("its address %s or name %q belongs to a member with another id, whose data directory was lost or changed: remove that member first", k.Peer, k.Name)
	case k.Out || m.bars(k):
		return "it was removed: start it anew to take it in again"
	}
	if err := m.reach(k); err != nil {
		return fmt.Sprintf("the leader does not reach it at its peer address %s: %v", k.Peer, err)
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
