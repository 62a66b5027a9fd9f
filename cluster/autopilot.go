package cluster

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/raft"
)

// Autopilot says what a leader does about the membership by itself. Every node
// has settings of its own; those of the node that leads are in force.
type Autopilot struct {
	// Stabilization is how long a node must have been healthy before it gets a
	// vote: one that comes and goes would cost the others their majority. 0: a
	// node votes as soon as it has caught up.
	Stabilization time.Duration
	// LastContact is the longest silence of a healthy node; default twice
	// Raft.Heartbeat.
	LastContact time.Duration
	// Cleanup has members removed that are dead. Default: nobody is ever removed
	// but by an operator.
	Cleanup bool
	// DeadAfter is how long neither gossip nor replication must have heard of a
	// member before it counts as dead; default 24 h. A new leader counts anew.
	DeadAfter time.Duration
	// MinQuorum is how many voters a cleanup leaves at least.
	MinQuorum int
}

// Report is how the members stand, as the leader sees it, and what is going to
// be done about them.
type Report struct {
	Settings Autopilot // of the leader
	Members  []Health
	Outside  []Outsider
	Voters   int
	// Tolerance is how many of the voters that are healthy may be lost before
	// nothing can be agreed to any more.
	Tolerance int
}

// Outsider is a node that gossip knows and that is no member.
type Outsider struct {
	ID, Name, Peer string
	Why            string // it is not taken in; "": it is about to be
}

// Autopilot returns how the members stand. This node must lead.
func (r *Replica) Autopilot(ctx context.Context) (Report, error) {
	t, err := r.leading(ctx)
	if err != nil {
		return Report{}, err
	}
	members := t.health()
	m := t.roster(members)
	report := Report{Settings: r.cfg.Autopilot}
	healthy := 0
	for _, h := range members {
		h.Plan = r.cfg.Autopilot.plan(h, m, members)
		report.Members = append(report.Members, h)
		if h.Role == Voter {
			report.Voters++
			if h.Healthy {
				healthy++
			}
		}
	}
	report.Tolerance = max(0, healthy-report.Voters/2-1)
	for _, k := range m.known {
		if k.Alive && !m.has(k.ID) {
			report.Outside = append(report.Outside, Outsider{ID: k.ID, Name: k.Name, Peer: k.Peer, Why: m.refuse(k)})
		}
	}
	return report, nil
}

// plan tells, for people, what is going to be done about a member; "" nothing.
func (a Autopilot) plan(h Health, m roster, members []Health) string {
	if h.Silent > a.LastContact {
		_, plan := a.judge(h, members)
		return plan
	}
	k, known := m.member(h.ID)
	switch {
	case h.Role == Voter || !h.Healthy:
		return ""
	case !known || !k.Alive:
		return "gets a vote once gossip knows it"
	case k.NonVoter:
		return "its role is nonvoter: only an operator promotes it"
	case k.Rules < m.rules:
		return fmt.Sprintf("gets a vote once it knows the rules in force, version %d: upgrade it", m.rules)
	}
	return fmt.Sprintf("gets a vote in %v, if it stays healthy", max(0, a.Stabilization-h.Stable).Round(time.Second))
}

// judge tells whether a member is to be removed now, and for people, what
// becomes of one that is silent. That gossip has lost it is not enough, nor that
// replication has; and the voters that are left must be MinQuorum, and a majority
// of them must answer.
func (a Autopilot) judge(h Health, members []Health) (remove bool, plan string) {
	switch {
	case h.Alive:
		return false, "silent, but gossip hears it: stays a member"
	case !a.Cleanup:
		return false, "stays a member until an operator removes it"
	case h.Silent < a.DeadAfter:
		return false, fmt.Sprintf("removed in %v, unless it is heard of", (a.DeadAfter - h.Silent).Round(time.Second))
	case h.Role != Voter:
		return true, "is being removed"
	}
	voters := 0
	nodes := make([]Node, len(members))
	for i, m := range members {
		nodes[i] = m.Node
		if m.Role == Voter {
			voters++
		}
	}
	if voters-1 < a.MinQuorum {
		return false, fmt.Sprintf("dead, and kept: %d voters would be left, and min_quorum is %d", voters-1, a.MinQuorum)
	}
	if err := spared(h.Node, nodes, a.LastContact); err != nil {
		return false, fmt.Sprintf("dead, and kept: %v", err)
	}
	return true, "is being removed"
}

// cleanup removes one member that is dead, where the settings have it, and tells
// whether it tried.
func (t *tenure) cleanup(members []Health) bool {
	a := t.r.cfg.Autopilot
	for _, h := range members {
		if remove, _ := a.judge(h, members); !remove || h.ID == t.r.ID() {
			continue
		}
		t.r.log.Warn("a member is dead and is removed", "id", h.ID, "name", h.Name, "silent_for", h.Silent.Round(time.Second))
		if err := t.remove(t.ctx, h.Node); err != nil && t.ctx.Err() == nil {
			t.r.log.Warn("the membership was not changed", "change", "removed", "id", h.ID, "err", err)
		}
		return true
	}
	return false
}

// steady tells whether a node without a vote has been healthy for long enough.
func (a Autopilot) steady(id raft.ServerID, members []Health) bool {
	return slices.ContainsFunc(members, func(h Health) bool {
		return h.ID == string(id) && h.Healthy && h.Stable >= a.Stabilization
	})
}
