package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/limitd/limitd/client"
	"github.com/limitd/limitd/jepsen/nodes"
	"github.com/limitd/limitd/transport/wire"
)

// newestRules is the rules version of this limitd (limit.Rules).
const newestRules = 4

// exitNewer is how an agent ends whose data is of a newer version.
const exitNewer = 76

// rolling restarts one node after the other, again and again, under the callers
// of the client library: none of their calls may fail.
func rolling(ctx context.Context, s *stage) error {
	if err := putLimit(ctx, s.cluster.Nodes()[0], "probe", wire.LimitRequest{Slots: 1000}); err != nil {
		return err
	}
	w, err := gather(ctx, s.cluster.URLs(), 6), error(nil)
	rounds := s.times(5)
	for range rounds {
		for _, n := range s.cluster.Nodes() {
			if err == nil {
				err = s.restart(ctx, n, s.binary)
			}
		}
	}
	fmt.Printf("   %d rounds of 3 restarts\n", rounds)
	if err = errors.Join(err, w.end()); err != nil {
		return err
	}
	return atRest(ctx, s.cluster, "probe")
}

// restart ends a node with SIGTERM, starts it as another build, and waits until
// it is ready.
func (s *stage) restart(ctx context.Context, n *nodes.Node, binary string) error {
	if err := s.cluster.Stop(n); err != nil {
		return err
	}
	n.Use(binary)
	if err := s.cluster.Restart(n); err != nil {
		return err
	}
	return ready(ctx, n)
}

// upgrade returns the scene in which three nodes become the version to come, the
// leader in its turn.
func upgrade(turn int) func(context.Context, *stage) error {
	return func(ctx context.Context, s *stage) error {
		if s.next == "" {
			return errors.New("say -next: a build of the version to come (make show-upgrade)")
		}
		u, err := s.beginUpgrade(ctx, turn, s.next)
		if err != nil {
			return err
		}
		err = u.toCome(ctx)
		return errors.Join(err, u.finish(ctx, err == nil))
	}
}

// upgradeBefore: three nodes of a version before this one become this one.
func upgradeBefore(ctx context.Context, s *stage) error {
	u, err := s.beginUpgrade(ctx, 2, s.binary)
	if err != nil {
		return err
	}
	old, err := u.rules(ctx, u.order[0])
	if err == nil {
		err = u.each(ctx)
	}
	if err == nil && old < newestRules {
		err = u.switched(ctx, old)
	}
	if err == nil {
		_, err = u.order[0].Must(ctx, http.MethodDelete, "/v1/cluster/quarantine", nil, nil)
	}
	return errors.Join(err, u.finish(ctx, err == nil))
}

// upgrading is a cluster that is upgraded, with what has to last meanwhile: a
// lease, one that waits for its slots, and callers.
type upgrading struct {
	*stage
	to      string // the binary
	order   []*nodes.Node
	probers *probers
	patron  *client.Client
	lease   *client.Lease
	waiter  chan error
	token   uint64 // of the waiter's grant, once it has one
}

// beginUpgrade orders the nodes so that the leader comes in its turn, and sets
// callers on them.
func (s *stage) beginUpgrade(ctx context.Context, turn int, to string) (*upgrading, error) {
	leader, err := s.cluster.Leader(ctx)
	if err != nil {
		return nil, err
	}
	u := &upgrading{stage: s, to: to, waiter: make(chan error, 1)}
	for _, n := range s.cluster.Nodes() {
		if n != leader {
			u.order = append(u.order, n)
		}
	}
	u.order = slices.Insert(u.order, turn, leader)
	for name, slots := range map[string]int64{"probe": 1000, "held": 2} {
		if err := putLimit(ctx, leader, name, wire.LimitRequest{Slots: slots}); err != nil {
			return nil, err
		}
	}
	if u.patron, err = client.New(client.Config{Addresses: s.cluster.URLs()}); err != nil {
		return nil, err
	}
	held := client.Request{Limits: client.Slots{"held": 2}, TTL: 30 * time.Second}
	if u.lease, err = u.patron.Acquire(ctx, held); err != nil {
		return nil, err
	}
	go func() {
		held.Wait = 10 * time.Minute
		lease, err := u.patron.Acquire(ctx, held)
		if err == nil {
			u.token = lease.Token()
			err = lease.Release(ctx)
		}
		u.waiter <- err
	}()
	u.probers = gather(ctx, s.cluster.URLs(), 6)
	return u, nil
}

// finish ends the callers, gives the lease back, which has to be held still, and
// sees that the one that waited all the time gets it.
func (u *upgrading) finish(ctx context.Context, well bool) error {
	err := u.probers.end()
	if lost := context.Cause(u.lease.Context()); lost != nil {
		err = errors.Join(err, fmt.Errorf("the lease was lost: %w", lost))
	}
	err = errors.Join(err, u.lease.Release(ctx))
	select {
	case waited := <-u.waiter:
		err = errors.Join(err, waited)
	case <-time.After(10 * time.Second):
		err = errors.Join(err, errors.New("the one that waited got nothing"))
	}
	if err = errors.Join(err, u.patron.Close()); err != nil || !well {
		return err
	}
	if u.token <= u.lease.Token() {
		return fmt.Errorf("the one that waited got token %d after %d", u.token, u.lease.Token())
	}
	fmt.Printf("   the lease lasted, and the one that waited for its slots got them\n")
	return errors.Join(atRest(ctx, u.cluster, "probe"), idle(ctx, u.cluster, "held"))
}

// toCome upgrades all nodes to the version to come, looks for its record at each
// step, and tries to go back: before the switch that is possible, after it not.
func (u *upgrading) toCome(ctx context.Context) error {
	old, err := u.rules(ctx, u.order[0])
	if err != nil {
		return err
	}
	first := u.order[0]
	steps := []func() error{
		func() error { return u.restart(ctx, first, u.to) },
		func() error { return u.early(ctx, first) },
		func() error { return u.restart(ctx, first, u.binary) },
		func() error { fmt.Println("   one was upgraded, and went back"); return nil },
		func() error { return u.each(ctx) },
		func() error { return u.switched(ctx, old) },
		func() error { return u.rehearse(ctx) },
		func() error { return u.back(ctx, u.order[2]) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// each upgrades one node after the other. Until the last has its turn nothing of
// the new version is in force.
func (u *upgrading) each(ctx context.Context) error {
	old, err := u.rules(ctx, u.order[0])
	if err != nil {
		return err
	}
	for _, n := range u.order {
		if now, err := u.rules(ctx, n); err != nil || now != old {
			return fmt.Errorf("before %s is upgraded, rules version %d is in force at it, not %d (%w)", n.Name, now, old, err)
		}
		if err := u.restart(ctx, n, u.to); err != nil {
			return err
		}
		if n != u.order[len(u.order)-1] && u.to == u.next {
			if err := u.early(ctx, n); err != nil {
				return err
			}
		}
	}
	return nil
}

func (u *upgrading) rules(ctx context.Context, n *nodes.Node) (uint64, error) {
	var c wire.Cluster
	_, err := n.Must(ctx, http.MethodGet, "/v1/cluster", nil, &c)
	return c.Rules, err
}

const rehearsal = "/v1/cluster/rehearse" // a route of builds of the version to come

// early: the new record is refused while not all know it, and no node is hurt.
func (u *upgrading) early(ctx context.Context, n *nodes.Node) error {
	a, err := n.Call(ctx, http.MethodPost, rehearsal, nil)
	if err != nil {
		return err
	}
	if a.Status != http.StatusServiceUnavailable || !bytes.Contains(a.Body, []byte(wire.CodeNotInForce)) {
		return fmt.Errorf("the new record, at %s, before all know it: %d %s", n.Name, a.Status, a.Body)
	}
	return nil
}

// switched waits until the newer rules are in force everywhere.
func (u *upgrading) switched(ctx context.Context, old uint64) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for _, n := range u.order {
		for now := old; now <= old; {
			var err error
			if now, err = u.rules(ctx, n); err != nil {
				return fmt.Errorf("rules version %d is still in force at %s: %w", now, n.Name, err)
			}
			_ = wait(ctx, 20*time.Millisecond)
		}
	}
	now, err := u.rules(ctx, u.order[0])
	fmt.Printf("   all were upgraded, and rules version %d is in force after %d\n", now, old)
	return err
}

// rehearse writes the new record through each node.
func (u *upgrading) rehearse(ctx context.Context) error {
	for _, n := range u.order {
		if _, err := n.Must(ctx, http.MethodPost, rehearsal, nil, nil); err != nil {
			return err
		}
	}
	fmt.Println("   the new record was applied through each node")
	return nil
}

// back starts a node as the older version, which has to refuse, and then as the
// newer one again.
func (u *upgrading) back(ctx context.Context, n *nodes.Node) error {
	if err := u.cluster.Stop(n); err != nil {
		return err
	}
	before, err := os.ReadFile(n.Log())
	if err != nil {
		return err
	}
	n.Use(u.binary)
	if err := u.cluster.Restart(n); err != nil {
		return err
	}
	ending, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if err := n.WaitEnd(ending); err != nil {
		return fmt.Errorf("a node of the older version: %w", err)
	}
	said, err := os.ReadFile(n.Log())
	if err != nil {
		return err
	}
	lines := bytes.Split(bytes.TrimSpace(said[len(before):]), []byte("\n"))
	last := lines[len(lines)-1]
	end, _ := n.Ended()
	fmt.Printf("   the older version ended with %d: %s\n", end.Code, last)
	if end.Code != exitNewer || !bytes.Contains(last, []byte("start that version")) {
		return fmt.Errorf("a node of the older version ended with %d: %s", end.Code, last)
	}
	n.Use(u.to)
	if err := u.cluster.Restart(n); err != nil {
		return err
	}
	return ready(ctx, n)
}
