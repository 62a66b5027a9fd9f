package cluster

import (
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// caughtUp is by how many entries a follower may be behind and count as caught up.
const caughtUp = 512

// Health is how a member stands, as the leader sees it.
type Health struct {
	Node
	Healthy bool          // it answers and has nearly all entries
	Why     string        // it is not healthy
	Behind  uint64        // entries that it is not known to have
	Silent  time.Duration // since it last answered, or since this leader began
	Stable  time.Duration // for how long it has been healthy
	Plan    string        // what is going to be done about it; "" nothing
}

// vigil is since when a tenure has seen each member healthy. The members are
// looked at whenever something about them changes, and once a second.
type vigil struct {
	mu   sync.Mutex
	well map[raft.ServerID]int64 // instants, by the monotonic clock
}

// note takes a look at the members, at the instant now.
func (v *vigil) note(now int64, members []Health) {
	v.mu.Lock()
	defer v.mu.Unlock()
	well := make(map[raft.ServerID]int64, len(members))
	for _, h := range members {
		if !h.Healthy {
			continue
		}
		since, was := v.well[raft.ServerID(h.ID)]
		if !was {
			since = now
		}
		well[raft.ServerID(h.ID)] = since
	}
	v.well = well
}

// stable returns for how long a member has been healthy.
func (v *vigil) stable(now int64, id string) time.Duration {
	v.mu.Lock()
	defer v.mu.Unlock()
	since, ok := v.well[raft.ServerID(id)]
	if !ok {
		return 0
	}
	return time.Duration(now - since)
}

// health returns how the members stand now.
func (t *tenure) health() []Health {
	r := t.r
	now, last := r.cfg.Clock.Monotonic(), r.raft.LastIndex()
	nodes := r.Nodes()
	members := make([]Health, len(nodes))
	for i, n := range nodes {
		h := Health{Node: n, Silent: n.LastContact}
		if n.LastContact < 0 {
			h.Silent = time.Duration(now - t.began)
		}
		if n.ID != r.ID() {
			h.Behind = last - min(last, n.Applied)
			h.Why = r.cfg.Autopilot.ails(h)
		}
		h.Healthy = h.Why == ""
		members[i] = h
	}
	t.vigil.note(now, members)
	for i := range members {
		members[i].Stable = t.vigil.stable(now, members[i].ID)
	}
	return members
}

// ails says why a member is not healthy; "" where it is.
func (a Autopilot) ails(h Health) string {
	switch {
	case h.LastContact < 0:
		return "it has not answered this leader yet"
	case h.LastContact > a.LastContact:
		return fmt.Sprintf("it has not answered for %v", h.LastContact.Round(10*time.Millisecond))
	case h.Applied == 0:
		return "it has taken no entry yet"
	case h.Behind > caughtUp:
		return fmt.Sprintf("it is %d entries behind", h.Behind)
	}
	return ""
}
