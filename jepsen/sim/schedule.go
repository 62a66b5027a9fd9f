package sim

import (
	"context"
	"math/rand/v2"
	"time"
)

// Fault is one fault of a schedule.
type Fault struct {
	Kind    string
	At, For time.Duration
}

func schedule(dice *rand.Rand, p Plan) []Fault { return nil }

func (c *Cluster) inject(ctx context.Context) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		<-ctx.Done()
		c.heal()
	}()
	return done
}
