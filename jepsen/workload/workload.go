// Package workload holds the callers of a run: they ask a cluster through its
// public API, by raw HTTP and by the Go client, and record what they saw. The
// same workloads run against the simulator and against real processes; they
// know no more of a cluster than its URLs.
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
	Seed   uint64 // of all chance: see Rand
	// Clocks is what the Go client of caller i reads; nil: the machine's own.
	Clocks func(i int) func() client.Clocks
	// Pause returns how long caller i is to be stopped now, as if its process
	// were: 0 nearly always. nil: never. (What a stopped process does on waking
	// is what tokens are for.)
	Pause func(i int) time.Duration
	// Callers is how many there are to be; 0: the workload's own number.
	Callers int
}

// Rand returns caller i's own chance.
func (e *Env) Rand(i int) *rand.Rand { return rand.New(rand.NewPCG(e.Seed, uint64(i)+1)) }

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
