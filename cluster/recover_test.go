package cluster_test

import (
	"crypto/rand"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/limitd/limitd/cluster"
	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
)

// TestTheLastOneGoesOnAlone: two of three are lost for good. What the third has
// is the state of a new cluster, whose tokens are far beyond those of before.
func TestTheLastOneGoesOnAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := three(t, 2)
		first := granted(t, op(t, c, "a", acquire("db", 0), 0))
		sleep(t, time.Second) // all nodes have it
		var old [16]byte
		left, lost := c.Followers()[0], []string{}
		left.R().View(func(s *limit.State) { old = s.ClusterID() })
		for _, n := range c.Nodes() {
			c.Kill(n)
			if n != left {
				c.Wipe(n)
				lost = append(lost, n.Name)
			}
		}
		sleep(t, time.Minute) // the replica has let go of its stores
		before, err := cluster.Inspect(left.Stores, hclog.NewNullLogger())
		if err != nil || before.ClusterID != old || len(before.Members) != 3 || before.Limits != 1 || before.Leases != 1 || before.LongestTTL != time.Minute {
			t.Fatalf("%+v %v", before, err)
		}
		after, err := cluster.Recover(left.Stores, "", rand.Reader, hclog.NewNullLogger())
		if err != nil || after.ClusterID == old || after.Index != before.Index || after.Leases != 1 {
			t.Fatalf("%+v %v", after, err)
		}
		if _, err := cluster.Recover(left.Stores, "", rand.Reader, hclog.NewNullLogger()); !errors.Is(err, cluster.ErrAlone) {
			t.Fatalf("once more: %v", err)
		}
		c.Restart(left)
		if again := granted(t, op(t, c, "a", acquire("db", 0), 0)); again.Token != first.Token || !again.Replayed {
			t.Fatalf("the lease of before: %+v, was %+v", again, first)
		}
		if next := granted(t, op(t, c, "b", acquire("db", 0), 0)); next.Token < first.Token+1<<40 {
			t.Fatalf("token %d after %d", next.Token, first.Token)
		}
		if left.R().ClusterID() != after.ClusterID {
			t.Fatalf("the cluster is %x, and was to be %x", left.R().ClusterID(), after.ClusterID)
		}
		for _, n := range c.Nodes() {
			if n != left {
				c.Restart(n)
			}
		}
		c.Eventually("three voters", func() bool {
			now := roles(c)
			return len(now) == 3 && now[lost[0]] == cluster.Voter && now[lost[1]] == cluster.Voter
		})
		c.Kill(left)
		op(t, c, "", &command.Tick{}, 0)
	})
}

// TestNothingIsRecoveredOfNothing: a node that was part of no cluster has no state.
func TestNothingIsRecoveredOfNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := three(t, 1)
		n := c.Followers()[0]
		c.Kill(n)
		c.Wipe(n)
		if _, err := cluster.Recover(n.Stores, "", rand.Reader, hclog.NewNullLogger()); err == nil {
			t.Fatal("a node that never was part of a cluster was recovered")
		}
	})
}
