package cluster_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/limitd/limitd/cluster"
	"github.com/limitd/limitd/cluster/clustertest"
	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
)

const chaosSlots = 3

// TestChaos: workers hold slots of one limit while nodes are killed, cut off,
// started again, and asked to hand over. Never more than its slots are held,
// tokens rise, no caller sees an error, nothing leaks, all nodes agree, and
// cluster time never gains on real time.
func TestChaos(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { chaos(t, seed) })
		})
	}
}

func chaos(t *testing.T, seed uint64) {
	c := clustertest.Start(t, clustertest.Options{Nodes: 3 + 2*int(seed%2), Seed: seed, Raft: cluster.RaftOptions{
		SnapshotInterval: 2 * time.Second, SnapshotThreshold: 100, TrailingLogs: 5000,
	}})
	limitOf(t, c, "db", chaosSlots)
	var stop atomic.Bool
	var workers sync.WaitGroup
	h := &holders{start: time.Now()}
	for w := range 12 {
		workers.Go(func() {
			rng := rand.New(rand.NewPCG(seed, uint64(w)))
			for i := 0; !stop.Load(); i++ {
				h.cycle(t, c, rng, fmt.Sprintf("w%d-%d", w, i))
			}
		})
	}
	rng := rand.New(rand.NewPCG(seed, 99))
	for range 25 {
		trouble(t, c, rng)
		sleep(t, time.Duration(rng.Int64N(int64(2*time.Second))))
	}
	for _, n := range c.Nodes() {
		c.Heal(n)
		if n.R() == nil {
			c.Restart(n)
		}
	}
	stop.Store(true)
	workers.Wait()
	settle(t, c)
	t.Logf("%d grants, last token %d", h.grants, h.last)
}

// trouble does one thing to a cluster and keeps a majority running.
func trouble(t *testing.T, c *clustertest.Cluster, rng *rand.Rand) {
	nodes := c.Nodes()
	victim := nodes[rng.IntN(len(nodes))]
	if rng.IntN(2) == 0 {
		victim = c.Leader()
	}
	down := len(nodes) - len(c.Live())
	switch what := rng.IntN(5); {
	case victim.R() == nil:
		c.Restart(victim)
	case down > 0:
		for _, n := range nodes {
			if n.R() == nil {
				c.Restart(n)
			}
		}
	case what == 0:
		c.Kill(victim)
	case what == 1:
		c.Stop(victim)
	case what == 2:
		c.Isolate(victim)
		sleep(t, time.Duration(rng.Int64N(int64(time.Second))))
		c.Heal(victim)
	case what == 3 && victim.R().IsLeader():
		_ = victim.R().Transfer(t.Context(), "") // whether it succeeds is not the point
	default:
		victim.Clock.SetWall(time.Duration(rng.Int64N(int64(2*time.Hour))) - time.Hour)
	}
}

// holders checks who holds what at once.
type holders struct {
	start time.Time

	mu     sync.Mutex
	held   int
	last   uint64
	grants int
	lowest int64 // of cluster time less real time, at a call's start
}

// cycle holds a slot for a moment.
func (h *holders) cycle(t *testing.T, c *clustertest.Cluster, rng *rand.Rand, id string) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	called := int64(time.Since(h.start))
	o := acquire("db", time.Minute)
	a, err := c.Run(ctx, command.Command{Header: command.Header{ID: id}, Op: o}, time.Minute)
	if err != nil {
		t.Errorf("%s: %v", id, err)
		return
	}
	g, ok := a.Result.(*command.Granted)
	if !ok {
		t.Errorf("%s: %#v", id, a.Result)
		return
	}
	h.take(t, a, g.Token, called)
	timer := time.NewTimer(time.Duration(rng.Int64N(int64(200 * time.Millisecond))))
	<-timer.C
	h.mu.Lock()
	h.held--
	h.mu.Unlock()
	if _, err := c.Run(ctx, command.Command{Op: &command.Release{Token: g.Token}}, 0); err != nil {
		t.Errorf("release %s: %v", id, err)
	}
}

func (h *holders) take(t *testing.T, a cluster.Answer, token uint64, called int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.held++; h.held > chaosSlots {
		t.Errorf("%d hold %d slots", h.held, chaosSlots)
	}
	h.last = max(h.last, token)
	h.grants++
	if gained := a.Time - int64(time.Since(h.start)); h.grants > 1 && gained > h.lowest {
		t.Errorf("cluster time gained %v on real time", time.Duration(gained-h.lowest))
	}
	if before := a.Time - called; h.grants == 1 || before < h.lowest {
		h.lowest = before
	}
}

// settle checks a healed cluster in which nobody holds anything.
func settle(t *testing.T, c *clustertest.Cluster) {
	t.Helper()
	a := op(t, c, "", &command.Verify{}, 0)
	var sums [][32]byte
	for _, n := range c.Nodes() {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		sum, ok, err := n.R().Digest(ctx, a.Index)
		cancel()
		if err != nil || !ok {
			t.Fatalf("%s: no digest at %d: %v %v", n.Name, a.Index, ok, err)
		}
		sums = append(sums, sum)
		n.R().View(func(s *limit.State) {
			if l, _ := s.Limit("db"); l.Occupied != 0 || s.Counts().Leases != 0 || s.Counts().Waiters != 0 {
				t.Errorf("%s: %d occupied, %+v", n.Name, l.Occupied, s.Counts())
			}
		})
	}
	for _, sum := range sums {
		if sum != sums[0] {
			t.Fatalf("the nodes differ: %x", sums)
		}
	}
}
