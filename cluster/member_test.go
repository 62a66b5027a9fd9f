package cluster_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
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

// TestANodeOutOfReachIsNotTakenIn: gossip tells of it, and it does not answer at
// its peer address.
func TestANodeOutOfReachIsNotTakenIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := three(t, 1)
		n := c.Add()
		c.Isolate(n)
		sleep(t, 10*time.Second)
		if got := roles(c); len(got) != 3 {
			t.Fatalf("members: %v", got)
		}
		report, err := c.Leader().R().Autopilot(t.Context())
		if err != nil || len(report.Outside) != 1 || !strings.Contains(report.Outside[0].Why, "does not reach it at its peer address "+string(n.Addr)) {
			t.Fatalf("outside: %+v, %v", report.Outside, err)
		}
		c.Kill(c.Leader())
		if _, err := c.Leader().R().Autopilot(t.Context()); err != nil { // its first look is still under way
			t.Fatal(err)
		}
		c.Heal(n)
		c.Eventually("the fourth voter", func() bool { return roles(c)["n4"] == cluster.Voter })
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

// TestNewcomersFoundNothingWhileTheClusterIsDown, though there are as many of
// them as it takes, and each is told to.
func TestNewcomersFoundNothingWhileTheClusterIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := three(t, 1)
		founders := c.Nodes()
		for _, n := range founders {
			c.Kill(n)
		}
		for range 3 {
			c.Add()
		}
		sleep(t, 10*time.Second)
		for _, n := range c.Live() {
			c.Stop(n)
			c.Restart(n)
		}
		sleep(t, 10*time.Second)
		for _, n := range c.Live() {
			if s := n.R().Status(); s.LastIndex != 0 || s.Term != 0 {
				t.Errorf("%s is part of a second cluster: %+v", n.Name, s)
			}
		}
		for _, n := range founders {
			c.Restart(n)
		}
		c.Eventually("six voters", func() bool { return len(roles(c)) == 6 })
	})
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

// TestAVoterThatIsNeededStays: without it too few would be there to agree, and
// nothing could be undone.
func TestAVoterThatIsNeededStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := three(t, 1)
		fs := c.Followers()
		c.Kill(fs[0])
		sleep(t, time.Second)
		err := c.Leader().R().RemoveNode(t.Context(), fs[1].Name)
		if !errors.Is(err, cluster.ErrTooFewVoters) || !strings.Contains(err.Error(), fs[0].Name) || len(roles(c)) != 3 {
			t.Fatalf("%v; members: %v", err, roles(c))
		}
		if err := c.Leader().R().RemoveNode(t.Context(), fs[0].Name); err != nil {
			t.Fatalf("the one that is down: %v", err)
		}
		if err := c.Leader().R().RemoveNode(t.Context(), fs[1].Name); err != nil {
			t.Fatalf("one of two that are there: %v", err)
		}
		op(t, c, "", &command.Tick{}, 0)
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

// TestAfterARestoreNothingIsGranted until the longest lease that the backup lacks
// must have ended, or an operator says that no older holder is at work. A leader
// that is lost meanwhile changes nothing.
func TestAfterARestoreNothingIsGranted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := three(t, 1)
		var backup bytes.Buffer
		if err := c.Leader().R().Snapshot(t.Context(), &backup); err != nil {
			t.Fatal(err)
		}
		lost := granted(t, op(t, c, "lost", acquire("db", 0), 0))
		if err := c.Leader().R().Restore(t.Context(), bytes.NewReader(backup.Bytes()), 30*time.Second); err != nil {
			t.Fatal(err)
		}
		if a := op(t, c, "a", acquire("db", 0), 0); !isDenied(a) {
			t.Fatalf("in the quarantine: %+v", a.Result)
		}
		c.Kill(c.Leader())
		sleep(t, 10*time.Second)
		if a := op(t, c, "b", acquire("db", 0), 0); !isDenied(a) {
			t.Fatalf("under the next leader: %+v", a.Result)
		}
		sleep(t, 30*time.Second)
		if g := granted(t, op(t, c, "c", acquire("db", 0), 0)); g.Token < lost.Token+1<<40 {
			t.Errorf("token %d after %d", g.Token, lost.Token)
		}
		if err := c.Leader().R().Restore(t.Context(), bytes.NewReader(backup.Bytes()), 24*time.Hour); err != nil {
			t.Fatal(err)
		}
		if a := op(t, c, "d", acquire("db", 0), 0); !isDenied(a) {
			t.Fatalf("in the second quarantine: %+v", a.Result)
		}
		op(t, c, "", &command.EndQuarantine{}, 0)
		granted(t, op(t, c, "e", acquire("db", 0), 0))
	})
}

func isDenied(a cluster.Answer) bool {
	_, denied := a.Result.(*command.Denied)
	return denied
}

// TestTwoRestoresAtOnce: one that comes while the leader of another is cut off for a
// moment waits no longer than its caller does; and not for a lock, over which a
// bubble's time would stand still.
func TestTwoRestoresAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := three(t, 2)
		var backup bytes.Buffer
		leader := c.Leader()
		if err := leader.R().Snapshot(t.Context(), &backup); err != nil {
			t.Fatal(err)
		}
		upload, client := io.Pipe()
		impatient, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
		defer cancel()
		var first, second error
		var all sync.WaitGroup
		all.Go(func() { second = leader.R().Restore(impatient, upload, 0) })
		synctest.Wait() // it has found the leader, and reads
		c.Isolate(leader)
		all.Go(func() { first = leader.R().Restore(t.Context(), bytes.NewReader(backup.Bytes()), 0) })
		synctest.Wait()
		all.Go(func() {
			_, err := client.Write(backup.Bytes())
			_ = client.CloseWithError(err)
		})
		sleep(t, 10*time.Millisecond)
		c.Heal(leader)
		all.Wait()
		if first != nil || !errors.Is(second, cluster.ErrNoLeader) || !errors.Is(second, context.DeadlineExceeded) {
			t.Errorf("the first: %v; the second: %v", first, second)
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
		if err := c.Leader().R().Restore(t.Context(), bytes.NewReader(damaged), 0); err == nil {
			t.Fatal("a damaged backup was restored")
		}
		if err := c.Leader().R().Restore(t.Context(), bytes.NewReader(backup.Bytes()), 0); err != nil {
			t.Fatal(err)
		}
		third := granted(t, op(t, c, "c", acquire("db", 0), 0))
		if third.Token < first.Token+1<<40 || third.Token <= second.Token {
			t.Fatalf("after the restore token %d, before it %d and %d", third.Token, first.Token, second.Token)
		}
		if err := c.Leader().R().Restore(t.Context(), bytes.NewReader(backup.Bytes()), 0); err != nil {
			t.Fatal(err)
		}
		if fourth := granted(t, op(t, c, "d", acquire("db", 0), 0)); fourth.Token <= third.Token {
			t.Fatalf("after the second restore token %d, before it %d", fourth.Token, third.Token)
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

// TestABackupThatComesSlowly: another one is restored meanwhile, behind which tokens
// have gone on by the time that it is all there.
func TestABackupThatComesSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := three(t, 2)
		var backup bytes.Buffer
		if err := c.Leader().R().Snapshot(t.Context(), &backup); err != nil {
			t.Fatal(err)
		}
		leader, done := c.Leader().R(), make(chan error)
		slow, rest := io.Pipe()
		go func() { done <- leader.Restore(t.Context(), slow, 0) }()
		if _, err := rest.Write(backup.Bytes()[:10]); err != nil {
			t.Fatal(err)
		}
		if err := leader.Restore(t.Context(), bytes.NewReader(backup.Bytes()), 0); err != nil {
			t.Fatal(err)
		}
		between := granted(t, op(t, c, "a", acquire("db", 0), 0))
		if _, err := rest.Write(backup.Bytes()[10:]); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(rest.Close(), <-done); err != nil {
			t.Fatal(err)
		}
		if next := granted(t, op(t, c, "b", acquire("db", 0), 0)); next.Token <= between.Token {
			t.Errorf("token %d after the second restore, and %d before", next.Token, between.Token)
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

// TestNewRecordsWaitForTheirRules: a record of a kind that a member may not know
// is refused without being proposed, for that member would have to stop over it.
func TestNewRecordsWaitForTheirRules(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clustertest.Start(t, clustertest.Options{Nodes: 3, Change: func(n *clustertest.Node, cfg *cluster.Config) {
			if n.Name == "n2" {
				cfg.MaxRules = command.KindEndQuarantine.Rules() - 1
			}
		}})
		leader := c.Leader()
		sleep(t, time.Minute)
		before := op(t, c, "", &command.Tick{}, 0)
		end := command.Encode(command.Command{Op: &command.EndQuarantine{}})
		a, err := leader.R().Run(t.Context(), end, 0)
		if p, ok := a.Result.(*command.Problem); err != nil || !ok || p.Code != command.CodeNotInForce || a.Index != before.Index {
			t.Fatalf("after index %d: %#v at %d, %v", before.Index, a.Result, a.Index, err)
		}
		if after := op(t, c, "", &command.Tick{}, 0); after.Index != before.Index+1 {
			t.Fatalf("the log went from %d to %d", before.Index, after.Index)
		}
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
