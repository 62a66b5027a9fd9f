package sim

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/limitd/limitd/cmd/limitd/config"
	"github.com/limitd/limitd/jepsen/history"
	"github.com/limitd/limitd/jepsen/workload"
)

// Plan is all that is decided before a run: it follows from the seed, and the
// run follows from it.
type Plan struct {
	Seed     uint64
	Nodes    int             // that are there from the beginning
	Expect   int             // of them form the cluster (bootstrap_expect); it takes in the others
	Late     []time.Duration // of each: when its gossip reaches the others
	Workload string
	Callers  int
	Duration time.Duration // of the part with callers and faults
	// CallersStop: callers are stopped now and then.
	CallersStop bool

	SnapshotInterval  time.Duration
	SnapshotThreshold int64
	MaxAppend         int
	TrailingLogs      int64
	Patience          time.Duration // of waiters (semantics.md A2)

	Faults []Fault // in the order of their beginning
}

// Choice is what a command line decides in place of the seed. The zero Choice
// decides nothing.
type Choice struct {
	Workload string
	Nodes    int
	Duration time.Duration
	Callers  int
	Faults   []Fault // in place of the seed's; nil: the seed's
	Keep     []int   // of the faults, by their place in the schedule; nil: all
}

// NewPlan returns the plan of a seed.
func NewPlan(seed uint64, c Choice) Plan {
	dice := rand.New(rand.NewPCG(seed, 0x706c616e))
	all := workload.All()
	p := Plan{
		Seed: seed, Nodes: pick(dice, 3, 3, 3, 5), Workload: all[dice.IntN(len(all))].Name,
		Callers: 6 + dice.IntN(7), Duration: 20 * time.Second,
		SnapshotInterval: between(dice, time.Second, 5*time.Second), SnapshotThreshold: int64(50 + dice.IntN(250)),
		MaxAppend: pick(dice, 8, 16, 64), Patience: pick(dice, time.Second, 3*time.Second, 10*time.Second),
	}
	p.CallersStop = dice.IntN(3) == 0
	p.TrailingLogs = int64(p.MaxAppend * pick(dice, 8, 12, 30))
	or(&p.Workload, c.Workload)
	or(&p.Nodes, c.Nodes)
	or(&p.Callers, c.Callers)
	or(&p.Duration, c.Duration)
	p.drawFounding()
	p.Faults = schedule(dice, p)
	if c.Faults != nil {
		p.Faults = c.Faults
	}
	if c.Keep != nil {
		p.Faults = only(p.Faults, c.Keep)
	}
	return p
}

// drawFounding draws how the cluster is formed, by dice of its own.
func (p *Plan) drawFounding() {
	dice := rand.New(rand.NewPCG(p.Seed, 0x666f756e64))
	p.Expect = p.Nodes
	if p.Nodes > 3 && dice.IntN(2) == 0 {
		p.Expect = 3
	}
	p.Late = make([]time.Duration, p.Nodes)
	for i := range p.Late {
		if late := between(dice, 0, 5*time.Second); dice.IntN(3) == 0 {
			p.Late[i] = late
		}
	}
}

// Words returns the schedule in words.
func (p Plan) Words() (list []string) {
	for _, f := range p.Faults {
		list = append(list, f.String())
	}
	return list
}

// only returns the faults at the given places.
func only(faults []Fault, keep []int) (list []Fault) {
	for i, f := range faults {
		if slices.Contains(keep, i) {
			list = append(list, f)
		}
	}
	return list
}

// or puts a choice, where there is one, in the place of what the seed gave.
func or[T comparable](field *T, choice T) {
	var none T
	if choice != none {
		*field = choice
	}
}

func pick[T any](dice *rand.Rand, list ...T) T { return list[dice.IntN(len(list))] }

func between(dice *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(dice.Int64N(int64(most-least)))
}

// clockError bounds how far the rates of clocks are off, by either sign. A lease
// of one second has a margin of 20 ms; in it the cluster's time can gain the
// error for 21 s (twice over the window of T2, once over the lease), and its
// holder lose it for one.
const clockError = 0.0008

// run describes the run for the history.
func (p Plan) run() history.Run {
	limits := config.Default("").Limits
	return history.Run{
		Instrument: "sim", Workload: p.Workload, Seed: p.Seed, Nodes: p.Nodes, Duration: p.Duration,
		MaxBackdate: limits.MaxBackdate, Remember: limits.Remember, ClockError: clockError,
	}
}

// config returns the configuration of a node that is to found a cluster with
// expect voters.
func (p Plan) config(name string, expect int) config.Config {
	c := config.Default(name)
	c.Memory = true
	c.HTTP.Address, c.Peer.Address, c.Gossip.Address = name+":7480", name+":7481", name+":7482"
	c.Cluster.BootstrapExpect = int64(expect)
	c.Raft.SnapshotInterval, c.Raft.SnapshotThreshold, c.Raft.TrailingLogs = p.SnapshotInterval, p.SnapshotThreshold, p.TrailingLogs
	c.Autopilot.ServerStabilizationTime = 0 // a run is short, and a vote that comes early the harder case
	c.Limits.Patience = p.Patience
	return c
}
