package cluster_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/limitd/limitd/cluster/clustertest"
	"github.com/limitd/limitd/fsm/command"
)

// TestOneWayCuts: a leader that cannot hear steps down, one that cannot be
// heard is replaced, and a follower that cannot hear disturbs nobody.
func TestOneWayCuts(t *testing.T) {
	cut := map[string]func(c *clustertest.Cluster, a, b *clustertest.Node){
		"the leader hears nobody":   func(c *clustertest.Cluster, a, b *clustertest.Node) { c.Cut(b, a) },
		"nobody hears the leader":   func(c *clustertest.Cluster, a, b *clustertest.Node) { c.Cut(a, b) },
		"the leader is cut off":     func(c *clustertest.Cluster, a, b *clustertest.Node) { c.Cut(a, b); c.Cut(b, a) },
		"one follower hears no one": nil,
	}
	for name, do := range cut {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := three(t, 1)
				l, fs := c.Leader(), c.Followers()
				if do == nil {
					c.Cut(l, fs[0])
					c.Cut(fs[1], fs[0])
				} else {
					do(c, l, fs[0])
					do(c, l, fs[1])
				}
				for range 20 {
					op(t, c, "", &command.Tick{}, 0)
					sleep(t, 100*time.Millisecond)
				}
				if same := c.Leader() == l; same != (do == nil) {
					t.Fatalf("the old leader leads: %v", same)
				}
				for _, n := range c.Nodes() {
					c.Heal(n)
				}
				settle(t, c)
			})
		})
	}
}
