package cluster

import (
	"time"

	"github.com/hashicorp/raft"
	"github.com/limitd/limitd/fsm"
)

// Meter hears what happens in a replica, and how long it takes. Its methods are
// called on the very paths that they measure, side by side: they must be quick,
// and safe for concurrent use.
type Meter interface {
	// Committed hears of a record that this node, leading, proposed: from its
	// stamp to its answer, so that a majority has it and this node has applied it.
	Committed(took time.Duration)
	// Applied hears, in log order, of a batch of records that this node's state
	// has taken in. What it knew before its start, and applies again, is left out.
	Applied(events []fsm.Event)
	// Played hears how long raft was held up by that, for all entries of the
	// batch: rules, and waking those who wait.
	Played(entries int, took time.Duration)
}

// noMeter hears nothing.
type noMeter struct{}

func (noMeter) Committed(time.Duration)   {}
func (noMeter) Applied([]fsm.Event)       {}
func (noMeter) Played(int, time.Duration) {}

// metered is the state machine with a meter in front.
type metered struct {
	*fsm.FSM
	meter Meter
}

// Apply plays one entry.
func (m metered) Apply(l *raft.Log) any { return m.ApplyBatch([]*raft.Log{l})[0] }

// ApplyBatch plays entries in order.
func (m metered) ApplyBatch(logs []*raft.Log) []any {
	begun := time.Now()
	answers := m.FSM.ApplyBatch(logs)
	m.meter.Played(len(logs), time.Since(begun))
	return answers
}
