package cluster_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/limitd/limitd/cluster"
	"github.com/limitd/limitd/cluster/clustertest"
	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
)

// roles returns the roles of all members as the leader knows them.
func roles(c *clustertest.Cluster) map[string]cluster.Role {
	m := make(map[string]cluster.Role)
	for _, n := range c.Leader().R().Nodes() {
		m[n.Name] = n.Role
	}
	return m
}

func TestANodeAddedLaterBecomesAVoter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := three(t, 1)
		n := c.Add()
		if got := n.R().Ready(); len(got) == 0 {
			t.Fatal("a node that is no member yet is ready")
		}
		c.Eventually("the fourth voter", func() bool { return roles(c)["n4"] == cluster.Voter })
		c.Eventually("the fourth node to be ready", func() bool { return readable(t, c, n) })
		n.R().View(func(s *limit.State) {
			if _, ok := s.Limit("db"); !ok {
				t.Fatal("the new node lacks a limit")
			}
		})
	})
}

// readable makes a linearizable read through n and tells whether it is ready.
func readable(t *testing.T, c *clustertest.Cluster, n *clustertest.Node) bool {
	index, err := c.Leader().R().ReadIndex(t.Context())
	if err != nil || n.R().AwaitApplied(t.Context(), index) != nil {
		return false
	}
	return len(n.R().Ready()) == 0
}

func TestANonVoterStaysOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clustertest.Start(t, clustertest.Options{Nodes: 3, Change: func(n *clustertest.Node, cfg *cluster.Config) {
			cfg.Node.NonVoter = n.Name == "n4"
		}})
		c.Leader()
		n := c.Add()
		c.Eventually("the node to be taken in", func() bool { return readable(t, c, n) })
		sleep(t, time.Minute)
		if got := roles(c)["n4"]; got != cluster.NonVoter {
			t.Fatalf("n4 is a %s", got)
		}
	})
}

func TestARemovedNodeComesBackOnlyWhenStartedAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := three(t, 1)
		gone := c.Followers()[0]
		if err := c.Leader().R().RemoveNode(t.Context(), gone.Name); err != nil {
			t.Fatal(err)
		}
		sleep(t, time.Minute)
		if _, still := roles(c)[gone.Name]; still {
			t.Fatal("a removed node was taken in again by itself")
		}
		if got := strings.Join(gone.R().Ready(), "; "); !strings.Contains(got, "was removed") {
			t.Fatalf("the removed node says %q", got)
		}
		c.Kill(c.Leader()) // the others remember the removal too
		c.Restart(c.Nodes()[downOne(c)])
		sleep(t, time.Minute)
		if _, still := roles(c)[gone.Name]; still {
			t.Fatal("the next leader took the removed node in by itself")
		}
		c.Stop(gone)
		c.Restart(gone)
		c.Eventually("the node to vote again", func() bool { return roles(c)[gone.Name] == cluster.Voter })
	})
}

// downOne returns the place of a node that is down.
func downOne(c *clustertest.Cluster) int {
	for i, n := range c.Nodes() {
		if n.R() == nil {
			return i
		}
	}
	return -1
}

func TestALeaderIsRemovedAfterHandingOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := three(t, 1)
		old := c.Leader()
		if err := old.R().Leave(t.Context()); !errors.Is(err, cluster.ErrNotLeader) {
			t.Fatalf("a leader that is to leave: %v", err)
		}
		l := c.Leader()
		if err := l.R().RemoveNode(t.Context(), old.Name); err != nil {
			t.Fatal(err)
		}
		if _, still := roles(c)[old.Name]; still || len(roles(c)) != 2 {
			t.Fatalf("members: %v", roles(c))
		}
	})
}

func TestTheLastVoterStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clustertest.Start(t, clustertest.Options{Nodes: 1})
		if err := c.Leader().R().Leave(t.Context()); !errors.Is(err, cluster.ErrLastVoter) {
			t.Fatalf("got %v", err)
		}
		if err := c.Leader().R().RemoveNode(t.Context(), "n9"); !errors.Is(err, cluster.ErrNoSuchNode) {
			t.Fatalf("got %v", err)
		}
	})
}

// TestGossipTroubleRemovesNobody: a node that is away for a day is a member still.
func TestGossipTroubleRemovesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := three(t, 1)
		away := c.Followers()[0]
		c.Kill(away)
		sleep(t, time.Hour)
		if got := roles(c); len(got) != 3 {
			t.Fatalf("members: %v", got)
		}
		c.Restart(away)
		c.Eventually("the node to catch up", func() bool { return readable(t, c, away) })
	})
}

// TestAWipedVoterIsANewNode, which is kept out until the old one is removed:
// it must neither vote nor be counted in the old one's place.
func TestAWipedVoterIsANewNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := three(t, 1)
		n := c.Followers()[0]
		old := n.R().ID()
		c.Kill(n)
		c.Wipe(n)
		c.Restart(n)
		sleep(t, time.Minute)
		for _, m := range c.Leader().R().Nodes() {
			if m.ID == n.R().ID() {
				t.Fatal("a node with the name and address of another was taken in")
			}
		}
		if s := n.R().Status(); s.LastIndex != 0 || s.Term != 0 {
			t.Fatalf("the wiped node took part under its old id: %+v", s)
		}
		if err := c.Leader().R().RemoveNode(t.Context(), old); err != nil {
			t.Fatal(err)
		}
		c.Eventually("the new node to vote", func() bool { return roles(c)[n.Name] == cluster.Voter && len(roles(c)) == 3 })
	})
}

func TestASnapshotBringsALateNodeUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clustertest.Start(t, clustertest.Options{Nodes: 3, Raft: cluster.RaftOptions{
			SnapshotInterval: time.Second, SnapshotThreshold: 50, TrailingLogs: 4200,
		}})
		limitOf(t, c, "db", 1)
		late := c.Followers()[0]
		c.Kill(late)
		for range 5000 {
			op(t, c, "", &command.Tick{}, 0)
		}
		sleep(t, 10*time.Second)
		c.Restart(late)
		c.Eventually("the late node to catch up", func() bool { return readable(t, c, late) })
		index := op(t, c, "", &command.Verify{}, 0).Index
		want, _, _ := c.Leader().R().Digest(t.Context(), index)
		got, ok, err := late.R().Digest(t.Context(), index)
		if err != nil || !ok || got != want {
			t.Fatalf("the late node's digest is %x, want %x (%v)", got, want, err)
		}
		if late.R().Counters().Restores == 0 {
			t.Fatal("no snapshot was restored: the test tests nothing")
		}
	})
}

func TestABackupIsRestored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := three(t, 2)
		first := granted(t, op(t, c, "a", acquire("db", 0), 0))
		var backup bytes.Buffer
		if err := c.Leader().R().Snapshot(t.Context(), &backup); err != nil {
			t.Fatal(err)
		}
		second := granted(t, op(t, c, "b", acquire("db", 0), 0))
		sleep(t, 10*time.Second)
		before := op(t, c, "", &command.Tick{}, 0).Time

		damaged := append([]byte(nil), backup.Bytes()...)
		damaged[len(damaged)/2] ^= 1
		if err := c.Leader().R().Restore(t.Context(), bytes.NewReader(damaged)); err == nil {
			t.Fatal("a damaged backup was restored")
		}
		if err := c.Leader().R().Restore(t.Context(), bytes.NewReader(backup.Bytes())); err != nil {
			t.Fatal(err)
		}
		third := granted(t, op(t, c, "c", acquire("db", 0), 0))
		if third.Token < first.Token+1<<40 || third.Token <= second.Token {
			t.Fatalf("after the restore token %d, before it %d and %d", third.Token, first.Token, second.Token)
		}
		a := op(t, c, "", &command.Verify{}, 0)
		if a.Time >= before {
			t.Fatalf("cluster time went on from %d to %d over a restore", before, a.Time)
		}
		var sums [][32]byte
		for _, n := range c.Nodes() {
			sum, ok, err := n.R().Digest(t.Context(), a.Index)
			if err != nil || !ok {
				t.Fatalf("%s: %v %v", n.Name, ok, err)
			}
			sums = append(sums, sum)
			if now, ok := n.R().Now(); !ok || now > before {
				t.Fatalf("%s keeps an offset from before the restore: %d", n.Name, now)
			}
		}
		if sums[0] != sums[1] || sums[1] != sums[2] {
			t.Fatalf("the digests differ: %x", sums)
		}
	})
}

// TestRulesComeIntoForceWhenAllKnowThem: a cluster begins with the first rules,
// and goes on to the newest that every member knows (T8).
func TestRulesComeIntoForceWhenAllKnowThem(t *testing.T) {
	rulesAfterAMinute(t, limit.Rules, limit.Rules)
}

func TestNoRulesComeIntoForceWhileOneNodeLacksThem(t *testing.T) { rulesAfterAMinute(t, 1, 1) }

// rulesAfterAMinute starts a cluster in which n2 knows rules up to a version.
func rulesAfterAMinute(t *testing.T, n2, want uint64) {
	synctest.Test(t, func(t *testing.T) {
		c := clustertest.Start(t, clustertest.Options{Nodes: 3, Change: func(n *clustertest.Node, cfg *cluster.Config) {
			if n.Name == "n2" {
				cfg.MaxRules = n2
			}
		}})
		c.Leader()
		sleep(t, time.Minute)
		c.Leader().R().View(func(s *limit.State) {
			if s.Rules() != want {
				t.Fatalf("rules %d are in force", s.Rules())
			}
		})
	})
}

func TestANodeMayMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := three(t, 1)
		n := c.Followers()[0]
		c.Stop(n)
		n.Addr = "elsewhere:7481"
		c.Restart(n)
		c.Eventually("the new address to be taken over", func() bool {
			for _, m := range c.Leader().R().Nodes() {
				if m.Name == n.Name && m.Peer == "elsewhere:7481" && m.Role == cluster.Voter {
					return true
				}
			}
			return false
		})
		c.Kill(c.Leader()) // the node that moved is needed for a majority now
		op(t, c, "", &command.Tick{}, 0)
	})
}
