package cluster

import (
	"strconv"
	"sync/atomic"
	"time"

	"github.com/limitd/limitd/cluster/store"
	"github.com/limitd/limitd/fsm/limit"
)

// stats counts what happened since the start.
type stats struct {
	proposed, failed, notRun, ticks, reads, joined, tenures, restores, leaders atomic.Uint64
}

// Counters are numbers that only grow while the process lives.
type Counters struct {
	Proposed uint64 // records that were answered
	Failed   uint64 // proposals that ended in an error
	NotRun   uint64 // records proposed again
	Ticks    uint64 // ticks proposed
	Reads    uint64 // read records, each for all reads that waited
	Joined   uint64 // waiting acquires joined without a record
	Tenures  uint64 // terms in which this node led
	Restores uint64 // snapshots restored
	Refused  uint64 // records that came when too many waited for their turn
	Leaders  uint64 // times that another leader than the last one was heard of
}

// Counters returns the numbers of now.
func (r *Replica) Counters() Counters {
	s := &r.stats
	_, refused := r.turns.state()
	return Counters{
		Proposed: s.proposed.Load(), Failed: s.failed.Load(), NotRun: s.notRun.Load(), Ticks: s.ticks.Load(),
		Reads: s.reads.Load(), Joined: s.joined.Load(), Tenures: s.tenures.Load(), Restores: s.restores.Load(),
		Leaders: s.leaders.Load(), Refused: refused,
	}
}

// Gauges are numbers of now.
type Gauges struct {
	Term, Rules                          uint64
	Last, Committed, Applied, Snapshot   uint64 // log indexes
	Ready, HasLeader, Leading, DiskShort bool

	UnderWay  int           // records proposed, and not answered yet
	Waiting   int           // records that wait for their turn to be proposed
	OpenCalls int           // waits held open
	Contact   time.Duration // since the leader was heard of; 0 where this node leads; -1: never
	Free      int64         // bytes that can be written to the disk; -1: not known, or nothing is on disk

	Voters, NonVoters  int            // members
	Alive, AliveVoters int            // of them, as far as this node knows
	Behind             map[string]int // entries that a member lacks, by its name; where this node leads
}

// Gauges returns the numbers of now.
func (r *Replica) Gauges() Gauges {
	last := r.last.Load()
	g := Gauges{
		Term: r.raft.CurrentTerm(), Last: r.raft.LastIndex(), Committed: r.raft.CommitIndex(), Applied: last.index,
		Ready: len(r.Ready()) == 0, Leading: r.IsLeader(), DiskShort: r.space().low(),
		UnderWay: r.gate.count(), OpenCalls: r.calls.count(), Contact: -1, Free: -1, Behind: map[string]int{},
	}
	g.Waiting, _ = r.turns.state()
	_, g.HasLeader = r.Leader()
	r.View(func(s *limit.State) { g.Rules = s.Rules() })
	g.Snapshot, _ = strconv.ParseUint(r.raft.Stats()["last_snapshot_index"], 10, 64) // raft tells it nowhere else
	if dir := r.cfg.Stores.Dir; dir != "" {
		if free, err := store.Free(dir); err == nil {
			g.Free = int64(free)
		}
	}
	for _, n := range r.Nodes() {
		g.member(r, n)
	}
	return g
}

// member counts n in.
func (g *Gauges) member(r *Replica, n Node) {
	if n.Role == Voter {
		g.Voters++
	} else {
		g.NonVoters++
	}
	if n.Alive {
		g.Alive++
	}
	if n.Alive && n.Role == Voter {
		g.AliveVoters++
	}
	switch {
	case n.ID == r.ID():
		g.Contact = n.LastContact
	case g.Leading && n.Name != "":
		g.Behind[n.Name] = int(g.Last - min(g.Last, n.Applied))
	}
}
