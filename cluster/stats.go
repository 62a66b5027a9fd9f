package cluster

import "sync/atomic"

// stats counts what happened since the start.
type stats struct {
	proposed, failed, notRun, ticks, reads, joined, tenures, restores atomic.Uint64
}

// Counters are numbers for metrics; all but OpenCalls only grow.
type Counters struct {
	Proposed  uint64 // records that were answered
	Failed    uint64 // proposals that ended in an error
	NotRun    uint64 // records proposed again
	Ticks     uint64 // ticks proposed
	Reads     uint64 // read records, each for all reads that waited
	Joined    uint64 // waiting acquires joined without a record
	Tenures   uint64 // terms in which this node led
	Restores  uint64 // snapshots restored
	OpenCalls int    // waits held open now
}

// Counters returns the numbers of now.
func (r *Replica) Counters() Counters {
	s := &r.stats
	return Counters{
		Proposed: s.proposed.Load(), Failed: s.failed.Load(), NotRun: s.notRun.Load(), Ticks: s.ticks.Load(),
		Reads: s.reads.Load(), Joined: s.joined.Load(), Tenures: s.tenures.Load(), Restores: s.restores.Load(),
		OpenCalls: r.calls.count(),
	}
}
