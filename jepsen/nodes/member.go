package nodes

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
)

// Member is what a node's configuration says of it and its cluster.
type Member struct {
	Name   string
	Expect int      // bootstrap_expect
	Join   []string // gossip addresses
	Role   string   // "": voter
	Extra  string   // HCL, beside that of the whole cluster
}

// Add starts one more node, on free ports of loopback.
func (c *Cluster) Add(m Member) (*Node, error) {
	places, err := Loopback(1)
	if err != nil {
		return nil, err
	}
	n, err := c.place(m, places[0])
	if err != nil {
		return nil, err
	}
	return n, c.Restart(n)
}

// Move gives a node that does not run other ports of loopback.
func (c *Cluster) Move(n *Node) error {
	places, err := Loopback(1)
	if err != nil {
		return err
	}
	return c.settle(n, places[0])
}

// Introduce gives a node that does not run other gossip addresses to join by.
func (c *Cluster) Introduce(n *Node, join ...string) error {
	n.member.Join = join
	return c.settle(n, n.place)
}

// Reexpect gives a node that does not run another bootstrap_expect.
func (c *Cluster) Reexpect(n *Node, voters int) error {
	n.member.Expect = voters
	return c.settle(n, n.place)
}

// Forget leaves a node that does not run out of the cluster's nodes. Its files stay.
func (c *Cluster) Forget(gone *Node) {
	var left []*Node
	for _, n := range c.nodes {
		if n != gone {
			left = append(left, n)
		}
	}
	c.nodes = left
}

// place makes a node that does not run yet.
func (c *Cluster) place(m Member, at Place) (*Node, error) {
	n := &Node{Name: m.Name, member: m, caller: c.caller, scheme: c.cfg.Scheme, binary: c.cfg.Binary, dir: filepath.Join(c.cfg.Dir, m.Name)}
	n.file, n.log = n.dir+".hcl", n.dir+".log"
	if err := c.settle(n, at); err != nil {
		return nil, err
	}
	c.nodes = append(c.nodes, n)
	return n, nil
}

// settle writes the node's file for a place.
func (c *Cluster) settle(n *Node, at Place) error {
	n.place, n.HTTP, n.Peer, n.Gossip = at, at.HTTP.Advertise, at.Peer.Advertise, at.Gossip.Advertise
	if err := os.WriteFile(n.file, []byte(n.hcl(c.cfg)), 0o600); err != nil {
		return fmt.Errorf("write the configuration of %s: %w", n.Name, err)
	}
	return nil
}

func (n *Node) hcl(cfg Config) string {
	var join []string
	for _, address := range n.member.Join {
		join = append(join, fmt.Sprintf("%q", address))
	}
	insecure := ""
	if host, _, _ := net.SplitHostPort(n.place.HTTP.Listen); !net.ParseIP(host).IsLoopback() && !cfg.Guarded {
		insecure = "allow_insecure = true\n"
	}
	block := func(name string, a Address, more string) string {
		return fmt.Sprintf("%s {\n  address   = %q\n  advertise = %q\n%s}\n", name, a.Listen, a.Advertise, more)
	}
	keys := ""
	if cfg.GossipKeys != "" {
		keys = fmt.Sprintf("  key_file  = %q\n", cfg.GossipKeys)
	}
	role := ""
	if n.member.Role != "" {
		role = fmt.Sprintf("  role = %q\n", n.member.Role)
	}
	return fmt.Sprintf(`name     = %q
data_dir = %q
%s%s%s%scluster {
  bootstrap_expect = %d
  retry_join       = [%s]
%s}
autopilot { server_stabilization_time = "500ms" }
%s%s`, n.Name, n.dir, insecure, block("http", n.place.HTTP, ""), block("peer", n.place.Peer, ""), block("gossip", n.place.Gossip, keys),
		n.member.Expect, strings.Join(join, ", "), role, cfg.Extra+cfg.Each(n.Name), n.member.Extra)
}
