//go:build linux

package nemesis

import (
	"context"
	"fmt"
	"time"

	"github.com/limitd/limitd/jepsen/nodes"
)

// A node may end a little after the fault of its disk was mended: its watchdog
// looks every half second at writes that hang, a write that failed has to get
// through to the one who ends the process, and a busy machine takes its time
// with all of that. Such an end belongs to the fault; one long after does not,
// nor does that of a process which was started since.

// lateEnd is how long after its disk was mended a node may still end by what
// was wrong with it: longer than the watchdog needs for a write that began to
// hang just before (5.5 s), and a busy machine to end the process.
const lateEnd = 8 * time.Second

// span is the time in which a fault of its disk may end a node.
type span struct{ began, until time.Time }

// covers tells whether the fault is a reason for an end.
func (p span) covers(e nodes.End) bool {
	return e.Code == failStop && e.Began.Before(p.began) && !e.At.Before(p.began) && !e.At.After(p.until)
}

// mayEnd notes that a fault of a node's disk, which began then, was mended just
// now.
func (s *Stage) mayEnd(n *nodes.Node, began time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.after[n.Name] = append(s.after[n.Name], span{began: began, until: time.Now().Add(lateEnd)})
}

// explained tells whether a fault that is mended is a reason for a node's end.
func (s *Stage) explained(n *nodes.Node, e nodes.End) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.after[n.Name] {
		if p.covers(e) {
			return true
		}
	}
	return false
}

// Tend looks whether the node's process has ended, and tells so. What a fault
// has is left to it. A node that ended by a fault that is mended is started
// again, and waited for. The error is of an end that nothing explains.
func (s *Stage) Tend(ctx context.Context, n *nodes.Node) (dead bool, err error) {
	list := []*nodes.Node{n}
	if _, dead := n.Ended(); !dead || s.claim(list) != nil {
		return dead, nil
	}
	end, dead := n.Ended() // its fault may have started it before it gave it back
	if dead && s.explained(n, end) {
		return true, s.bringBack(ctx, list)
	}
	s.give(list)
	if dead {
		err = fmt.Errorf("%s ended with code %d, and no fault had it: see its log", n.Name, end.Code)
	}
	return dead, err
}
