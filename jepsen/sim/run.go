package sim

import (
	"context"
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"time"

	"github.com/limitd/limitd/jepsen/check"
	"github.com/limitd/limitd/jepsen/history"
	"github.com/limitd/limitd/jepsen/sim/inside"
	"github.com/limitd/limitd/jepsen/workload"
)

// Options say how a run is watched. They do not change it.
type Options struct {
	Log io.Writer // gets the nodes' logs; nil: nobody
}

// Result is what came of a run.
type Result struct {
	Plan       Plan
	History    *history.History
	Violations []check.Violation
	Counts     map[string]int // of what happened, by name
	Records    uint64         // in the log
	Lived      time.Duration  // fake time
	Hash       uint64         // of the history: equal runs have equal hashes

	cluster *Cluster
}

// setupTime is how long a workload may take to make its limits.
const setupTime = time.Minute

// Run runs a plan in the synctest bubble of the caller; Judge judges it. Goroutines of dead
// processes may be left when it returns: the caller ends the process.
func Run(p Plan, o Options) Result {
	c := newCluster(p, o)
	w, ok := workload.Named(p.Workload)
	if !ok {
		c.convict("simulator", "none", fmt.Sprintf("there is no workload %q", p.Workload))
		return c.result()
	}
	c.estrange()
	for _, n := range c.members() {
		n.start()
	}
	env := c.env()
	ctx := context.Background()
	if err := c.setup(ctx, w, env); err != nil {
		c.convict("simulator", "availability", fmt.Sprintf("the cluster did not come up: %v", err))
		return c.result()
	}
	busy, cancel := context.WithTimeout(ctx, p.Duration)
	defer cancel()
	watch, unwatch := context.WithCancel(ctx)
	go workload.WatchLeader(watch, env)
	faults := c.inject(busy)
	err := w.Run(busy, env)
	cancel()
	<-faults
	unwatch()
	if err != nil {
		c.convict("simulator", "workload", fmt.Sprintf("the workload ended: %v", err))
	}
	workload.Finish(ctx, env)
	return c.result()
}

// estrange has the gossip of some machines reach the others late.
func (c *Cluster) estrange() {
	for i, late := range c.plan.Late {
		for j, later := range c.plan.Late[:i] {
			if wait := max(late, later); wait > 0 {
				a, b := c.node(i+1).name, c.node(j+1).name
				c.rumour.Cut(a, b)
				time.AfterFunc(wait, func() { c.rumour.Mend(a, b) })
			}
		}
	}
}

func (c *Cluster) setup(ctx context.Context, w workload.Workload, env *workload.Env) error {
	ctx, cancel := context.WithTimeout(ctx, setupTime)
	defer cancel()
	return w.Setup(ctx, env)
}

// result returns what came of the run, not judged yet.
func (c *Cluster) result() Result {
	h := c.record.History()
	r := Result{Plan: c.plan, History: h, Lived: time.Since(c.began), Hash: hash(h), cluster: c}
	_, r.Records = c.applied.Heard()
	c.mu.Lock()
	defer c.mu.Unlock()
	r.Violations, r.Counts = append(r.Violations, c.violations...), maps.Clone(c.counts)
	return r
}

// Judge has all checkers judge the run, from the outside and from the inside.
func (r *Result) Judge() {
	for _, v := range check.All(r.History) {
		r.Violations = append(r.Violations, v.Violations...)
	}
	r.Violations = append(r.Violations, check.Enough(r.History)...)
	r.Violations = append(r.Violations, inside.Judge(inside.Evidence{
		Witness: r.cluster.applied, Archive: r.cluster.archive, Final: r.History.Final,
	})...)
}

// hash returns a number that tells histories apart.
func hash(h *history.History) uint64 {
	f := fnv.New64a()
	if err := history.Encode(f, h); err != nil { // never: nothing fails here
		panic(err)
	}
	return f.Sum64()
}
