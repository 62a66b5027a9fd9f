package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/limitd/limitd/cluster"
	"github.com/limitd/limitd/cluster/clustertest"
	"github.com/limitd/limitd/fsm"
	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
)

func granted(t *testing.T, a fsm.Answer) *command.Granted {
	t.Helper()
	g, ok := a.Result.(*command.Granted)
	if !ok {
		t.Fatalf("not granted: %#v", a.Result)
	}
	return g
}

// three starts a cluster of three nodes with a limit "db" of the given slots.
func three(t *testing.T, slots int64) *clustertest.Cluster {
	t.Helper()
	c := clustertest.Start(t, clustertest.Options{Nodes: 3})
	limitOf(t, c, "db", slots)
	return c
}

func TestALeaseOutlivesItsLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := three(t, 1)
		first := granted(t, op(t, c, "a", acquire("db", 0), 0))
		c.Kill(c.Leader())
		again := granted(t, op(t, c, "a", acquire("db", 0), 0))
		if again.Token != first.Token || !again.Replayed {
			t.Fatalf("the same id got %+v, want token %d again", again, first.Token)
		}
		if _, denied := op(t, c, "b", acquire("db", 0), 0).Result.(*command.Denied); !denied {
			t.Fatal("a second holder after the failover")
		}
	})
}

// TestTheQueueOutlivesItsLeader: calls that wait through a leader change are
// granted in the order in which they came.
func TestTheQueueOutlivesItsLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := three(t, 1)
		holder := granted(t, op(t, c, "holder", acquire("db", 0), 0))
		const waiters = 20
		order := make(chan int, waiters)
		var done sync.WaitGroup
		defer done.Wait()
		for i := range waiters {
			done.Go(func() {
				id := fmt.Sprintf("w%d", i)
				g := granted(t, op(t, c, id, acquire("db", time.Minute), time.Minute))
				order <- i
				op(t, c, "", &command.Release{Token: g.Token}, 0)
			})
			synctest.Wait()
			c.Eventually("the waiter to stand in the queue", func() bool { return waiting(c.Leader(), "db") == i+1 })
		}
		c.Kill(c.Leader())
		c.Leader()
		op(t, c, "", &command.Release{Token: holder.Token}, 0)
		for i := range waiters {
			if got := <-order; got != i {
				t.Fatalf("waiter %d was granted at place %d", got, i)
			}
		}
	})
}

// waiting returns the length of a limit's queue as n sees it.
func waiting(n *clustertest.Node, name string) (count int) {
	n.R().View(func(s *limit.State) {
		q, _ := s.Queue(name, 0, 1000)
		count = len(q)
	})
	return count
}

func TestALeaderThatDiesLeavesNoCallInTheDark(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := three(t, 1000)
		const callers = 50
		tokens := make(chan uint64, callers)
		for i := range callers {
			go func() { tokens <- granted(t, op(t, c, fmt.Sprintf("c%d", i), acquire("db", 0), 0)).Token }()
		}
		timer := time.NewTimer(300 * time.Microsecond) // the entries have left, the answers have not come
		<-timer.C
		c.Kill(c.Leader())
		seen := make(map[uint64]bool)
		for range callers {
			token := <-tokens
			if seen[token] {
				t.Fatalf("token %d was given twice", token)
			}
			seen[token] = true
		}
		l := c.Leader()
		l.R().View(func(s *limit.State) {
			if got := s.Counts().Leases; got != callers {
				t.Fatalf("%d leases for %d callers", got, callers)
			}
		})
	})
}

func TestADeposedLeaderAnswersNothingNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := three(t, 1)
		old := c.Leader()
		c.Isolate(old)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		// It still believes that it leads, for as long as its lease.
		if _, err := old.R().ReadIndex(ctx); !errors.Is(err, cluster.ErrOutcomeUnknown) && !errors.Is(err, cluster.ErrNotLeader) && !errors.Is(err, cluster.ErrNoLeader) {
			t.Fatalf("a read at a leader without a majority: %v", err)
		}
		if _, err := old.R().Run(ctx, command.Encode(command.Command{Op: &command.Read{}}), 0); !errors.Is(err, cluster.ErrNoLeader) && !errors.Is(err, cluster.ErrNotLeader) {
			t.Fatalf("a record at a node that knows no leader: %v", err)
		}
		var fresh *clustertest.Node
		c.Eventually("another leader", func() bool { fresh = c.Leader(); return fresh != old })
		op(t, c, "", &command.UpdateLimit{Name: "db", Slots: ptr(int64(7))}, 0)
		c.Heal(old)
		index, err := fresh.R().ReadIndex(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := old.R().AwaitApplied(ctx, index); err != nil {
			t.Fatal(err)
		}
		old.R().View(func(s *limit.State) {
			if l, _ := s.Limit("db"); l.Settings.Slots != 7 {
				t.Fatalf("a linearizable read shows %d slots, want 7", l.Settings.Slots)
			}
		})
	})
}

func ptr[T any](v T) *T { return &v }

func TestTransferHandsOverWithinMilliseconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := three(t, 1)
		old := c.Leader()
		to := c.Followers()[0]
		start := time.Now()
		if err := old.R().Transfer(t.Context(), to.Name); err != nil {
			t.Fatal(err)
		}
		c.Eventually("the new leader to be open", to.R().IsLeader)
		if took := time.Since(start); took > 50*time.Millisecond {
			t.Fatalf("handing over took %v", took)
		}
		if n, ok := old.R().Leader(); !ok || n.Name != to.Name || n.HTTP == "" {
			t.Fatalf("the old leader names %+v", n)
		}
	})
}

// TestTransferThatCannotBe is refused at once, and says why.
func TestTransferThatCannotBe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clustertest.Start(t, clustertest.Options{Nodes: 3, Change: func(n *clustertest.Node, cfg *cluster.Config) {
			cfg.Node.NonVoter = n.Name == "n4"
		}})
		l := c.Leader()
		follower := c.Add()
		c.Eventually("the node to be taken in", func() bool { return readable(t, c, follower) })
		dead := c.Followers()[0]
		c.Kill(dead)
		sleep(t, time.Second)
		for name, want := range map[string]error{
			l.Name: nil, dead.Name: cluster.ErrNoSuccessor, "n4": cluster.ErrNoSuccessor, "n9": cluster.ErrNoSuchNode,
		} {
			start := time.Now()
			if err := l.R().Transfer(t.Context(), name); !errors.Is(err, want) || time.Since(start) > time.Millisecond {
				t.Errorf("to %s: %v after %v, want %v at once", name, err, time.Since(start), want)
			}
		}
		if !l.R().IsLeader() {
			t.Error("the leadership was lost")
		}
	})
}

func TestALeaderAloneHasNoSuccessor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := clustertest.Start(t, clustertest.Options{Nodes: 1}).Leader()
		if err := l.R().Transfer(t.Context(), ""); !errors.Is(err, cluster.ErrNoSuccessor) {
			t.Errorf("%v", err)
		}
	})
}

// TestClosingALeaderStopsNobody: calls go on through a leader's SIGTERM.
func TestClosingALeaderStopsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := three(t, 1)
		worst := make(chan time.Duration)
		stop := make(chan struct{})
		go func() {
			var max time.Duration
			for i := 0; ; i++ {
				select {
				case <-stop:
					worst <- max
					return
				default:
				}
				start := time.Now()
				g := granted(t, op(t, c, fmt.Sprintf("c%d", i), acquire("db", 0), 0))
				op(t, c, "", &command.Release{Token: g.Token}, 0)
				if d := time.Since(start); d > max {
					max = d
				}
			}
		}()
		timer := time.NewTimer(100 * time.Millisecond)
		<-timer.C
		old := c.Leader()
		c.Stop(old)
		timer.Reset(100 * time.Millisecond)
		<-timer.C
		close(stop)
		if d := <-worst; d > 50*time.Millisecond {
			t.Fatalf("the longest call took %v", d)
		}
		c.Restart(old)
		c.Eventually("the old leader to be back", func() bool { return len(old.R().Nodes()) == 3 })
	})
}
