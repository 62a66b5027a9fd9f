package forward

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/limitd/limitd/cluster"
	"github.com/limitd/limitd/fsm/limit"
)

func (c *trio) read(node string, stale bool) (p Position, seen int, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	p, err = c.nodes[node].Read(ctx, stale, func(*limit.State) { seen++ })
	return p, seen, err
}

func TestReadOnEveryNode(t *testing.T) {
	inTrio(t, func(t *testing.T, c *trio) {
		for _, node := range []string{"n1", "n2"} {
			if p, seen, err := c.read(node, false); err != nil || seen != 1 || p.Age != 0 {
				t.Errorf("%s: %+v, seen %d, %v", node, p, seen, err)
			}
		}
	})
}

func TestStaleReadNeedsNoLeader(t *testing.T) {
	inTrio(t, func(t *testing.T, c *trio) {
		c.log.setLeader("")
		p, seen, err := c.read("n2", true)
		if err != nil || seen != 1 || p.Age != 5*time.Second { // the clock says 5 s, the state 0
			t.Errorf("%+v, seen %d, %v", p, seen, err)
		}
		if _, seen, err := c.read("n2", false); !errors.Is(err, ErrNoLeader) || seen != 0 {
			t.Errorf("a linearizable read without a leader: seen %d, %v", seen, err)
		}
	})
}

// A read's record whose fate is unknown did no harm: the error says so.
func TestReadHasNoEffect(t *testing.T) {
	for _, node := range []string{"n1", "n2"} {
		inTrio(t, func(t *testing.T, c *trio) {
			c.replicas["n1"].set(func(string) error { return cluster.ErrOutcomeUnknown }, nil)
			if _, _, err := c.read(node, false); !errors.Is(err, ErrNoLeader) || errors.Is(err, ErrOutcomeUnknown) {
				t.Errorf("on %s: %v", node, err)
			}
		})
	}
}

// Reads that come while one is under way share the next one, which is
// proposed after the last of them came.
func TestReadsAreGathered(t *testing.T) {
	inTrio(t, func(t *testing.T, c *trio) {
		leave := make(chan struct{})
		asked := 0
		c.replicas["n1"].set(func(string) error { asked++; <-leave; return nil }, nil)
		var wait sync.WaitGroup
		for range 100 {
			wait.Go(func() {
				if _, _, err := c.read("n2", false); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		close(leave)
		wait.Wait()
		if asked != 2 {
			t.Errorf("100 reads asked the leader %d times, want 2", asked)
		}
	})
}

func TestReadGoesOnAtTheNewLeader(t *testing.T) {
	inTrio(t, func(t *testing.T, c *trio) {
		stuck := make(chan struct{})
		c.replicas["n1"].set(func(string) error { <-stuck; return cluster.ErrNotLeader }, nil)
		done := make(chan error)
		go func() { _, _, err := c.read("n2", false); done <- err }()
		synctest.Wait()
		c.log.setLeader("n3")
		if err := <-done; err != nil {
			t.Error(err)
		}
		close(stuck)
	})
}

func TestReadGivesUpWithItsCaller(t *testing.T) {
	inTrio(t, func(t *testing.T, c *trio) {
		c.log.setLeader("")
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error)
		go func() {
			_, err := c.nodes["n2"].Read(ctx, false, func(*limit.State) {})
			done <- err
		}()
		synctest.Wait()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}
