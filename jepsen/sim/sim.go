// Package sim runs a whole limitd cluster in one process: the daemon's real
// wiring, real hashicorp/raft, the HTTP API, forwarding and the Go client, on a
// simulated network, on disks and clocks in memory. All of it lives in a
// testing/synctest bubble, so that 20 seconds of cluster life take about half
// a second, and one seed decides everything: the number of nodes, the workload,
// the settings, and which faults come when.
//
//	plan := sim.NewPlan(5, sim.Choice{})
//	synctest.Test(t, func(t *testing.T) {
//		result := sim.Run(plan, sim.Options{})
//		result.Judge()
//		result.Report().Print(os.Stdout)
//	})
//
// The command line is that of the test binary, one seed a process:
//
//	go test -c -o simtest ./jepsen/sim
//	./simtest -sim.seed=5 -sim.workload=semaphore
//
// It exits with 0 where every judge is content, and with 1 after lines like
//
//	VIOLATION overlap E1: 3 slots of "s" were held at 2.1s, and the limit has 2
//
// with the checker's name, the rule of docs/semantics.md, and what happened.
// -sim.seeds=N runs so many seeds from -sim.seed on, each in a process of its
// own; -sim.keep=0,3 runs with these faults of the schedule only, and
// -sim.history=FILE writes the history. A second run is the same as the first
// in a binary that jepsen/sim/det has built; jepsen/sim/seeds does that, runs
// many seeds on all cores, replays one, and shrinks what it finds.
//
// What it is not: fsync, mmap and the kernel's TCP are not in it, and a process
// that is stopped (SIGSTOP) is one whose network and disk stand still while its
// goroutines go on; jepsen's runs of the real binary cover these.
package sim

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/limitd/limitd/jepsen/check"
	"github.com/limitd/limitd/jepsen/history"
	"github.com/limitd/limitd/jepsen/sim/disk"
	"github.com/limitd/limitd/jepsen/sim/inside"
	"github.com/limitd/limitd/jepsen/sim/network"
	"github.com/limitd/limitd/jepsen/sim/rumour"
)

// Cluster is a simulated cluster and all that is around it.
type Cluster struct {
	plan    Plan
	opts    Options
	began   time.Time
	net     *network.Network
	archive *disk.Archive
	rumour  *rumour.Rumour
	applied *inside.Witness
	record  *history.Recorder
	tasks   sync.WaitGroup

	callers  *network.Host
	http     *http.Transport // of the callers
	operator operator

	losing   sync.Mutex // held while a disk loses what it holds
	restores int        // of backups, that go on; guarded by losing

	mu         sync.Mutex
	nodes      []*node           // guarded by mu
	maimed     bool              // a restore has cost a node; guarded by mu
	counts     map[string]int    // of what happened; guarded by mu
	violations []check.Violation // found while it runs; guarded by mu
}

// newCluster returns a cluster whose nodes are not started yet.
func newCluster(p Plan, o Options) *Cluster {
	c := &Cluster{
		plan: p, opts: o, began: time.Now(), net: network.New(p.Seed), archive: disk.NewArchive(),
		rumour: rumour.New(p.Seed), applied: inside.NewWitness(), counts: make(map[string]int),
	}
	c.record = history.NewRecorder(p.run(), func() time.Duration { return time.Since(c.began) })
	c.callers = c.net.Host(callersHost)
	c.http = transport(c.callers)
	c.operator = operator{c, &http.Client{Transport: transport(c.net.Host("operator"))}}
	for range p.Nodes {
		c.add()
	}
	return c
}

// callersHost is the machine that all callers run on.
const callersHost = "callers"

// transport returns what carries HTTP from a host.
func transport(h *network.Host) *http.Transport {
	return &http.Transport{DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
		return h.Dial(ctx, address)
	}, MaxIdleConnsPerHost: 64, DisableCompression: true}
}

// add adds a machine.
func (c *Cluster) add() *node {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := newNode(c, len(c.nodes)+1)
	c.nodes = append(c.nodes, n)
	return n
}

// members returns the machines that were not taken out for good.
func (c *Cluster) members() (list []*node) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range c.nodes {
		if !n.isGone() {
			list = append(list, n)
		}
	}
	return list
}

// ends returns how many processes have ended so far, on all machines.
func (c *Cluster) ends() (sum int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range c.nodes {
		sum += n.ended()
	}
	return sum
}

// node returns a machine by its number.
func (c *Cluster) node(number int) *node {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.nodes[number-1]
}

// urls returns where the founders' APIs are.
func (c *Cluster) urls() (list []string) {
	for i := range c.plan.Nodes {
		list = append(list, fmt.Sprintf("http://n%d:7480", i+1))
	}
	return list
}

// count counts something that happened.
func (c *Cluster) count(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts[what]++
}

// convict notes a violation that was seen while the cluster runs.
func (c *Cluster) convict(checker, rule, what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.violations = append(c.violations, check.Violation{Checker: checker, Rule: rule, What: what})
}

// logger returns a node's logger. It is the same one where nobody reads it: it
// draws from the runtime's chance, too, and a run with a log is the same run.
func (c *Cluster) logger(name string) hclog.Logger {
	o := hclog.LoggerOptions{Name: name, Level: hclog.Debug, Output: c.opts.Log, TimeFormat: "04:05.000000"}
	if c.opts.Log == nil {
		o.Level, o.Output = hclog.Off, io.Discard
	}
	return hclog.New(&o)
}

// heal mends everything: links, disks, and who is down is started.
func (c *Cluster) heal() {
	c.net.Heal()
	for _, n := range c.members() {
		n.storage().Set(disk.Rule{})
		n.resume()
		n.start()
	}
}
