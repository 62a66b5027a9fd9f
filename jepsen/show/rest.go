package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/limitd/limitd/jepsen/nodes"
	"github.com/limitd/limitd/transport/wire"
)

func putLimit(ctx context.Context, n *nodes.Node, name string, set wire.LimitRequest) error {
	_, err := n.Must(ctx, http.MethodPut, "/v1/limits/"+name, set, nil)
	return err
}

// atRest checks, with all nodes running and no caller left, that no slot is
// occupied and that the nodes' digests are equal.
func atRest(ctx context.Context, c *nodes.Cluster, limit string) error {
	ctx, cancel := context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	for _, n := range c.Nodes() {
		if !n.Running() {
			if err := c.Restart(n); err != nil {
				return err
			}
		}
		if err := joined(ctx, n); err != nil {
			return err
		}
	}
	if limit != "" {
		if err := idle(ctx, c, limit); err != nil {
			return err
		}
	}
	var v wire.Verification
	if _, err := c.Nodes()[0].Must(ctx, http.MethodPost, "/v1/cluster/verify", nil, &v); err != nil {
		return err
	}
	fmt.Printf("   verify: equal=%v at index %d, %d digests\n", v.Equal, v.Index, len(v.Digests))
	if !v.Equal || len(v.Digests) != len(c.Nodes()) {
		return fmt.Errorf("digests: %v, missing: %v", v.Digests, v.Missing)
	}
	return nil
}

// idle checks on every node that a limit is unoccupied.
func idle(ctx context.Context, c *nodes.Cluster, limit string) error {
	for _, n := range c.Nodes() {
		var l wire.Limit
		if _, err := n.Must(ctx, http.MethodGet, "/v1/limits/"+limit, nil, &l); err != nil {
			return err
		}
		if l.Status.Occupied != 0 || l.Status.Waiting != 0 {
			return fmt.Errorf("%s says: %d slots of %s occupied, %d waiting", n.Name, l.Status.Occupied, limit, l.Status.Waiting)
		}
	}
	fmt.Printf("   every node: 0 slots of %s occupied, 0 waiting\n", limit)
	return nil
}

// quote prints what a program said.
func quote(text string) {
	fmt.Println("   | " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n   | "))
}

// soon asks again until the answer is nil, for a generous while: how quick it is
// depends on the machine.
func soon(ctx context.Context, ask func() error) error {
	ctx, cancel := context.WithTimeout(ctx, joinTime)
	defer cancel()
	for {
		err := ask()
		if err == nil {
			return nil
		}
		if !wait(ctx, 50*time.Millisecond) {
			return err
		}
	}
}
