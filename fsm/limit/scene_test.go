package limit

import (
	"strconv"

	"github.com/limitd/limitd/fsm/command"
)

// Scene is what decides how the queue of a State goes on, as plain values: the
// exhaustive search reads it after each step, keeps it as a few bytes, and
// wakes it into a State again. It leaves out what no move of the search can ask
// for: requests that have ended, averages, wall time, who made a limit when.
//
// Decay is settled up to now: what has decayed of the oldest holding is Frac.
type Scene struct {
	Now     int64
	Places  uint64 // how many were protected so far
	Limits  []SceneLimit
	Leases  []SceneLease  // by token
	Waiters []SceneWaiter // by age
}

// SceneLimit is one limit.
type SceneLimit struct {
	Slots    int64
	Inactive bool
	Held     int64
	Frac     uint64
	Holdings []SceneHolding // by token
}

// SceneHolding is slots of one limit.
type SceneHolding struct {
	Token  uint64
	Kind   HolderKind
	Slots  int64
	FreeAt int64 // in grace: when that ends
}

// SceneLease is one lease of the demand that its owner's PID says.
type SceneLease struct {
	Token     uint64
	Demand    int
	Uncounted uint64 // one bit for each limit of the demand of which it took nothing
	End       int64
}

// SceneWaiter is one place in the queue.
type SceneWaiter struct {
	ID       string
	Age      uint64
	Demand   int
	Tagged   bool // the one whose wait is followed: its owner's host is not empty
	Park     int  // index of a limit
	Moves    int64
	Place    uint64 // of protection; 0: unprotected
	Staged   bool
	Parted   bool
	First    int64 // since when; -1: not first
	Lapse    int64
	Deadline int64
}

// Scene reads s into sc, whose space it uses again.
func (s *State) Scene(sc *Scene) {
	sc.Now, sc.Places = s.now, s.lastPlace
	sc.Limits, sc.Leases, sc.Waiters = sc.Limits[:0], sc.Leases[:0], sc.Waiters[:0]
	first := uint64(0) // limits are numbered on, so that an index follows from a number
	s.limits.ascend(0, func(_ uint64, l *limitRow) bool {
		if first == 0 {
			first = l.seq
		}
		sc.Limits = append(sc.Limits, s.sceneLimit(l, sc))
		return true
	})
	s.leases.ascend(0, func(_ uint64, x *lease) bool {
		t := x.terms.unpack()
		sl := SceneLease{Token: x.token, Demand: int(t.owner.PID), End: x.end}
		for i, g := range t.grants {
			if !g.counted {
				sl.Uncounted |= 1 << i
			}
		}
		sc.Leases = append(sc.Leases, sl)
		return true
	})
	s.waiters.ascend(0, func(_ uint64, w *waiter) bool {
		sc.Waiters = append(sc.Waiters, SceneWaiter{
			ID: w.id, Age: w.age, Demand: int(w.demand.owner.PID), Tagged: w.demand.owner.Host != "",
			Park: int(s.parkOf(w) - first), Moves: w.moves, Place: w.protection, Staged: w.staged, Parted: w.parted,
			First: w.first, Lapse: w.lapse, Deadline: w.deadline,
		})
		return true
	})
}

func (s *State) sceneLimit(l *limitRow, sc *Scene) SceneLimit {
	d := l.decayed(s.now)
	sl := SceneLimit{Slots: l.set.Slots, Inactive: !l.set.Active, Held: l.held - d.whole, Frac: d.frac}
	if d.empty {
		sl.Frac = 0
	}
	if n := len(sc.Limits); n < cap(sc.Limits) {
		sl.Holdings = sc.Limits[:n+1][n].Holdings[:0]
	}
	gone := d.whole
	s.holdings.ascend(pair{l.seq, 0}, func(k pair, h *holding) bool {
		if k.a != l.seq {
			return false
		}
		lost := min(gone, h.slots)
		gone -= lost
		if lost < h.slots {
			sl.Holdings = append(sl.Holdings, SceneHolding{Token: k.b, Kind: h.kind, Slots: h.slots - lost, FreeAt: h.freeAt})
		}
		return true
	})
	return sl
}

// Settled tells whether s has nothing left to do at this instant: no limit is
// marked, no job is open.
func (s *State) Settled() bool { return len(s.marked) == 0 && len(s.jobs) == 0 }

// Template makes States of Scenes that differ in leases and waiters only.
type Template struct {
	clock
	cluster
	limits  []*limitRow
	demands []*demand
	marks   [][16]byte
	ids     []string // of leases
	state   *State
	chunk   []ending
}

// NewTemplate makes one of a State with its limits, for the demands of the
// acquires given: each has its number for its owner's PID.
func NewTemplate(s *State, now int64, acquires []command.Acquire) *Template {
	t := &Template{state: New(), chunk: make([]ending, 0, chunkSize), clock: clock{index: 1000, now: now, term: s.term}, cluster: s.cluster}
	s.limits.ascend(0, func(_ uint64, l *limitRow) bool {
		t.limits = append(t.limits, l)
		return true
	})
	for i := range acquires {
		d, _ := s.demand(&acquires[i])
		t.demands = append(t.demands, d)
		t.marks = append(t.marks, fingerprint(&acquires[i]))
	}
	for i := range 100 {
		t.ids = append(t.ids, "l"+strconv.Itoa(i))
	}
	return t
}

// Wake makes a State of a Scene at the template's time. The scene's tokens are
// to be 1, 2, ..., its ages below the template's index. The State lives until
// the next Wake, which uses its space again.
func (t *Template) Wake(sc *Scene) (*State, error) {
	s := t.empty()
	s.clock, s.cluster = t.clock, t.cluster
	for i, row := range t.limits {
		t.wakeLimit(s, *row, &sc.Limits[i])
	}
	for i := range sc.Leases {
		t.wakeLease(s, i, &sc.Leases[i])
	}
	for i := range sc.Waiters {
		t.wakeWaiter(s, &sc.Waiters[i])
	}
	sc.Places = s.lastPlace
	return s, s.rebuild()
}

// empty returns the State as New would.
func (t *Template) empty() *State {
	s := t.state
	s.limits.tree.Clear()
	s.holdings.tree.Clear()
	s.leases.tree.Clear()
	s.waiters.tree.Clear()
	s.groups.tree.Clear()
	s.requests.tree.Clear()
	s.graces.Clear()
	s.families.Clear()
	s.names.Clear()
	s.endedBy.Clear()
	for _, set := range [...]pairs{s.naming, s.heads, s.guarded, s.members, s.ready, s.ends, s.nameless, s.deadlines, s.lapses, s.firsts, s.decays, s.oldests, s.unused, s.draining.limits} {
		set.tree.Clear()
	}
	s.draining = draining{limits: s.draining.limits}
	clear(s.lines)
	clear(s.alike)
	clear(s.marked)
	s.ended = fifo[ending]{chunks: [][]ending{t.chunk[:0]}}
	s.jobs, s.stale, s.touched, s.emptied, s.record = nil, s.stale[:0], s.touched[:0], s.emptied[:0], recordScope{}
	return s
}

func (t *Template) wakeLimit(s *State, row limitRow, l *SceneLimit) {
	row.set.Slots, row.set.Active = l.Slots, !l.Inactive
	row.held, row.frac, row.since = l.Held, l.Frac, s.now
	row.refs, row.holdings, row.drains = 0, 0, false
	s.limits.put(row.seq, &row, s.epoch)
	for _, h := range l.Holdings {
		s.lastToken = max(s.lastToken, h.Token)
		s.holdings.put(pair{row.seq, h.Token}, &holding{kind: h.Kind, slots: h.Slots, granted: s.now, freeAt: h.FreeAt}, s.epoch)
	}
}

func (t *Template) wakeLease(s *State, i int, l *SceneLease) {
	d := t.demands[l.Demand]
	x := &lease{token: l.Token, id: t.ids[i], end: l.End}
	fixed := terms{owner: d.owner, ttl: d.ttl, granted: s.now}
	for i, n := range d.wants {
		fixed.grants = append(fixed.grants, grant{limit: n.limit, slots: n.slots, mode: n.mode, counted: l.Uncounted>>i&1 == 0})
	}
	x.terms = fixed.pack()
	s.lastToken = max(s.lastToken, l.Token)
	s.leases.put(x.token, x, s.epoch)
	s.open(x.id, t.marks[l.Demand], requestHeld, x.token)
}

func (t *Template) wakeWaiter(s *State, x *SceneWaiter) {
	w := &waiter{age: x.Age, id: x.ID, demand: *t.demands[x.Demand], arrived: s.now}
	if x.Tagged {
		w.demand.owner.Host = "tagged"
	}
	w.place = place{
		deadline: x.Deadline, lapse: x.Lapse, park: t.limits[x.Park].seq, moves: x.Moves,
		protection: x.Place, staged: x.Staged, parted: x.Parted, first: x.First,
	}
	s.lastPlace = max(s.lastPlace, x.Place)
	s.waiters.put(w.age, w, s.epoch)
	s.open(w.id, t.marks[x.Demand], requestWaiting, w.age)
}
