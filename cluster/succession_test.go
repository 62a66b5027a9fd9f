package cluster_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/limitd/limitd/cluster"
	"github.com/limitd/limitd/cluster/clustertest"
)

// TestADeadLeaderIsNotWaitedFor: where the leader's computer says that its process
// is gone, the others do not wait for raft's timeouts, and do not split the vote.
func TestADeadLeaderIsNotWaitedFor(t *testing.T) {
	for _, nodes := range []int{3, 5} {
		synctest.Test(t, func(t *testing.T) {
			c := clustertest.Start(t, clustertest.Options{Nodes: nodes})
			for round := range 10 {
				old := c.Leader()
				c.Followers()
				time.Sleep(time.Second)
				start := time.Now()
				c.Kill(old)
				c.Leader()
				if took := time.Since(start); took >= 200*time.Millisecond { // raft's timeouts alone begin at 250 ms
					t.Errorf("%d nodes, round %d: the next one led after %v", nodes, round, took)
				}
				c.Restart(old)
			}
		})
	}
}

// TestALeaderThatIsHeardIsNotDeposed: whoever answers at its address, and whoever
// refuses, a leader that sends its heartbeats goes on.
func TestALeaderThatIsHeardIsNotDeposed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clustertest.Start(t, clustertest.Options{Nodes: 3, Change: func(_ *clustertest.Node, cfg *cluster.Config) {
			cfg.Gone = func(context.Context, string) bool { return true }
		}})
		term := c.Leader().R().Status().Term
		time.Sleep(time.Minute)
		if now := c.Leader().R().Status().Term; now != term {
			t.Errorf("term %d, want %d still", now, term)
		}
	})
}

// TestASilentLeaderIsWaitedFor: one that cannot be reached is not gone, and raft's
// timeouts decide.
func TestASilentLeaderIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clustertest.Start(t, clustertest.Options{Nodes: 3})
		old := c.Leader()
		others := c.Followers()
		time.Sleep(time.Second)
		start := time.Now()
		c.Isolate(old)
		for !others[0].R().IsLeader() && !others[1].R().IsLeader() {
			time.Sleep(time.Millisecond)
		}
		if took := time.Since(start); took < 250*time.Millisecond {
			t.Errorf("the next one led after %v, before raft's timeout", took)
		}
	})
}
