// Package workload holds the callers of a run: they ask a cluster through its
// public API, by raw HTTP and by the Go client, and record what they saw. The
// same workloads run against the simulator and against real processes; they
// know no more of a cluster than its URLs.
//
//	w, _ := workload.Named("semaphore")
//	err := w.Setup(ctx, env)     // makes its limits
//	err = w.Run(busy, env)       // until busy ends; mend all faults then
//	workload.Finish(ctx, env)    // looks for what is left
//
// Callers touch nothing but Env: they pass time with package time, draw chance
// from Env.Rand, and reach the nodes through Env.HTTP. So a run in a
// testing/synctest bubble is a function of its seed.
package workload

import (
	"context"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/limitd/limitd/client"
	"github.com/limitd/limitd/jepsen/history"
)

// Env is where a workload runs.
type Env struct {
	URLs   []string          // of all nodes, up or down, n1 first
	HTTP   http.RoundTripper // how callers reach them
	Record *history.Recorder
	// Seed is of all chance: see Rand. Ids are made from it, too: two runs
	// against one cluster within the time for which it remembers need two seeds.
	Seed uint64
	// Clocks is what the Go client of caller i reads; nil: the machine's own.
	Clocks func(i int) func() client.Clocks
	// Pause returns how long caller i is to be stopped now, as if its process
	// were: 0 nearly always. Holders of leases ask it at each look at their lease,
	// every 10 ms. (What a stopped process does on waking is what tokens are for.)
	// nil: now and then, for some seconds.
	Pause func(i int) time.Duration
	// Callers is how many there are to be in each lane; 0: the workload's own
	// number.
	Callers int
	// Lanes is how many times the workload is there, side by side: each lane has
	// limits of its own and callers of its own, who never ask for another's. More
	// lanes are more calls at once without longer queues. 0: one.
	Lanes int
	// Patience is how long a caller goes on under one id without an answer;
	// 0: 45 s, which suits a cluster that remembers for 60 s.
	Patience time.Duration
	// Ends returns how many times a node's process has ended so far; nil: none
	// does.
	Ends func() int
}

// Rand returns caller i's own chance.
func (e *Env) Rand(i int) *rand.Rand { return rand.New(rand.NewPCG(e.Seed, uint64(i)+1)) }

// lanes returns the number of lanes.
func (e *Env) lanes() int { return max(1, e.Lanes) }

// patience returns how long a caller goes on under one id without an answer.
func (e *Env) patience() time.Duration {
	if e.Patience > 0 {
		return e.Patience
	}
	return 45 * time.Second
}

// ends returns how many times a node's process has ended so far.
func (e *Env) ends() int {
	if e.Ends == nil {
		return 0
	}
	return e.Ends()
}

// Workload is a kind of traffic.
type Workload struct {
	Name string // as it is chosen on a command line
	What string // in a sentence
	// Setup makes limits. It tries until it succeeds or ctx ends.
	Setup func(ctx context.Context, e *Env) error
	// Run lets callers work until ctx ends, and returns when all have finished
	// what they had begun: calls whose outcome is unknown are asked again under
	// the same id until the answer is known (the run mends all faults at the end
	// of ctx), but for those that the caller abandons on purpose.
	Run func(ctx context.Context, e *Env) error
}
