package limit_test

import (
	"crypto/sha256"
	"fmt"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/limitd/limitd/fsm/limit"
)

// search walks through all states of a world, breadth first. A state is kept as
// the hash of its key, and as the key itself until it has been expanded; each
// edge wakes the real state machine from the key, applies one record, and holds
// the step against the rules.
type search struct {
	*world
	ids     map[[16]byte]int32
	parents []int32 // by state
	bys     []move  // how it was first reached
	level   keys    // what is to be expanded
	next    keys
	edges   int
	graph   graph

	before, after limit.Scene
	list          []move
	buffer        []byte
}

// keys are the keys of states numbered on from first.
type keys struct {
	first int32
	bytes []byte
	ends  []int
}

func (k *keys) add(key []byte) {
	k.bytes = append(k.bytes, key...)
	k.ends = append(k.ends, len(k.bytes))
}

func (k *keys) at(i int) []byte {
	if i == 0 {
		return k.bytes[:k.ends[0]]
	}
	return k.bytes[k.ends[i-1]:k.ends[i]]
}

func newSearch(t testing.TB, s *scope) *search {
	t.Helper()
	w := s.open(t)
	r := &search{world: w, ids: map[[16]byte]int32{}}
	w.first(t).Scene(&r.after)
	r.buffer = w.key(r.buffer[:0], &r.after)
	r.number(r.buffer, -1, move{})
	return r
}

// number returns the number of a state, a new one where it is new.
func (s *search) number(key []byte, parent int32, by move) (id int32, fresh bool) {
	sum := sha256.Sum256(key)
	hash := [16]byte(sum[:16])
	if id, ok := s.ids[hash]; ok {
		return id, false
	}
	id = int32(len(s.parents))
	s.ids[hash] = id
	s.parents, s.bys = append(s.parents, parent), append(s.bys, by)
	s.next.add(key)
	return id, true
}

// run walks until everything has been seen, or until the state or time given is reached.
func (s *search) run(t testing.TB, states int, until time.Time) (closed bool) {
	t.Helper()
	for len(s.next.ends) > 0 {
		s.level, s.next = s.next, keys{first: int32(len(s.parents)), bytes: s.level.bytes[:0], ends: s.level.ends[:0]}
		for i := range s.level.ends {
			if states > 0 && len(s.parents) > states || i%64 == 0 && time.Now().After(until) {
				return false
			}
			id := s.level.first + int32(i)
			if m, err := s.expand(id, s.level.at(i)); err != nil {
				t.Fatalf("state %d of %s: after\n%s\t%v\n%v", id, s.name, s.path(t, id), m, err)
			}
		}
	}
	return true
}

// expand goes from a state along every move.
func (s *search) expand(id int32, key []byte) (move, error) {
	s.read(key, &s.before)
	s.list = s.moves(s.list[:0], &s.before)
	if s.timed > 0 {
		s.graph.open(&s.before)
	}
	for _, m := range s.list {
		if m, err := s.branch(id, key, m); err != nil {
			return m, err
		}
	}
	return move{}, nil
}

// branch plays a move. Where moves are not counted it does so once for every
// choice of those whose eighth move comes with it.
func (s *search) branch(id int32, key []byte, m move) (move, error) {
	var seen [256]bool
	masks := []uint8{0}
	for len(masks) > 0 {
		m.late = masks[0]
		masks = masks[1:]
		movers, err := s.edge(id, key, m)
		if err != nil {
			return m, err
		}
		for bit := uint8(1); bit != 0 && bit <= movers; bit <<= 1 {
			if late := m.late | bit; movers&bit != 0 && !seen[late] {
				seen[late] = true
				masks = append(masks, late)
			}
		}
	}
	return m, nil
}

// edge plays one move, and numbers the state that it leads to. It returns who
// was moved by it, or may have been.
func (s *search) edge(id int32, key []byte, m move) (movers uint8, err error) {
	s.edges++
	p, err := s.play(key, m)
	if err != nil {
		return 0, err
	}
	if !s.exact {
		movers = p.movers()
	}
	s.buffer = s.key(s.buffer[:0], p.after)
	to, _ := s.number(s.buffer, id, m)
	if s.timed > 0 {
		s.graph.edge(m, p.after, to)
	}
	return movers, nil
}

// play makes m happen in the state of that key, and checks the step.
func (s *search) play(key []byte, m move) (p step, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	s.read(key, &s.before)
	for i := range s.before.Waiters {
		if m.late>>i&1 == 1 {
			s.before.Waiters[i].Moves = 7
		}
	}
	at := s.set(&s.before, m)
	state, err := s.template.Wake(&s.before)
	if err != nil {
		return p, err
	}
	p = step{world: s.world, move: m, before: &s.before, after: &s.after}
	index := state.Index() + 1
	switch m.kind {
	case moveArrive, moveTagged, moveTry:
		p.age = index
	}
	p.applied = state.Apply(index, 1, s.command(&s.before, m, at, "new"))
	if !state.Settled() {
		return p, fmt.Errorf("unsettled: a limit is still marked, or a job open")
	}
	state.Scene(&s.after)
	return p, p.check()
}

// path words how a state was reached.
func (s *search) path(t testing.TB, id int32) string {
	t.Helper()
	var moves []move
	for at := id; s.parents[at] >= 0; at = s.parents[at] {
		moves = append(moves, s.bys[at])
	}
	var b strings.Builder
	w := s.open(t)
	w.first(t).Scene(&s.after)
	key := w.key(nil, &s.after)
	fmt.Fprintf(&b, "\t%d moves, from\n%s", len(moves), w.text(&s.after))
	for i := len(moves) - 1; i >= 0; i-- {
		if _, err := s.play(key, moves[i]); err != nil {
			fmt.Fprintf(&b, "\t%v: %v\n", moves[i], err)
		}
		key = s.key(key[:0], &s.after)
		fmt.Fprintf(&b, "\t%v\n%s", moves[i], w.text(&s.after))
	}
	return b.String()
}

// text words a scene.
func (w *world) text(sc *limit.Scene) string {
	var b strings.Builder
	for i, l := range sc.Limits {
		fmt.Fprintf(&b, "\t\tlimit %c: %d of %d held, active: %v, decayed %d\n", 'a'+i, l.Held, l.Slots, !l.Inactive, l.Frac)
	}
	for i, l := range sc.Leases {
		fmt.Fprintf(&b, "\t\tlease %d: %s\n", i, w.demandText(l.Demand))
	}
	for i, x := range sc.Waiters {
		fmt.Fprintf(&b, "\t\twaiter %d: %s, parked on %c, place of protection %d, parted: %v, first: %v, moves %d\n",
			i, w.demandText(x.Demand), 'a'+x.Park, x.Place, x.Parted, x.First >= 0, x.Moves)
	}
	return b.String()
}

func (w *world) demandText(d int) string {
	if d < len(w.callers) {
		return w.callers[d]
	}
	return w.held[d-len(w.callers)]
}

// movers are the waiters that the step moved, or may have moved before it
// granted them: one bit each. What their eighth move had changed is to be seen.
func (p *step) movers() (set uint8) {
	for i := range p.before.Waiters {
		x := &p.before.Waiters[i]
		if p.move.late>>i&1 == 1 || !p.inLine(x) && p.move.kind != moveReturn || len(p.acquires[x.Demand].Entries) < 2 {
			continue
		}
		y := waiterOf(p.after, x.Age)
		if y == nil && p.granted(x.Age) || y != nil && y.Moves > x.Moves {
			set |= 1 << i
		}
	}
	return set
}

func (p *step) granted(age uint64) bool {
	for _, o := range p.applied.Outcomes {
		if o.Age == age {
			return true
		}
	}
	return false
}
