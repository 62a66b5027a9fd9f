package limit_test

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
)

var (
	searchWaiters = flag.Int("search.waiters", 0, "how many waiters a scope of the exhaustive search may see (0: each scope's own number)")
	searchStates  = flag.Int("search.states", 100, "how many states of a scope the exhaustive search visits at most (0: all)")
)

// TestSearch walks, breadth first, through every state that the queue can get
// into in a few small scopes: every order of arrival, release, cancel, parting,
// coming back, resize, and the passing of time with the protections, expiries
// and lapses that it brings. In each state it asks that
//
//   - the oracle agrees, move by move;
//   - nobody waits who could be granted (A3);
//   - a grant overtook nobody who is older and parked on what it took (A2);
//   - nobody was moved more than eight times;
//   - without newcomers, releasing everything serves everybody (no deadlock);
//   - against a storm of newcomers everybody is served, too (nobody starves).
//
// Two states are the same if they can only go on alike: oracle.Model.Key.
// The default stops early in the larger scopes; -search.states=0 walks all of
// every scope, -search.waiters=3 or 4 makes them larger.
func TestSearch(t *testing.T) {
	for _, s := range scopes() {
		t.Run(s.name, func(t *testing.T) {
			if *searchWaiters > 0 {
				s.waiters = *searchWaiters
			}
			visited, all := s.search(t)
			t.Logf("%d states, all: %v", visited, all)
		})
	}
}

// scope is a small world.
type scope struct {
	name    string
	limits  []string   // as scripts write them
	held    []string   // who holds slots at first
	callers []string   // what newcomers may ask for
	waiters int        // how many newcomers there may be
	resize  [][2]int64 // of the first limit: the smallest and largest number of slots
	unit    time.Duration
	linger  time.Duration
	ttl     time.Duration
}

// scopes lists the worlds. Where unit is 1 ms leases and interest last for
// ever; where it is a second they end after a few.
func scopes() []scope {
	long := scope{unit: time.Millisecond, linger: time.Minute, ttl: 24 * time.Hour}
	short := scope{unit: time.Second, linger: 3 * time.Second, ttl: 4 * time.Second}
	with := func(s scope, name string, waiters int, limits, held, callers []string) scope {
		s.name, s.waiters, s.limits, s.held, s.callers = name, waiters, limits, held, callers
		return s
	}
	list := []scope{
		with(long, "one limit of 1", 3, []string{"a slots=1"}, []string{"a=1"}, []string{"a=1"}),
		with(long, "one limit of 2", 2, []string{"a slots=2"}, []string{"a=1", "a=1"}, []string{"a=1", "a=2"}),
		with(long, "one limit of 3, resized", 2, []string{"a slots=3"}, []string{"a=2"}, []string{"a=1", "a=2"}),
		with(long, "two limits of 1", 2, []string{"a slots=1", "b slots=1"}, []string{"a=1", "b=1"}, []string{"a=1", "b=1", "a=1 b=1"}),
		with(long, "limits of 2 and 1", 2, []string{"a slots=2", "b slots=1"}, []string{"a=1", "b=1"}, []string{"a=2", "b=1", "a=1 b=1"}),
		with(long, "a ring of three", 2, []string{"a slots=1", "b slots=1", "c slots=1"}, []string{"a=1", "b=1", "c=1"}, []string{"a=1 b=1", "b=1 c=1", "c=1 a=1"}),
		with(long, "one of them decays", 2, []string{"a slots=1", "r slots=1 rate=0.5/ms"}, []string{"a=1 r=1/rate"}, []string{"a=1 r=1/rate", "r=1/rate", "a=1"}),
		with(short, "leases and interest end", 2, []string{"a slots=2", "b slots=1"}, []string{"a=1", "b=1"}, []string{"a=2", "a=1 b=1"}),
		with(short, "grace and decay", 2, []string{"a slots=1 grace=2s", "r slots=2 rate=1/s"}, []string{"a=1 r=2"}, []string{"a=1 r=1", "r=2/rate"}),
	}
	list[2].resize = [][2]int64{{1, 4}}
	list[7].resize = [][2]int64{{1, 2}}
	return list
}

// state is where one path led.
type state struct {
	*both
	scope  *scope
	now    int64
	came   int      // newcomers so far
	leases []uint64 // tokens held
	places []place  // in the queue
	path   []string
}

// place is a waiter in the queue.
type place struct {
	id     string
	age    uint64
	wants  string
	parted bool
}

func (s *scope) search(t *testing.T) (visited int, all bool) {
	first := s.start(t)
	seen := map[string]bool{first.key(): true}
	queue := []*state{first}
	for len(queue) > 0 {
		if *searchStates > 0 && visited >= *searchStates {
			return visited, false
		}
		at := queue[0]
		queue = queue[1:]
		visited++
		for _, move := range at.moves() {
			next := at.fork(t)
			if err := next.do(move); err != nil {
				t.Fatalf("after\n\t%s\n%v", strings.Join(next.path, "\n\t"), err)
			}
			if key := next.key(); !seen[key] {
				seen[key] = true
				next.endings(t, len(seen))
				queue = append(queue, next)
			}
		}
	}
	return visited, true
}

// start makes the limits and the first holders.
func (s *scope) start(t *testing.T) *state {
	settings := command.DefaultSettings()
	settings.Patience, settings.MaxBackdate = 2*int64(s.unit), int64(min(s.unit, 100*time.Millisecond))
	at := &state{both: newBoth(settings), scope: s, now: int64(20 * time.Second)}
	for _, l := range s.limits {
		at.must(t, "limit "+l)
	}
	for i, h := range s.held {
		at.must(t, fmt.Sprintf("acquire h%d %s ttl=%v", i, h, s.ttl))
	}
	return at
}

func (at *state) must(t *testing.T, move string) {
	t.Helper()
	if err := at.do(move); err != nil {
		t.Fatal(err)
	}
}

// key is equal for states that can only go on alike.
func (at *state) key() string {
	return fmt.Sprintf("%d %s", at.came, at.model.Key(int64(10*time.Second)))
}

// fork copies the state, the real one by way of a snapshot.
func (at *state) fork(t *testing.T) *state {
	real, err := clone(at.real)
	if err != nil {
		t.Fatal(err)
	}
	c := *at
	c.both = &both{real: real, model: at.model.Clone(), index: at.index, term: at.term}
	c.leases, c.places, c.path = slices.Clone(at.leases), slices.Clone(at.places), slices.Clone(at.path)
	return &c
}

// moves lists what may happen next.
func (at *state) moves() (list []string) {
	for _, token := range at.leases {
		list = append(list, fmt.Sprintf("release token:%d", token))
	}
	for _, p := range at.places {
		list = append(list, "cancel "+p.id)
		if p.parted {
			list = append(list, fmt.Sprintf("acquire %s %s wait=24h linger=%v ttl=%v", p.id, p.wants, at.scope.linger, at.scope.ttl))
		} else {
			list = append(list, fmt.Sprintf("part %s lapse=%v", p.id, at.scope.linger))
		}
	}
	if at.came < at.scope.waiters {
		for _, wants := range at.scope.callers {
			list = append(list, fmt.Sprintf("acquire w%d %s wait=24h linger=%v ttl=%v", at.came, wants, at.scope.linger, at.scope.ttl))
		}
	}
	for _, r := range at.scope.resize {
		l, _ := at.real.Limit("a")
		for _, slots := range []int64{l.Settings.Slots - 1, l.Settings.Slots + 1} {
			if slots >= r[0] && slots <= r[1] {
				list = append(list, fmt.Sprintf("update a slots=%d", slots))
			}
		}
	}
	return append(list, "tick")
}

// do carries out one move, and checks what must hold of every step.
func (at *state) do(move string) error {
	at.path = append(at.path, move)
	words := strings.Fields(move)
	if words[0] == "tick" {
		at.now += int64(at.scope.unit)
	}
	script := &script{both: at.both, now: at.now}
	c, err := script.parse(words[0], words[1:])
	if err != nil {
		return err
	}
	if at.quick {
		applied, err := at.both.apply(c)
		at.note(c, applied)
		return err
	}
	before := at.parks()
	applied, err := at.both.apply(c)
	if err != nil {
		return err
	}
	at.note(c, applied)
	if err := at.overtaken(before, applied.Outcomes); err != nil {
		return err
	}
	if most := at.model.MostMoves(); most > 8 {
		return fmt.Errorf("somebody was moved %d times", most)
	}
	return at.idle()
}

// note keeps the books of leases and places.
func (at *state) note(c command.Command, applied limit.Applied) {
	if a, ok := c.Op.(*command.Acquire); ok {
		if _, waits := applied.Result.(*command.Waiting); waits && at.find(c.ID) == nil {
			words := strings.Fields(at.path[len(at.path)-1])
			wants := strings.Join(words[2:2+len(a.Entries)], " ")
			at.places = append(at.places, place{id: c.ID, age: at.index, wants: wants})
			at.came++
		} else if p := at.find(c.ID); p != nil {
			p.parted = false
		} else if c.ID[0] == 'w' {
			at.came++
		}
	}
	if p, ok := c.Op.(*command.Part); ok && at.find(p.ID) != nil {
		at.find(p.ID).parted = true
	}
	for _, o := range applied.Outcomes {
		at.places = slices.DeleteFunc(at.places, func(p place) bool { return p.id == o.ID })
	}
	at.leases = at.leases[:0]
	leases, _ := at.real.Leases(limit.LeaseFilter{}, 0, all)
	for _, l := range leases {
		at.leases = append(at.leases, l.Token)
	}
}

func (at *state) find(id string) *place {
	for i := range at.places {
		if at.places[i].id == id {
			return &at.places[i]
		}
	}
	return nil
}

// parks returns, by limit, who is parked there and neither parted nor protected.
func (at *state) parks() map[string][]limit.Waiter {
	parks := map[string][]limit.Waiter{}
	limits, _ := at.real.Limits(limit.LimitFilter{}, "", all)
	for _, l := range limits {
		queue, _ := at.real.Queue(l.Name, 0, all)
		for _, x := range queue {
			if x.ParkedOn == l.Name && !x.Parted && !x.Protected {
				parks[l.Name] = append(parks[l.Name], x)
			}
		}
	}
	return parks
}

// overtaken looks for a grant to one that stood in line, past an older one that
// was parked, and still is, on a limit that the grant took from.
func (at *state) overtaken(before map[string][]limit.Waiter, outcomes []limit.Outcome) error {
	after := at.parks()
	for _, o := range outcomes {
		g, ok := o.Result.(*command.Granted)
		if !ok || !inLine(before, o.Age) {
			continue
		}
		for _, l := range g.Limits {
			for _, x := range before[l.Name] {
				if x.Age < o.Age && slices.ContainsFunc(after[l.Name], func(y limit.Waiter) bool { return y.Age == x.Age }) {
					return fmt.Errorf("%s was granted before %s, which is older and parked on %s", o.ID, x.ID, l.Name)
				}
			}
		}
	}
	return nil
}

func inLine(parks map[string][]limit.Waiter, age uint64) bool {
	for _, list := range parks {
		if slices.ContainsFunc(list, func(x limit.Waiter) bool { return x.Age == age }) {
			return true
		}
	}
	return false
}

// idle looks for a waiter that could be granted, by a direct reading of A2: on
// each limit that it names there is room for it even beside all reservations,
// and nobody older is parked there.
func (at *state) idle() error {
	limits, _ := at.real.Limits(limit.LimitFilter{}, "", all)
	for _, p := range at.places {
		if !p.parted && at.fits(p, limits) {
			return fmt.Errorf("%s waits, and could be granted\n%s", p.id, dump(at.real, nil))
		}
	}
	return nil
}

func (at *state) fits(p place, limits []command.Limit) bool {
	for _, l := range limits {
		queue, _ := at.real.Queue(l.Name, 0, all)
		i := slices.IndexFunc(queue, func(x limit.Waiter) bool { return x.Age == p.age })
		if i < 0 {
			continue
		}
		room := l.Settings.Slots - l.Occupied
		for _, y := range queue {
			switch {
			case y.Age == p.age || y.Parted:
			case y.Protected:
				room -= y.Slots
			case y.ParkedOn == l.Name && y.Age < p.age && !queue[i].Protected:
				return false
			}
		}
		if room < queue[i].Slots {
			return false
		}
	}
	return true
}

// endings plays what must end well from every state: the drain, and from some the
// storm.
func (at *state) endings(t *testing.T, number int) {
	drained := at.fork(t)
	drained.quick = true
	if err := drained.drain(); err != nil {
		t.Fatalf("after\n\t%s\n%v", strings.Join(at.path, "\n\t"), err)
	}
	if number%16 != 0 {
		return
	}
	stormed := at.fork(t)
	stormed.quick = true
	if err := stormed.storm(); err != nil {
		t.Fatalf("after\n\t%s\n%v", strings.Join(at.path, "\n\t"), err)
	}
}

// drain releases what is held until nothing is, and time passes: everybody must
// have been served.
func (at *state) drain() error {
	for range 40 {
		if len(at.leases) > 0 {
			if err := at.do(fmt.Sprintf("release token:%d", at.leases[0])); err != nil {
				return err
			}
		}
		if err := at.do("tick"); err != nil || at.waiting() == 0 {
			return err
		}
	}
	return fmt.Errorf("a deadlock: everything was released, and some still wait\n%s", dump(at.real, nil))
}

// waiting counts the places that somebody waits in and that can be served.
func (at *state) waiting() (n int) {
	for _, p := range at.places {
		if !p.parted {
			n++
		}
	}
	return n
}

// storm releases the oldest lease each round, and after each release newcomers
// of all kinds try to get there first, while time passes: those who wait must
// all be served within a bounded number of rounds.
func (at *state) storm() error {
	for round := range 60 {
		var steps []string
		if len(at.leases) > 0 {
			steps = append(steps, fmt.Sprintf("release token:%d", at.leases[0]))
		}
		for i, wants := range at.scope.callers {
			steps = append(steps, fmt.Sprintf("acquire s%d-%d %s ttl=%v", round, i, wants, at.scope.ttl))
		}
		for _, step := range append(steps, "tick") {
			if err := at.do(step); err != nil {
				return err
			}
		}
		if at.waiting() == 0 {
			return nil
		}
	}
	return fmt.Errorf("somebody starves\n%s%s", dump(at.real, nil), at.model.Inside())
}
