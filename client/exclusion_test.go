package client

import (
	"context"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// exclusionSeeds is how many runs of random faults there are: more where
// LIMITD_LONG asks for the longer parts.
func exclusionSeeds() uint64 {
	if os.Getenv("LIMITD_LONG") != "" {
		return 60
	}
	return 20
}

// Clients whose nodes fail at random, whose machines sleep, and whose clocks
// run up to a hundredth too slow never hold one slot at a time twice.
func TestExclusionUnderFaults(t *testing.T) {
	for seed := range exclusionSeeds() {
		testExclusion(t, seed, 1, lanes)
	}
}

// The same holds for programs whose calls are gathered.
func TestExclusionUnderFaultsGathered(t *testing.T) {
	for seed := range exclusionSeeds() / 10 {
		testExclusion(t, seed, 3, 1)
	}
}

func testExclusion(t *testing.T, seed uint64, workers, lanes int) {
	synctest.Test(t, func(t *testing.T) {
		chance := rand.New(rand.NewPCG(seed, 1))
		f := newFakeCluster()
		f.slots["db"] = 2
		f.setFault(randomFaults(chance))
		e := &exclusion{t: t, seed: seed, holders: make(map[*Lease]bool)}
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
		defer cancel()
		var wait sync.WaitGroup
		for i := range 5 {
			rate := 1 - float64(i)*0.0024 // the margin covers a hundredth of the TTL
			c := f.client(t, func(cfg *Config) {
				cfg.Clocks = func() Clocks {
					now := f.clocks()
					return Clocks{int64(float64(now[0]) * rate), int64(float64(now[1]) * rate)}
				}
			})
			c.SetLanes(lanes)
			for k := range workers {
				wait.Go(func() { e.work(ctx, c, rand.New(rand.NewPCG(seed, uint64(i*workers+k+2)))) })
			}
		}
		wait.Wait()
		if e.grants < 20 {
			t.Errorf("seed %d: only %d grants", seed, e.grants)
		}
	})
}

// randomFaults breaks every second exchange, in one of four ways.
func randomFaults(chance *rand.Rand) func(node, path string) (before, after error) {
	var mu sync.Mutex
	return func(string, string) (before, after error) {
		mu.Lock()
		defer mu.Unlock()
		switch chance.IntN(8) {
		case 0:
			return errWire, nil
		case 1:
			return nil, errWire
		case 2:
			return errSilent, nil
		case 3:
			return nil, errSilent
		}
		return nil, nil
	}
}

type exclusion struct {
	t    *testing.T
	seed uint64

	mu      sync.Mutex
	grants  int
	holders map[*Lease]bool
}

// work holds slots again and again, and checks at each step who else believes
// to hold one.
func (e *exclusion) work(ctx context.Context, c *Client, chance *rand.Rand) {
	for ctx.Err() == nil {
		l, err := c.Acquire(ctx, Request{Limits: Slots{"db": 1}, TTL: 3 * time.Second, Wait: Forever})
		if err != nil {
			continue
		}
		e.enter(l)
		select {
		case <-l.Context().Done():
		case <-time.After(time.Duration(chance.IntN(10_000)) * time.Millisecond):
		}
		e.leave(l)
		if chance.IntN(3) > 0 {
			_ = l.Release(ctx)
		}
	}
}

func (e *exclusion) enter(l *Lease) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.grants++
	e.holders[l] = true
	valid := 0
	for h := range e.holders {
		if h.Err() == nil {
			valid++
		}
	}
	if valid > 2 {
		e.t.Errorf("seed %d: %d holders of two slots", e.seed, valid)
	}
}

func (e *exclusion) leave(l *Lease) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.holders, l)
}
