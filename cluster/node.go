package cluster

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/raft"
)

// Role says whether a node takes part in elections and majorities.
type Role string

// The roles.
const (
	Voter    Role = "voter"
	NonVoter Role = "nonvoter"
)

// Node is a member of the cluster, as this node knows it.
type Node struct {
	ID, Name   string
	Peer, HTTP string // host:port
	Version    string // of limitd; "" where gossip does not know it
	Role       Role
	Leader     bool
	Alive      bool // gossip, or for the leader replication, reaches it

	// Applied is the last index that it is known to have: its own state's for
	// this node, what it has acknowledged where this node leads, else 0.
	Applied uint64
	// LastContact is how long ago it answered, where this node leads, or how
	// long ago the leader was heard of, for this node; -1: not known.
	LastContact time.Duration
}

// Nodes returns the members of raft's configuration, in its order.
func (r *Replica) Nodes() []Node {
	_, leader := r.raft.LeaderWithID()
	var nodes []Node
	for _, s := range r.servers() {
		n := Node{ID: string(s.ID), Peer: string(s.Address), Role: NonVoter, Leader: s.ID == leader, LastContact: -1}
		if s.Suffrage == raft.Voter {
			n.Role = Voter
		}
		r.describe(&n)
		r.measure(&n)
		nodes = append(nodes, n)
	}
	return nodes
}

// describe fills in what gossip, or this node's config, says of n.
func (r *Replica) describe(n *Node) {
	if n.ID == r.ID() {
		self := r.cfg.Node
		n.Name, n.HTTP, n.Version, n.Alive = self.Name, self.HTTP, self.Version, true
		return
	}
	if r.cfg.Gossip == nil {
		return
	}
	for _, m := range r.cfg.Gossip.Members() {
		if m.ID == n.ID {
			n.Name, n.HTTP, n.Version, n.Alive = m.Name, m.HTTP, m.Version, m.Alive
		}
	}
}

// measure fills in how far n has come.
func (r *Replica) measure(n *Node) {
	if n.ID == r.ID() {
		n.Applied, n.LastContact = r.progress.applied(), 0
		if last := r.raft.LastContact(); !n.Leader {
			n.LastContact = -1
			if !last.IsZero() {
				n.LastContact = time.Since(last)
			}
		}
		return
	}
	p, ok := r.links.peer(raft.ServerID(n.ID), r.raft.CurrentTerm())
	if !ok || r.raft.State() != raft.Leader {
		return
	}
	n.Applied = p.match
	n.LastContact = time.Duration(r.cfg.Clock.Monotonic() - p.contact)
	n.Alive = n.Alive || n.LastContact < r.cfg.Raft.Heartbeat*2
}

// servers returns raft's newest configuration.
func (r *Replica) servers() []raft.Server {
	f := r.raft.GetConfiguration()
	if f.Error() != nil { // never: raft answers from memory
		return nil
	}
	return f.Configuration().Servers
}

// server returns a member by its id.
func (r *Replica) server(id raft.ServerID) (raft.Server, bool) {
	for _, s := range r.servers() {
		if s.ID == id {
			return s, true
		}
	}
	return raft.Server{}, false
}

func (r *Replica) isMember() bool {
	_, ok := r.server(raft.ServerID(r.ID()))
	return ok
}

// nodeNamed returns a member by its name, id or peer address: of one that has
// been gone since this node started, gossip does not know the name.
func (r *Replica) nodeNamed(name string) (Node, error) {
	var found []Node
	for _, n := range r.Nodes() {
		if n.ID == name {
			return n, nil
		}
		if n.Name == name || n.Peer == name {
			found = append(found, n)
		}
	}
	switch len(found) {
	case 0:
		return Node{}, fmt.Errorf("%w: %q", ErrNoSuchNode, name)
	case 1:
		return found[0], nil
	}
	var ids []string
	for _, n := range found {
		ids = append(ids, n.ID+" at "+n.Peer)
	}
	return Node{}, fmt.Errorf("%w: %q is %s", ErrSameName, name, strings.Join(ids, ", and "))
}

// Labels returns what people call nodes: their names, their ids where the name is not
// known, and both where several have one name.
func Labels(nodes []Node) []string {
	count := make(map[string]int, len(nodes))
	for _, n := range nodes {
		count[n.Name]++
	}
	labels := make([]string, len(nodes))
	for i, n := range nodes {
		switch {
		case n.Name == "":
			labels[i] = n.ID
		case count[n.Name] > 1:
			labels[i] = n.Name + " (" + n.ID + ")"
		default:
			labels[i] = n.Name
		}
	}
	return labels
}

// namesakes returns the members whose name another one has, too, with their ids; ""
// there are none.
func namesakes(nodes []Node) string {
	var same []string
	for i, label := range Labels(nodes) {
		if n := nodes[i]; n.Name != "" && label != n.Name {
			same = append(same, label)
		}
	}
	slices.Sort(same)
	return strings.Join(same, ", ")
}

// Status is how this node itself stands.
type Status struct {
	Node
	Term      uint64
	State     string // of raft: leader, follower, candidate or shutdown
	LastIndex uint64 // of its log
}

// Status returns how this node itself stands; other nodes ask for it over the
// peer connection.
func (r *Replica) Status() Status {
	s := Status{Term: r.raft.CurrentTerm(), State: strings.ToLower(r.raft.State().String()), LastIndex: r.raft.LastIndex()}
	s.Node = Node{ID: r.ID(), Peer: r.cfg.Node.Peer, Role: NonVoter, Leader: r.IsLeader()}
	if v, ok := r.server(raft.ServerID(r.ID())); ok && v.Suffrage == raft.Voter {
		s.Role = Voter
	}
	r.describe(&s.Node)
	r.measure(&s.Node)
	return s
}
