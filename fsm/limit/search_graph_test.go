package limit_test

import (
	"fmt"

	"github.com/limitd/limitd/fsm/limit"
)

// graph is what the whole of a timed world is asked once it is closed:
//
//   - Drains. Where nobody comes, and what is held is released (or, where
//     leases end, nothing is), everybody who waits is served in the end. For each
//     state it is known where the drain's next move leads: every chain has to
//     reach a state in which nobody waits.
//   - Waits. Where one waiter is followed, no cycle on which time passes may keep
//     it waiting, whatever the others do meanwhile; then there is a longest wait.
type graph struct {
	served  []bool // by state: nobody waits, but those whose places are parted
	drains  [2][]int32
	offsets []int32 // by state: where its edges begin
	edges   []waitEdge
	tagged  bool // the state that is expanded
	drain   [2]move
}

// waitEdge is an edge between two states in which the followed waiter waits.
type waitEdge struct {
	to    int32
	ticks int32 // 1: time passes
}

// open begins the next state, in the order of numbers.
func (g *graph) open(sc *limit.Scene) {
	served, tagged := true, false
	for i := range sc.Waiters {
		served = served && sc.Waiters[i].Parted
		tagged = tagged || sc.Waiters[i].Tagged
	}
	g.served = append(g.served, served)
	g.offsets = append(g.offsets, int32(len(g.edges)))
	g.tagged = tagged
	g.drain = [2]move{{kind: moveTick}, {kind: moveTick}}
	if len(sc.Leases) > 0 {
		g.drain[0] = move{kind: moveRelease}
	}
	for i := range g.drains {
		g.drains[i] = append(g.drains[i], -1)
	}
}

// edge notes an edge from the state that was opened last.
func (g *graph) edge(m move, after *limit.Scene, to int32) {
	at := len(g.served) - 1
	for i, d := range g.drain {
		if m == d {
			g.drains[i][at] = to
		}
	}
	if !g.tagged {
		return
	}
	for i := range after.Waiters {
		if after.Waiters[i].Tagged {
			g.edges = append(g.edges, waitEdge{to: to, ticks: int32(bit(m.kind == moveTick, 1))})
		}
	}
}

// stuck finds a state from which a drain never serves everybody, or -1.
func (g *graph) stuck(drain int) int32 {
	const unknown, onPath, good = 0, 1, 2
	marks := make([]uint8, len(g.served))
	var path []int32
	for first := range g.served {
		path = path[:0]
		at := int32(first)
		for !g.served[at] && marks[at] == unknown {
			marks[at] = onPath
			path = append(path, at)
			at = g.drains[drain][at]
		}
		if !g.served[at] && marks[at] == onPath {
			return at
		}
		for _, p := range path {
			marks[p] = good
		}
	}
	return -1
}

// longest returns how many ticks the followed waiter can wait at most, or a
// state from which it can wait for ever. It visits strongly connected parts as
// Tarjan's algorithm finds them: those that a part leads to come before it.
func (g *graph) longest() (ticks int32, starves int32) {
	n := int32(len(g.served))
	g.offsets = append(g.offsets[:n], int32(len(g.edges)))
	t := tarjan{graph: g, order: make([]int32, n), low: make([]int32, n), part: make([]int32, n), starves: -1}
	for at := range n {
		if t.order[at] == 0 {
			t.visit(at)
		}
	}
	for _, w := range t.waits {
		ticks = max(ticks, w)
	}
	return ticks, t.starves
}

// tarjan finds the strongly connected parts of the edges, and the longest wait
// from each.
type tarjan struct {
	*graph
	order, low []int32 // 0: not visited
	part       []int32 // 0: not finished; else number of the part, from 1
	waits      []int32 // by part
	stack      []int32
	count      int32
	starves    int32
}

type frame struct{ at, edge int32 }

func (t *tarjan) enter(at int32) frame {
	t.count++
	t.order[at], t.low[at] = t.count, t.count
	t.stack = append(t.stack, at)
	return frame{at, t.offsets[at]}
}

func (t *tarjan) visit(root int32) {
	calls := []frame{t.enter(root)}
	for len(calls) > 0 {
		f := &calls[len(calls)-1]
		if f.edge < t.offsets[f.at+1] {
			to := t.edges[f.edge].to
			f.edge++
			switch {
			case t.order[to] == 0:
				calls = append(calls, t.enter(to))
			case t.part[to] == 0:
				t.low[f.at] = min(t.low[f.at], t.order[to])
			}
			continue
		}
		at := f.at
		calls = calls[:len(calls)-1]
		if len(calls) > 0 {
			up := calls[len(calls)-1].at
			t.low[up] = min(t.low[up], t.low[at])
		}
		if t.low[at] == t.order[at] {
			t.finish(at)
		}
	}
}

// finish takes a whole part from the stack.
func (t *tarjan) finish(root int32) {
	from := len(t.stack) - 1
	for t.stack[from] != root {
		from--
	}
	members := t.stack[from:]
	t.stack = t.stack[:from]
	number := int32(len(t.waits)) + 1
	for _, at := range members {
		t.part[at] = number
	}
	wait := int32(0)
	for _, at := range members {
		for _, e := range t.edges[t.offsets[at]:t.offsets[at+1]] {
			if t.part[e.to] != number {
				wait = max(wait, e.ticks+t.waits[t.part[e.to]-1])
			} else if e.ticks > 0 {
				t.starves = at
			}
		}
	}
	t.waits = append(t.waits, wait)
}

// judge asks a closed world's graph. It returns a word on what it found.
func (s *search) judge() (found string, at int32, err error) {
	if s.timed == 0 {
		return "", 0, nil
	}
	for drain, how := range [...]string{"released, and time passes", "left to expire"} {
		if drain == 1 && s.ttl == 0 {
			continue
		}
		if at := s.graph.stuck(drain); at >= 0 {
			return "", at, fmt.Errorf("deadlock: what is held is %s, and some are never served", how)
		}
	}
	if !s.tag {
		return ", drains well", 0, nil
	}
	ticks, starves := s.graph.longest()
	if starves >= 0 {
		return "", starves, fmt.Errorf("starves: the followed waiter can wait for ever")
	}
	return fmt.Sprintf(", drains well, longest wait %d ticks", ticks), 0, nil
}
