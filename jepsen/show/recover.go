package main

import (
	"context"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"time"

	"github.com/limitd/limitd/jepsen/nodes"
	"github.com/limitd/limitd/transport/wire"
)

// lostQuorum loses two of three nodes for good. The third goes on alone, with
// all limits and leases; two new ones join it. One of the lost comes back with its
// old data, and is a stranger.
func lostQuorum(ctx context.Context, s *stage) error {
	c := s.cluster
	n1, n2, n3 := c.Nodes()[0], c.Nodes()[1], c.Nodes()[2]
	if err := putLimit(ctx, n1, "probe", wire.LimitRequest{Slots: 2}); err != nil {
		return err
	}
	held, err := holdSlot(ctx, n2, "before")
	if err != nil {
		return err
	}
	if _, err := n1.Must(ctx, http.MethodGet, "/v1/limits/probe", nil, nil); err != nil { // so that n1 has it all
		return err
	}
	if err := quarantine(ctx, n1); err != nil {
		return err
	}
	c.Kill(n2)
	c.Kill(n3)
	if a, err := n1.Call(ctx, http.MethodGet, "/v1/cluster", nil); err != nil || a.Status != http.StatusOK {
		return fmt.Errorf("the node that is left does not tell of the cluster: %d %v", a.Status, err)
	}
	if out, err := s.recover(n1); err == nil || !strings.Contains(out, "Stop the node first") {
		return fmt.Errorf("a node that runs was recovered: %s", out)
	}
	if err := c.Stop(n1); err != nil {
		return err
	}
	out, err := s.recover(n1)
	quote(out)
	if err != nil {
		return fmt.Errorf("recover: %w", err)
	}
	if out, err := s.recover(n1); err == nil || !strings.Contains(out, "only voter already") {
		return fmt.Errorf("it was recovered twice: %s", out)
	}
	if err := c.Restart(n1); err != nil {
		return err
	}
	if err := ready(ctx, n1); err != nil {
		return err
	}
	if err := stillQuarantined(ctx, n1); err != nil {
		return err
	}
	if err := sameLease(ctx, n1, held); err != nil {
		return err
	}
	if err := comeBack(ctx, c, n1, n2, n3); err != nil {
		return err
	}
	if _, err := n2.Must(ctx, http.MethodPost, "/v1/release", wire.ReleaseRequest{Token: held.Token}, nil); err != nil {
		return err
	}
	return atRest(ctx, c, "probe")
}

// quarantine restores a backup of now, after which limits without decay grant nothing.
func quarantine(ctx context.Context, n *nodes.Node) error {
	backup, err := n.Must(ctx, http.MethodGet, "/v1/snapshot", nil, nil)
	if err != nil {
		return err
	}
	a, err := n.Send(ctx, http.MethodPut, "/v1/snapshot?longest_ttl=1h", wire.TypeSnapshot, backup.Body)
	if err == nil && a.Status != http.StatusNoContent {
		err = fmt.Errorf("restore a backup: %d %s", a.Status, a.Body)
	}
	return err
}

// stillQuarantined checks that the recovery has not ended the quarantine, which
// keeps holders apart that nobody knows of, and ends it as an operator does.
func stillQuarantined(ctx context.Context, n *nodes.Node) error {
	a, err := n.Call(ctx, http.MethodPost, "/v1/acquire", wire.AcquireRequest{Limits: []wire.Entry{{Name: "probe", Slots: 1}}})
	if err != nil {
		return err
	}
	if a.Status/100 == 2 || !strings.Contains(string(a.Body), "quarantine") {
		return fmt.Errorf("the recovery has ended the quarantine: %d %s", a.Status, a.Body)
	}
	fmt.Println("   the quarantine goes on: limits without decay grant nothing until an operator ends it")
	_, err = n.Must(ctx, http.MethodDelete, "/v1/cluster/quarantine", nil, nil)
	return err
}

// recover runs the command on a node's files, and returns what it said.
func (s *stage) recover(n *nodes.Node) (string, error) {
	out, err := exec.Command(s.binary, "operator", "raft", "recover", "--config", n.File(), "--yes").CombinedOutput()
	return string(out), err
}

func holdSlot(ctx context.Context, n *nodes.Node, id string) (g wire.Grant, err error) {
	body := wire.AcquireRequest{ID: id, Limits: []wire.Entry{{Name: "probe", Slots: 1}}, TTL: wire.Duration(time.Hour)}
	_, err = n.Must(ctx, http.MethodPost, "/v1/acquire", body, &g)
	return g, err
}

// sameLease checks that a lease of before is held still, and that the next token
// is far above all that the lost nodes may have given.
func sameLease(ctx context.Context, n *nodes.Node, held wire.Grant) error {
	var r wire.Renewed
	if _, err := n.Must(ctx, http.MethodPost, "/v1/renew", wire.RenewRequest{Tokens: []uint64{held.Token}}, &r); err != nil {
		return err
	}
	if len(r.Leases) != 1 || r.Leases[0].State != wire.LeaseHeld {
		return fmt.Errorf("the lease of before: %+v", r)
	}
	next, err := holdSlot(ctx, n, "after")
	if err != nil {
		return err
	}
	if next.Token < held.Token+1<<40 {
		return fmt.Errorf("token %d comes after %d", next.Token, held.Token)
	}
	_, err = n.Must(ctx, http.MethodPost, "/v1/release", wire.ReleaseRequest{Token: next.Token}, nil)
	fmt.Printf("   the lease of before is renewed; the next token is %d\n", next.Token)
	return err
}

// comeBack starts the lost nodes again: one with its old data, which nobody
// takes in, and then both with empty folders.
func comeBack(ctx context.Context, c *nodes.Cluster, left, n2, n3 *nodes.Node) error {
	if err := n2.Wipe(); err != nil {
		return err
	}
	for _, n := range []*nodes.Node{n3, n2} {
		if err := c.Restart(n); err != nil {
			return err
		}
	}
	if err := joined(ctx, n2); err != nil {
		return err
	}
	_ = wait(ctx, 2*time.Second)
	roles, err := rolesAt(ctx, left)
	if err != nil {
		return err
	}
	var a wire.Autopilot
	if _, err := left.Must(ctx, http.MethodGet, "/v1/cluster/autopilot", nil, &a); err != nil {
		return err
	}
	if len(roles) != 2 || roles["n3"] != "" || len(a.Outside) != 1 {
		return fmt.Errorf("a node of the lost cluster was taken in: %v, outside %+v", roles, a.Outside)
	}
	fmt.Printf("   n3 with its old data is not taken in: %s\n", a.Outside[0].Reason)
	c.Kill(n3)
	if err := n3.Wipe(); err != nil {
		return err
	}
	if err := c.Restart(n3); err != nil {
		return err
	}
	g := &grower{cluster: c, first: left}
	return g.members(ctx, 3)
}
