package cluster

import (
	"errors"
	"strings"
	"testing"

	"github.com/hashicorp/raft"
	"github.com/limitd/limitd/cluster/gossip"
)

func voter(id, addr string) raft.Server {
	return raft.Server{Suffrage: raft.Voter, ID: raft.ServerID(id), Address: raft.ServerAddress(addr)}
}

func member(id, name, addr string) gossip.Member {
	return gossip.Member{Tags: gossip.Tags{ID: id, Name: name, Peer: addr, Rules: 1, Session: "1", ClusterID: "c"}, Alive: true}
}

// base is a cluster of two that knows of both.
func base() roster {
	return roster{
		self: "a", cluster: "c", rules: 1,
		servers: []raft.Server{voter("a", "h1:1"), voter("b", "h2:1")},
		known:   []gossip.Member{member("a", "n1", "h1:1"), member("b", "n2", "h2:1")},
		bars:    func(gossip.Member) bool { return false },
		reach:   func(gossip.Member) error { return nil },
		steady:  func(raft.ServerID) bool { return false },
	}
}

func TestNothingIsToBeDone(t *testing.T) {
	if c, refused := base().next(); c.do != changeNone || len(refused) > 0 {
		t.Fatalf("%+v %v", c, refused)
	}
}

func TestASilentMemberStays(t *testing.T) {
	m := base()
	m.known[1].Alive = false
	m.known[1].Peer = "h9:1" // its last word is not acted on
	if c, _ := m.next(); c.do != changeNone {
		t.Fatalf("%+v", c)
	}
	m.known = m.known[:1]
	if c, _ := m.next(); c.do != changeNone {
		t.Fatalf("%+v", c)
	}
}

func TestANewNodeFirstComesWithoutAVote(t *testing.T) {
	m := base()
	n := member("d", "n3", "h3:1")
	n.ClusterID = ""
	m.known = append(m.known, n)
	if c, _ := m.next(); c.do != changeNonVoter || c.id != "d" || c.address != "h3:1" {
		t.Fatalf("%+v", c)
	}
	m.servers = append(m.servers, raft.Server{Suffrage: raft.Nonvoter, ID: "d", Address: "h3:1"})
	if c, _ := m.next(); c.do != changeNone {
		t.Fatalf("it has not caught up: %+v", c)
	}
	m.steady = func(id raft.ServerID) bool { return id == "d" }
	if c, _ := m.next(); c.do != changeVoter || c.id != "d" {
		t.Fatalf("%+v", c)
	}
	m.known[2].NonVoter = true
	if c, _ := m.next(); c.do != changeNone {
		t.Fatalf("its role is nonvoter: %+v", c)
	}
}

func TestOneNodeOutOfReachKeepsNoOtherOut(t *testing.T) {
	m := base()
	m.known = append(m.known, member("d", "n3", "h3:1"), member("e", "n4", "h4:1"))
	m.reach = func(k gossip.Member) error {
		if k.ID == "d" {
			return errors.New("no route")
		}
		return nil
	}
	c, refused := m.next()
	if c.do != changeNonVoter || c.id != "e" || !strings.Contains(refused["d"], "h3:1: no route") {
		t.Fatalf("%+v, refused %v", c, refused)
	}
}

// A leader can be lost when a new node has heard of its term and has no entry yet.
func TestWhoHasOnlyHeardOfATermIsTakenIn(t *testing.T) {
	m, n := base(), member("d", "n3", "h3:1")
	n.ClusterID, n.State, n.Blank = "", true, true
	m.known = append(m.known, n)
	if c, refused := m.next(); c.do != changeNonVoter || c.id != "d" {
		t.Fatalf("%+v, refused %v", c, refused)
	}
}

func TestAChangedAddressIsFollowed(t *testing.T) {
	m := base()
	m.known[1].Peer = "h9:1"
	if c, _ := m.next(); c.do != changeVoter || c.id != "b" || c.address != "h9:1" {
		t.Fatalf("%+v", c)
	}
	m.known[1].Peer = "h1:1" // a's
	if c, _ := m.next(); c.do != changeNone {
		t.Fatalf("two members at one address: %+v", c)
	}
}

func TestWhoIsNotTakenIn(t *testing.T) {
	for _, x := range []struct {
		change func(*gossip.Member, *roster)
		why    string
	}{
		{func(n *gossip.Member, _ *roster) { n.ClusterID = "x" }, "another cluster"},
		{func(n *gossip.Member, _ *roster) { n.ClusterID, n.State = "", true }, "no known cluster"},
		{func(n *gossip.Member, m *roster) { m.rules = 2 }, "upgrade it"},
		{func(n *gossip.Member, _ *roster) { n.Peer = "h2:1" }, "another id"},
		{func(n *gossip.Member, _ *roster) { n.Name = "n2" }, "another id"},
		{func(n *gossip.Member, _ *roster) { n.Out = true }, "start it anew"},
		{func(_ *gossip.Member, m *roster) { m.bars = func(gossip.Member) bool { return true } }, "start it anew"},
	} {
		m, n := base(), member("d", "n3", "h3:1")
		x.change(&n, &m)
		m.known = append(m.known, n)
		c, refused := m.next()
		if c.do != changeNone || !strings.Contains(refused["d"], x.why) {
			t.Errorf("%+v, refused %v, want %q", c, refused, x.why)
		}
	}
}

// TestRules: new rules come into force once every member is known to know them.
func TestRules(t *testing.T) {
	m := base()
	for _, x := range []struct{ a, b, want uint64 }{{1, 1, 1}, {2, 1, 1}, {2, 2, 2}, {3, 2, 2}} {
		m.known[0].Rules, m.known[1].Rules = x.a, x.b
		if got := commonRules(m.servers, m.known); got != x.want {
			t.Errorf("nodes that know %d and %d: %d", x.a, x.b, got)
		}
	}
	if got := commonRules(m.servers, m.known[:1]); got != 0 {
		t.Errorf("a member of which nothing is known: %d", got)
	}
}

func TestRemovalIsRemembered(t *testing.T) {
	var m removal
	known := []gossip.Member{member("a", "n1", "h1:1"), member("b", "n2", "h2:1")}
	both := []raft.Server{voter("a", "h1:1"), voter("b", "h2:1")}
	note := func(servers []raft.Server) {
		m.note("a", func() []raft.Server { return servers }, func() []gossip.Member { return known })
	}
	note(both)
	if m.bars(known[1]) {
		t.Fatal("a member is barred")
	}
	note(both[:1])
	if !m.bars(known[1]) || m.bars(known[0]) {
		t.Fatal("who was removed is not remembered")
	}
	again := known[1]
	again.Session = "2"
	if m.bars(again) {
		t.Fatal("a node that was started anew is barred")
	}
	note(both)
	if m.bars(known[1]) {
		t.Fatal("a member that came back is barred")
	}
}
