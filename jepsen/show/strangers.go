package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/limitd/limitd/jepsen/nodes"
	"github.com/limitd/limitd/transport/wire"
)

// strangers: two halves that each lack a voter found nothing, and one cluster
// once they hear of each other; and two clusters that hear of each other, by a
// wrong retry_join, stay two.
func strangers(ctx context.Context, s *stage) error {
	half, err := s.founders("a", 2, 3)
	if err != nil {
		return err
	}
	other, err := s.founders("b", 2, 3)
	if err != nil {
		return err
	}
	_ = wait(ctx, 3*time.Second)
	for _, n := range slices.Concat(half, other) {
		if roles, err := rolesAt(ctx, n); err != nil || len(roles) > 0 {
			return fmt.Errorf("%s is part of a cluster of less than it takes: %v (%v)", n.Name, roles, err)
		}
	}
	bridge, err := s.cluster.Add(nodes.Member{Name: "bridge", Expect: 3, Join: []string{half[0].Gossip, other[0].Gossip}})
	if err != nil {
		return err
	}
	five := &grower{cluster: s.cluster, first: bridge}
	if err := five.members(ctx, 5); err != nil {
		return err
	}
	fmt.Println("   two halves of two, and one that knows both, are one cluster")
	second, err := s.founders("c", 3, 3)
	if err != nil {
		return err
	}
	three := &grower{cluster: s.cluster, first: second[0]}
	if err := three.members(ctx, 3); err != nil {
		return err
	}
	return s.collide(ctx, five, three, second)
}

// collide starts the nodes of a second cluster again, each with a retry_join that
// leads to the first.
func (s *stage) collide(ctx context.Context, five, three *grower, second []*nodes.Node) error {
	for _, n := range second {
		if err := s.cluster.Stop(n); err != nil {
			return err
		}
		if err := s.cluster.Introduce(n, five.first.Gossip); err != nil {
			return err
		}
		if err := s.cluster.Restart(n); err != nil {
			return err
		}
		if err := joined(ctx, n); err != nil {
			return err
		}
	}
	reason, err := outsiders(ctx, five.first, len(second))
	if err != nil {
		return err
	}
	_ = wait(ctx, 3*time.Second)
	if err := five.members(ctx, 5); err != nil {
		return err
	}
	if err := three.members(ctx, 3); err != nil {
		return err
	}
	var a, b wire.Cluster
	if _, err := five.first.Must(ctx, http.MethodGet, "/v1/cluster", nil, &a); err != nil {
		return err
	}
	if _, err := three.first.Must(ctx, http.MethodGet, "/v1/cluster", nil, &b); err != nil {
		return err
	}
	if a.ClusterID == b.ClusterID {
		return fmt.Errorf("both are cluster %s", a.ClusterID)
	}
	fmt.Printf("   two clusters that hear of each other stay two: %s\n", reason)
	return nil
}

// outsiders waits until a cluster has heard of as many nodes that are no members,
// and returns why the first is none.
func outsiders(ctx context.Context, n *nodes.Node, count int) (reason string, err error) {
	ctx, cancel := context.WithTimeout(ctx, joinTime)
	defer cancel()
	for {
		var seen wire.Autopilot
		_, err := n.Must(ctx, http.MethodGet, "/v1/cluster/autopilot", nil, &seen)
		if err == nil && len(seen.Outside) == count {
			return seen.Outside[0].Reason, nil
		}
		if !wait(ctx, 50*time.Millisecond) {
			return "", fmt.Errorf("the cluster of %s has not heard of %d others: %+v (%v)", n.Name, count, seen.Outside, err)
		}
	}
}

// founders starts nodes that expect some voters, and know each other.
func (s *stage) founders(name string, count, expect int) (list []*nodes.Node, err error) {
	known := []string{"127.0.0.1:1"} // nobody
	for i := range count {
		n, err := s.cluster.Add(nodes.Member{Name: fmt.Sprintf("%s%d", name, i+1), Expect: expect, Join: slices.Clone(known)})
		if err != nil {
			return nil, err
		}
		list, known = append(list, n), append(known, n.Gossip)
	}
	return list, nil
}
