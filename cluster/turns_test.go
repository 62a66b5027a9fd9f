package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
)

// crowd has callers wait for turns, and notes the order of their coming in.
type crowd struct {
	t     *testing.T
	turns *turns
	in    []string
	ctx   context.Context
}

// come has a caller wait, and returns when it does.
func (c *crowd) come(name string, first bool, limit string) {
	go func() {
		if err := c.turns.enter(c.ctx, first, limit); err == nil {
			c.in = append(c.in, name) // one at a time: the turns have room for one
		}
	}()
	synctest.Wait()
}

// leave ends turns until nobody waits.
func (c *crowd) leave() {
	for waiting, _ := c.turns.state(); waiting > 0; waiting, _ = c.turns.state() {
		c.turns.leave()
		synctest.Wait()
	}
}

func newCrowd(t *testing.T, queue int) *crowd {
	c := &crowd{t: t, turns: newTurns(1, queue), ctx: t.Context()}
	c.come("first", false, "a")
	return c
}

func TestTurnsAreSharedByLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, 100)
		for i := range 20 {
			c.come(fmt.Sprint("flood", i), false, "flood")
		}
		c.come("other0", false, "other")
		c.come("other1", false, "other")
		c.leave()
		want := []string{"first", "flood0", "other0", "flood1", "other1", "flood2"}
		if !slices.Equal(c.in[:6], want) || len(c.in) != 23 || c.in[22] != "flood19" {
			t.Errorf("in came %v", c.in)
		}
	})
}

func TestReleasesGoBeforeAcquires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, 8)
		for i := range 2 {
			c.come(fmt.Sprint("acquire", i), false, fmt.Sprint(i))
		}
		c.come("release0", true, "")
		c.come("release1", true, "")
		c.leave()
		if want := []string{"first", "release0", "release1", "acquire0", "acquire1"}; !slices.Equal(c.in, want) {
			t.Errorf("in came %v", c.in)
		}
	})
}

func TestTurnsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, 8)
		enter := func(first bool, limit string) error { return c.turns.enter(c.ctx, first, limit) }
		for range 2 {
			c.come("a", false, "a")
		}
		if err := enter(false, "a"); !errors.Is(err, ErrOverloaded) {
			t.Errorf("a limit fills more than a quarter: %v", err)
		}
		for i := range 6 {
			c.come("other", false, fmt.Sprint(i))
		}
		if err := enter(false, "new"); !errors.Is(err, ErrOverloaded) {
			t.Errorf("an acquire beyond the queue: %v", err)
		}
		c.come("release", true, "") // still has room
		if waiting, refused := c.turns.state(); waiting != 9 || refused != 2 {
			t.Errorf("%d wait, %d were refused", waiting, refused)
		}
		c.leave()
		if c.in[1] != "release" || len(c.in) != 10 {
			t.Errorf("in came %v", c.in)
		}
	})
}

func TestWhoGivesUpLosesNoTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, 8)
		all := c.ctx
		ctx, cancel := context.WithCancel(all)
		c.ctx = ctx
		c.come("impatient", false, "a")
		c.ctx = all
		c.come("patient", false, "b")
		cancel()
		synctest.Wait()
		c.leave()
		if want := []string{"first", "patient"}; !slices.Equal(c.in, want) {
			t.Errorf("in came %v", c.in)
		}
		c.turns.leave()
		if err := c.turns.enter(all, false, "a"); err != nil { // all turns were given back
			t.Error(err)
		}
	})
}
