package workload

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/limitd/limitd/jepsen/history"
)

// caller is one client that speaks raw HTTP. It is used by one goroutine.
type caller struct {
	env    *Env
	number int // in the history
	lane   int // from 0
	chance *rand.Rand
	ids    int
}

func newCaller(e *Env, number int) *caller {
	return &caller{env: e, number: number, chance: e.Rand(number)}
}

// twin is how far the numbers of a caller's other selves are apart: those that
// call while its own call is open.
const twin = 1000

// other returns the caller's k-th other self, with chance of its own.
func (c *caller) other(k int) *caller {
	o := &caller{env: c.env, number: c.number + k*twin, lane: c.lane}
	o.chance = rand.New(rand.NewPCG(c.chance.Uint64(), uint64(o.number)))
	return o
}

// newID returns an id that nobody else makes.
func (c *caller) newID() string {
	c.ids++
	return fmt.Sprintf("s%x-c%d-%d", c.env.Seed, c.number, c.ids)
}

// Pauses between the tries of one call.
const (
	shortestPause = 10 * time.Millisecond
	longestPause  = 500 * time.Millisecond
)

// do makes one call: it sends q to one node after the other, under the same
// id, until there is a definite answer, its patience is over (since it was last
// told to wait, and somewhat more altogether), or ctx ends. It returns the call
// as it was recorded.
func (c *caller) do(ctx context.Context, op history.Op, q request) history.Op {
	op.Client = c.number
	op = c.env.Record.Call(op)
	op.Outcome = history.Refused
	node := c.chance.IntN(len(c.env.URLs))
	heard := op.Call // when the id was first sent, or last known to be known
	for pause := shortestPause; ; pause = min(2*pause, longestPause) {
		op.Tries++
		switch v := c.try(ctx, &op, q, node); v {
		case settled:
			c.env.Record.Return(op)
			return op
		case queued:
			heard, pause = c.env.Record.Now(), shortestPause
		}
		now, patience := c.env.Record.Now(), c.env.patience()
		over := now-heard > patience || now-op.Call > op.Wait+2*patience
		if over || ctx.Err() != nil || !c.pause(ctx, pause) {
			c.giveUp(&op)
			return op
		}
		node = c.next(node)
	}
}

// giveUp records that the caller goes on without an answer.
func (c *caller) giveUp(op *history.Op) {
	if op.Astray > 0 || op.Queued > 0 {
		op.Outcome = history.Unknown
	}
	c.env.Record.Return(*op)
}

// next returns another node than the last, where there is one; now and then
// the same.
func (c *caller) next(node int) int {
	if n := len(c.env.URLs); n > 1 && c.chance.IntN(8) > 0 {
		return (node + 1 + c.chance.IntN(n-1)) % n
	}
	return node
}

// pause sleeps for half of d and some more, or until ctx ends, which it tells.
func (c *caller) pause(ctx context.Context, d time.Duration) bool {
	return sleep(ctx, d/2+c.upTo(d/2))
}

// sleep sleeps for d, or until ctx ends; it tells whether it slept enough.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// upTo returns a random duration from 0 to most.
func (c *caller) upTo(most time.Duration) time.Duration {
	return time.Duration(c.chance.Int64N(int64(most) + 1))
}

// between returns a random duration from least to most.
func (c *caller) between(least, most time.Duration) time.Duration {
	return least + c.upTo(most-least)
}

// oneIn tells true in one of n cases.
func (c *caller) oneIn(n int) bool { return c.chance.IntN(n) == 0 }

// pick returns one of list.
func pick[T any](c *caller, list ...T) T { return list[c.chance.IntN(len(list))] }
