package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/limitd/limitd/jepsen/nodes"
	"github.com/limitd/limitd/transport/wire"
)

// joinTime is how long a change of the membership may take.
const joinTime = 40 * time.Second

// members grows a cluster of one to five voters and back, under load at every
// member; nodes die and are replaced, one moves, one has no vote for a while.
func members(ctx context.Context, s *stage) (err error) {
	c := s.cluster
	first := c.Nodes()[0]
	if err := putLimit(ctx, first, "probe", wire.LimitRequest{Slots: 1000}); err != nil {
		return err
	}
	g := &grower{cluster: c, first: first, load: newLoad(ctx)}
	g.load.at(first)
	for _, step := range []func(context.Context) error{g.grow, g.withoutVote, g.replace, g.move, g.refuse, g.shrink} {
		if err = step(ctx); err != nil {
			break
		}
	}
	if lost := g.load.end(); err == nil {
		err = lost
	}
	if err != nil {
		return err
	}
	return atRest(ctx, c, "probe")
}

// grower changes the membership of a cluster.
type grower struct {
	cluster *nodes.Cluster
	first   *nodes.Node // stays
	load    *load
}

// add starts a node, waits until it is ready, and calls it from then on.
func (g *grower) add(ctx context.Context, name, role string) (*nodes.Node, error) {
	n, err := g.cluster.Add(nodes.Member{Name: name, Join: []string{g.first.Gossip}, Role: role})
	if err != nil {
		return nil, err
	}
	if err := joined(ctx, n); err != nil {
		return nil, err
	}
	g.load.at(n)
	return n, nil
}

// drop ends the calls at a node, takes it out of the cluster, and stops it.
func (g *grower) drop(ctx context.Context, n *nodes.Node) error {
	g.load.off(n)
	if _, err := g.first.Must(ctx, http.MethodDelete, "/v1/cluster/nodes/"+n.Name, nil, nil); err != nil {
		return err
	}
	if err := g.cluster.Stop(n); err != nil {
		return err
	}
	g.cluster.Forget(n)
	return nil
}

// members waits until the first node shows just these members, by role.
func (g *grower) members(ctx context.Context, voters int, nonvoters ...string) error {
	ctx, cancel := context.WithTimeout(ctx, joinTime)
	defer cancel()
	for {
		roles, err := rolesAt(ctx, g.first)
		others := 0
		for name, role := range roles {
			if role == wire.RoleNonvoter && slices.Contains(nonvoters, name) {
				others++
			}
		}
		if err == nil && len(roles) == voters+len(nonvoters) && others == len(nonvoters) && count(roles, wire.RoleVoter) == voters {
			fmt.Printf("   %d voters, %d without a vote: %v\n", voters, others, slices.Sorted(maps.Keys(roles)))
			return nil
		}
		if !wait(ctx, 50*time.Millisecond) {
			return fmt.Errorf("%d voters and %v were awaited, there are %v (%v)", voters, nonvoters, roles, err)
		}
	}
}

// rolesAt returns the members that a node shows, by name or, where it has none, by id.
func rolesAt(ctx context.Context, n *nodes.Node) (map[string]string, error) {
	var c wire.Cluster
	if _, err := n.Must(ctx, http.MethodGet, "/v1/cluster", nil, &c); err != nil {
		return nil, err
	}
	roles := map[string]string{}
	for _, m := range c.Nodes {
		roles[m.Name+m.ID[:4]] = m.Role
		if m.Name != "" {
			delete(roles, m.Name+m.ID[:4])
			roles[m.Name] = m.Role
		}
	}
	return roles, nil
}

func count(roles map[string]string, role string) (n int) {
	for _, r := range roles {
		if r == role {
			n++
		}
	}
	return n
}

// joined waits until a node is ready that may have to be taken in first.
func joined(ctx context.Context, n *nodes.Node) error {
	ctx, cancel := context.WithTimeout(ctx, joinTime)
	defer cancel()
	return n.WaitReady(ctx)
}

func (g *grower) grow(ctx context.Context) error {
	for _, pairs := range [][]string{{"n2", "n3"}, {"n4", "n5"}} {
		for _, name := range pairs {
			if _, err := g.add(ctx, name, ""); err != nil {
				return err
			}
		}
		if err := g.members(ctx, len(g.cluster.Nodes())); err != nil {
			return err
		}
	}
	return nil
}

// withoutVote: a node without a vote answers reads and calls, is promoted by one
// command, demoted by another, and leaves.
func (g *grower) withoutVote(ctx context.Context) error {
	n, err := g.add(ctx, "n6", wire.RoleNonvoter)
	if err != nil {
		return err
	}
	if _, err := n.Must(ctx, http.MethodGet, "/v1/limits/probe", nil, nil); err != nil {
		return err
	}
	_ = wait(ctx, 2*time.Second) // far longer than a voter waits for its vote
	if err := g.members(ctx, 5, "n6"); err != nil {
		return err
	}
	for _, role := range []string{wire.RoleVoter, wire.RoleNonvoter} {
		if _, err := g.first.Must(ctx, http.MethodPatch, "/v1/cluster/nodes/n6", wire.RoleRequest{Role: role}, nil); err != nil {
			return err
		}
		_ = wait(ctx, time.Second) // nothing takes it back
		err = g.members(ctx, 6)
		if role == wire.RoleNonvoter {
			err = g.members(ctx, 5, "n6")
		}
		if err != nil {
			return err
		}
	}
	return g.drop(ctx, n)
}

// replace: one that died with its disk comes back under its name, and another
// is replaced by a node of a new name.
func (g *grower) replace(ctx context.Context) error {
	lost := g.named("n5")
	g.load.off(lost)
	g.cluster.Kill(lost)
	if err := lost.Wipe(); err != nil {
		return err
	}
	if _, err := g.first.Must(ctx, http.MethodDelete, "/v1/cluster/nodes/n5", nil, nil); err != nil {
		return err
	}
	if err := g.members(ctx, 4); err != nil {
		return err
	}
	if err := g.cluster.Restart(lost); err != nil {
		return err
	}
	if err := joined(ctx, lost); err != nil {
		return err
	}
	g.load.at(lost)
	if err := g.members(ctx, 5); err != nil {
		return err
	}
	dead := g.named("n4")
	g.load.off(dead)
	g.cluster.Kill(dead)
	if _, err := g.add(ctx, "n7", ""); err != nil {
		return err
	}
	if _, err := g.first.Must(ctx, http.MethodDelete, "/v1/cluster/nodes/"+dead.Peer, nil, nil); err != nil {
		return err
	}
	g.cluster.Forget(dead)
	return g.members(ctx, 5)
}

// move: a node comes back at other addresses.
func (g *grower) move(ctx context.Context) error {
	n := g.named("n2")
	g.load.off(n)
	if err := g.cluster.Stop(n); err != nil {
		return err
	}
	if err := g.cluster.Move(n); err != nil {
		return err
	}
	if err := g.cluster.Restart(n); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, joinTime)
	defer cancel()
	for {
		var c wire.Cluster
		if _, err := g.first.Must(ctx, http.MethodGet, "/v1/cluster", nil, &c); err != nil {
			return err
		}
		if slices.ContainsFunc(c.Nodes, func(m wire.Node) bool { return m.Name == n.Name && m.Peer == n.Peer }) {
			break
		}
		if !wait(ctx, 50*time.Millisecond) {
			return fmt.Errorf("the new address of %s is not known: %w", n.Name, ctx.Err())
		}
	}
	if err := joined(ctx, n); err != nil {
		return err
	}
	g.load.at(n)
	fmt.Printf("   %s moved to %s\n", n.Name, n.Peer)
	return nil
}

// refuse: what would cost the majority is refused, with the reason.
func (g *grower) refuse(ctx context.Context) error {
	down := []*nodes.Node{g.named("n2"), g.named("n3")}
	for _, n := range down {
		g.load.off(n)
		g.cluster.Kill(n)
	}
	_ = wait(ctx, time.Second)
	a, err := g.first.Call(ctx, http.MethodDelete, "/v1/cluster/nodes/n7", nil)
	if err != nil {
		return err
	}
	if a.Status != http.StatusConflict {
		return fmt.Errorf("with two of five down, a third was to be removed: %d %s", a.Status, a.Body)
	}
	fmt.Printf("   refused: %s\n", a.Body)
	for _, n := range down {
		if err := g.cluster.Restart(n); err != nil {
			return err
		}
		if err := joined(ctx, n); err != nil {
			return err
		}
		g.load.at(n)
	}
	return nil
}

// shrink takes the others out, the leader first.
func (g *grower) shrink(ctx context.Context) error {
	if _, err := g.first.Must(ctx, http.MethodPost, "/v1/cluster/transfer", wire.TransferRequest{To: "n7"}, nil); err != nil {
		return err
	}
	for i, name := range []string{"n7", "n5", "n3", "n2"} {
		if err := g.drop(ctx, g.named(name)); err != nil {
			return err
		}
		if i%2 == 1 {
			if err := g.members(ctx, 4-i); err != nil {
				return err
			}
		}
	}
	return nil
}

func (g *grower) named(name string) *nodes.Node {
	at := slices.IndexFunc(g.cluster.Nodes(), func(n *nodes.Node) bool { return n.Name == name })
	return g.cluster.Nodes()[at]
}
