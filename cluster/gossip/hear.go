package gossip

import "github.com/hashicorp/memberlist"

// teller is what memberlist asks this node.
type teller struct{ g *Gossip }

// NodeMeta returns this node's tags.
func (t teller) NodeMeta(int) []byte {
	t.g.mu.Lock()
	defer t.g.mu.Unlock()
	return t.g.tags
}

// NotifyMsg takes no messages.
func (teller) NotifyMsg([]byte) {}

// GetBroadcasts sends none.
func (teller) GetBroadcasts(int, int) [][]byte { return nil }

// LocalState has nothing beyond the tags.
func (teller) LocalState(bool) []byte { return nil }

// MergeRemoteState takes nothing beyond the tags.
func (teller) MergeRemoteState([]byte, bool) {}

// listener is what memberlist tells this node.
type listener struct{ g *Gossip }

// NotifyJoin hears of a node.
func (l listener) NotifyJoin(n *memberlist.Node) { l.g.heard(n, true) }

// NotifyUpdate hears of changed tags or addresses.
func (l listener) NotifyUpdate(n *memberlist.Node) { l.g.heard(n, true) }

// NotifyLeave hears that a node went or is silent.
func (l listener) NotifyLeave(n *memberlist.Node) { l.g.heard(n, false) }

// heard notes the last word of a node. One whose tags cannot be read (it is of
// a newer version, perhaps) keeps the ones that it had, and so does one that was
// started anew and has not spoken since: it may never get to that.
func (g *Gossip) heard(n *memberlist.Node, alive bool) {
	tags, err := decodeTags(n.Name, n.Meta)
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.known[n.Name]
	if s == nil {
		s = &sighting{}
		g.known[n.Name] = s
	}
	if err != nil {
		g.log.Warn("a node's tags cannot be read", "id", n.Name, "address", n.Address(), "err", err)
	}
	if err != nil || tags.Session == "" {
		tags = s.member.Tags
		tags.ID = n.Name
	}
	next := Member{Tags: tags, Alive: alive}
	s.address = n.Address()
	if s.member == next {
		return
	}
	s.member = next
	close(g.changed)
	g.changed = make(chan struct{})
}
