package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/limitd/limitd/transport/wire"
)

const queueLength = 20

// queue: waiters come one after the other through different nodes, the leader
// dies, the slot is released: they are granted in the order of their coming.
func queue(ctx context.Context, s *stage) error {
	list := s.cluster.Nodes()
	if err := putLimit(ctx, list[0], "one", wire.LimitRequest{Slots: 1}); err != nil {
		return err
	}
	one := []wire.Entry{{Name: "one", Slots: 1}}
	var holder wire.Grant
	if _, err := list[0].Must(ctx, http.MethodPost, "/v1/acquire", wire.AcquireRequest{ID: "holder", Limits: one, TTL: wire.Duration(time.Hour)}, &holder); err != nil {
		return err
	}
	grants := make(chan wire.Grant, queueLength)
	errs := make(chan error, queueLength)
	for i := range queueLength {
		body := wire.AcquireRequest{ID: fmt.Sprintf("waiter-%02d", i), Limits: one, Wait: wire.Duration(2 * time.Minute), TTL: wire.Duration(time.Hour)}
		go func() {
			a, err := persist(ctx, s.cluster, i, body)
			var g wire.Grant
			if err == nil {
				err = json.Unmarshal(a.Body, &g)
			}
			if err != nil {
				errs <- err
				return
			}
			grants <- g
		}()
		if err := queued(ctx, s, i+1); err != nil {
			return err
		}
	}
	leader, err := s.cluster.Leader(ctx)
	if err != nil {
		return err
	}
	s.cluster.Kill(leader)
	fmt.Printf("   %d waiters queue through 3 nodes; leader %s killed\n", queueLength, leader.Name)
	return inOrder(ctx, s, holder.Token, grants, errs)
}

// queued waits until the queue has n waiters, so that their order is known.
func queued(ctx context.Context, s *stage, n int) error {
	for range 500 {
		var l wire.Limit
		if _, err := s.cluster.Nodes()[0].Must(ctx, http.MethodGet, "/v1/limits/one", nil, &l); err != nil {
			return err
		}
		if l.Status.Waiting == int64(n) {
			return nil
		}
		_ = wait(ctx, 2*time.Millisecond)
	}
	return fmt.Errorf("the queue never had %d waiters", n)
}

// inOrder releases grant after grant and checks who comes next.
func inOrder(ctx context.Context, s *stage, token uint64, grants chan wire.Grant, errs chan error) error {
	for i := range queueLength {
		if err := releaseAnywhere(ctx, s, token); err != nil {
			return err
		}
		select {
		case g := <-grants:
			if want := fmt.Sprintf("waiter-%02d", i); g.ID != want || g.Token <= token {
				return fmt.Errorf("%s was granted with token %d after %d; it is %s's turn", g.ID, g.Token, token, want)
			}
			token = g.Token
		case err := <-errs:
			return err
		case <-time.After(20 * time.Second):
			return fmt.Errorf("waiter %d was not granted within 20s of the release", i)
		}
	}
	fmt.Printf("   all %d granted in order\n", queueLength)
	if err := releaseAnywhere(ctx, s, token); err != nil {
		return err
	}
	return atRest(ctx, s.cluster, "one")
}

func releaseAnywhere(ctx context.Context, s *stage, token uint64) (err error) {
	for range 1000 {
		for _, n := range s.cluster.Nodes() {
			if !n.Running() {
				continue
			}
			if _, err = n.Must(ctx, http.MethodPost, "/v1/release", wire.ReleaseRequest{Token: token}, nil); err == nil {
				return nil
			}
		}
		_ = wait(ctx, 5*time.Millisecond)
	}
	return err
}
