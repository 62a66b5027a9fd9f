package workload

import (
	"context"
	"sync"
	"time"
)

// finishTime is how long callers may take to finish what they had begun.
const finishTime = 60 * time.Second

// step is a piece of a caller's work: some calls that leave nothing behind. It
// is short, so that callers look in between whether they are to go on.
type step func(ctx context.Context, c *caller)

// crew returns a Run of n callers a lane (unless Env says how many) that repeat
// steps, each what workOf gives it by its place in the lane.
func crew(n int, workOf func(i int) step) func(context.Context, *Env) error {
	return func(ctx context.Context, e *Env) error {
		callers := n
		if e.Callers > 0 {
			callers = e.Callers
		}
		finish, cancel := finishing(ctx)
		defer cancel()
		var group sync.WaitGroup
		for i := range callers * e.lanes() {
			group.Go(func() {
				c, work := newCaller(e, i+1), workOf(i%callers)
				c.lane = i / callers
				for ctx.Err() == nil {
					work(finish, c)
				}
			})
		}
		group.Wait()
		return nil
	}
}

// all gives every caller the same work.
func all(work step) func(int) step { return func(int) step { return work } }

// finishing returns a context that ends finishTime after ctx.
func finishing(ctx context.Context) (context.Context, context.CancelFunc) {
	finish, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		sleep(finish, finishTime)
		cancel()
	})
	return finish, func() { stop(); cancel() }
}
