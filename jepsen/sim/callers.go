package sim

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/limitd/limitd/client"
	"github.com/limitd/limitd/jepsen/workload"
)

// env returns where the callers work.
func (c *Cluster) env() *workload.Env {
	p := pauses{stops: c.plan.CallersStop, dice: rand.New(rand.NewPCG(c.plan.Seed, 0x7061757365))}
	return &workload.Env{
		URLs: c.urls(), HTTP: c.http, Record: c.record, Seed: c.plan.Seed, Callers: c.plan.Callers,
		Clocks: c.clocks, Pause: p.next, Ends: c.ends,
	}
}

// clocks returns the clocks of a caller: they run at a rate of their own.
func (c *Cluster) clocks(i int) func() client.Clocks {
	began, rate := time.Now(), 1+clockError*float64(i%3-1)
	return func() client.Clocks {
		passed := int64(float64(time.Since(began)) * rate)
		return client.Clocks{passed, passed}
	}
}

// pauses stops callers now and then, as if their processes were.
type pauses struct {
	stops bool

	mu   sync.Mutex
	dice *rand.Rand // guarded by mu
}

// stopsOneIn is how many times a caller asks until it is stopped.
const stopsOneIn = 60

func (p *pauses) next(int) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.stops || p.dice.IntN(stopsOneIn) > 0 {
		return 0
	}
	return between(p.dice, 50*time.Millisecond, 5*time.Second)
}
