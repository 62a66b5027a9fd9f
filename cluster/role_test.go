package cluster_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/limitd/limitd/cluster"
	"github.com/limitd/limitd/cluster/clustertest"
	"github.com/limitd/limitd/fsm/command"
)

// calm is a cluster whose leaders do as they do in production.
func calm(t *testing.T, nodes int, a cluster.Autopilot, nonvoters ...string) *clustertest.Cluster {
	c := clustertest.Start(t, clustertest.Options{Nodes: nodes, Change: func(n *clustertest.Node, cfg *cluster.Config) {
		cfg.Autopilot = a
		for _, name := range nonvoters {
			cfg.Node.NonVoter = cfg.Node.NonVoter || n.Name == name
		}
	}})
	c.Leader()
	return c
}

func TestANewNodeWaitsForItsVote(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := calm(t, 3, cluster.Autopilot{Stabilization: 10 * time.Second})
		n := c.Add()
		c.Eventually("the node to be taken in", func() bool { return readable(t, c, n) })
		sleep(t, 5*time.Second)
		report, err := c.Leader().R().Autopilot(t.Context())
		if err != nil || len(report.Members) != 4 || report.Voters != 3 || report.Tolerance != 1 {
			t.Fatalf("%+v %v", report, err)
		}
		if h := report.Members[3]; h.Role != cluster.NonVoter || !h.Healthy || !strings.Contains(h.Plan, "gets a vote in") {
			t.Fatalf("after five seconds: %+v", h)
		}
		sleep(t, 10*time.Second)
		if got := roles(c)["n4"]; got != cluster.Voter {
			t.Fatalf("after fifteen seconds n4 is a %s", got)
		}
	})
}

// TestTheDeadAreCleanedUp down to the declared quorum, and no further.
func TestTheDeadAreCleanedUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := calm(t, 5, cluster.Autopilot{Cleanup: true, DeadAfter: 20 * time.Second, MinQuorum: 3})
		fs := c.Followers()
		sleep(t, time.Second) // all know their cluster
		c.Kill(fs[0])
		sleep(t, 15*time.Second)
		if len(roles(c)) != 5 {
			t.Fatalf("removed too early: %v", roles(c))
		}
		sleep(t, 10*time.Second)
		c.Kill(fs[1])
		if len(roles(c)) != 4 {
			t.Fatalf("the dead node is a member still: %v", roles(c))
		}
		sleep(t, 25*time.Second)
		c.Kill(fs[2])
		sleep(t, 40*time.Second)
		if len(roles(c)) != 3 {
			t.Fatalf("the declared quorum is three: %v", roles(c))
		}
		c.Restart(fs[0])
		c.Restart(fs[1])
		c.Eventually("both to vote again, in place of the third", func() bool {
			now := roles(c)
			return len(now) == 4 && now[fs[0].Name] == cluster.Voter && now[fs[1].Name] == cluster.Voter
		})
	})
}

func TestANonVoterIsPromotedAndDemoted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := calm(t, 3, cluster.Autopilot{}, "n4")
		n := c.Add()
		c.Eventually("the node to be taken in", func() bool { return readable(t, c, n) })
		set := func(name string, role cluster.Role) error { return c.Leader().R().SetRole(t.Context(), name, role) }
		c.Eventually("the node to be promoted", func() bool { return set("n4", cluster.Voter) == nil })
		if err := set("n4", cluster.Voter); err != nil {
			t.Fatalf("once more: %v", err)
		}
		sleep(t, 5*time.Second)
		c.Kill(c.Leader()) // the next one leaves it its vote
		op(t, c, "", &command.Tick{}, 0)
		sleep(t, 5*time.Second)
		if got := roles(c)["n4"]; got != cluster.Voter {
			t.Fatalf("n4 is a %s", got)
		}
		if c.Leader() == n { // it hands over first
			if err := set("n4", cluster.NonVoter); !errors.Is(err, cluster.ErrNotLeader) {
				t.Fatal(err)
			}
		}
		if err := set("n4", cluster.NonVoter); err != nil {
			t.Fatal(err)
		}
		sleep(t, 5*time.Second)
		if got := roles(c)["n4"]; got != cluster.NonVoter {
			t.Fatalf("n4 is a %s", got)
		}
	})
}

func TestWhoseRoleIsNotChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := calm(t, 3, cluster.Autopilot{}, "n4")
		n := c.Add()
		c.Eventually("the node to be taken in", func() bool { return readable(t, c, n) })
		refused := func(name string, role cluster.Role, want error, text string) {
			t.Helper()
			err := c.Leader().R().SetRole(t.Context(), name, role)
			if !errors.Is(err, want) || !strings.Contains(err.Error(), text) {
				t.Fatalf("%s as %s: %v", name, role, err)
			}
		}
		refused("n9", cluster.Voter, cluster.ErrNoSuchNode, "n9")
		refused(c.Leader().Name, cluster.NonVoter, cluster.ErrRole, `role = "nonvoter"`)
		c.Kill(n)
		sleep(t, 10*time.Second)
		refused("n4", cluster.Voter, cluster.ErrRole, "has not answered for")
	})
}

// TestANodeThatIsToVoteIsNotDemoted, as long as it has no vote yet: it gets one soon.
func TestANodeThatIsToVoteIsNotDemoted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := calm(t, 3, cluster.Autopilot{Stabilization: time.Minute}, "n5")
		newcomer, nonvoter := c.Add(), c.Add()
		c.Eventually("both to be taken in", func() bool { return readable(t, c, newcomer) && readable(t, c, nonvoter) })
		if err := c.Leader().R().SetRole(t.Context(), "n4", cluster.NonVoter); !errors.Is(err, cluster.ErrRole) || !strings.Contains(err.Error(), `role = "nonvoter"`) {
			t.Errorf("demote n4: %v", err)
		}
		if err := c.Leader().R().SetRole(t.Context(), "n5", cluster.NonVoter); err != nil {
			t.Errorf("demote n5: %v", err)
		}
	})
}

// TestMembersOfOneNameAreTold apart by their ids, and the log complains.
func TestMembersOfOneNameAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log lines
		c := clustertest.Start(t, clustertest.Options{Nodes: 3, Change: func(n *clustertest.Node, cfg *cluster.Config) {
			if n.Name != "n1" {
				cfg.Node.Name = "same"
			}
			cfg.Logger = hclog.New(&hclog.LoggerOptions{Level: hclog.Error, Output: &log})
		}})
		err := c.Leader().R().RemoveNode(t.Context(), "same")
		if !errors.Is(err, cluster.ErrSameName) {
			t.Fatalf("remove: %v", err)
		}
		sleep(t, time.Second)
		nodes := c.Leader().R().Nodes()
		for i, label := range cluster.Labels(nodes) {
			n := nodes[i]
			if n.Name == "n1" {
				if label != "n1" {
					t.Errorf("n1 is %q", label)
				}
				continue
			}
			if label != "same ("+n.ID+")" || !strings.Contains(err.Error(), n.ID+" at "+n.Peer) || !strings.Contains(log.String(), n.ID) {
				t.Errorf("%s: label %q, refusal %v, log %s", n.ID, label, err, log.String())
			}
		}
		if strings.Count(log.String(), "members have the same name") != 3 {
			t.Errorf("each node says it once: %s", log.String())
		}
	})
}

// lines is a log that several nodes write.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// TestANodeThatFoundsNothingSaysWhatItWaitsFor, for those who ask whether it is ready.
func TestANodeThatFoundsNothingSaysWhatItWaitsFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := calm(t, 3, cluster.Autopilot{}, "n4")
		n := c.Add()
		c.Isolate(n)
		sleep(t, 5*time.Second)
		if got := strings.Join(n.R().Ready(), "\n"); !strings.Contains(got, "not a member of the cluster yet: this node founds none, and waits to be added by the leader of n1, n2, n3") {
			t.Errorf("ready: %s", got)
		}
	})
}

// TestALeaderThatMoved, with nobody beside it, is in the configuration as it is.
func TestALeaderThatMoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clustertest.Start(t, clustertest.Options{Nodes: 1})
		n := c.Leader()
		c.Stop(n)
		n.Addr = "elsewhere:7481"
		c.Restart(n)
		c.Eventually("the address to be taken over", func() bool { return c.Leader().R().Nodes()[0].Peer == "elsewhere:7481" })
	})
}
