package limit_test

import (
	"fmt"
	"time"
)

// scopes lists the worlds of the search: those that take a second or less; those
// that the default run adds, without the race detector; and all the others.
func scopes(full bool) (list []scope) {
	list = append(list, one(1, 3), ring(2), counted(2), followed(1), followed(2), followedTwo(2), interest(2), grace(1), grace(2))
	if slower > 1 && !full {
		return list
	}
	list = append(list, one(2, 3), one(3, 2), two(2, 1, 2), judged(), decay(2))
	if !full {
		return list
	}
	list = append(list, one(3, 3), two(1, 1, 3), ring(3), counted(3), followed(3), followedTwo(3), interest(3), decay(3))
	list = append(list, one(1, 4), one(1, 5), one(2, 4), one(2, 5), one(3, 4), followedRing(3), rows(3), followedDecay(2), ring(4), two(2, 2, 3), two(3, 1, 3))
	return append(list, two(2, 1, 3), two(1, 1, 4), one(3, 5), two(2, 1, 4), followedDecay(3))
}

// one is a limit on which anything happens, in every way.
func one(slots, waiters int) scope {
	s := scope{
		name:   fmt.Sprintf("1 limit of %d, %d waiters", slots, waiters),
		limits: []string{fmt.Sprintf("a slots=%d", slots)}, held: []string{"a=1"}, callers: []string{"a=1"},
		waiters: waiters, parted: 2, ways: true, resize: [2]int64{int64(max(1, slots-1)), int64(slots + 1)}, toggle: slots == 1,
	}
	if waiters > 4 {
		s.parted = 1
	}
	if slots > 1 {
		s.callers = append(s.callers, "a=2")
	}
	if slots > 2 {
		s.callers = append(s.callers, "a=3")
	}
	return s
}

// two are limits that some want together.
func two(a, b, waiters int) scope {
	s := scope{
		name:   fmt.Sprintf("2 limits of %d and %d, %d waiters", a, b, waiters),
		limits: []string{fmt.Sprintf("a slots=%d", a), fmt.Sprintf("b slots=%d", b)}, held: []string{"a=1"},
		callers: []string{"a=1", "b=1", "a=1 b=1"}, waiters: waiters, parted: 2, ways: true,
	}
	if a > 1 {
		s.callers = append(s.callers, "a=2 b=1")
	}
	s.resize = [2]int64{1, int64(max(2, a))}
	if a > 1 && waiters > 3 {
		s.parted = 1
	}
	return s
}

// ring is three limits, each of which is wanted with the next.
func ring(waiters int) scope {
	s := scope{
		name: fmt.Sprintf("a ring of 3 limits, %d waiters", waiters), limits: []string{"a slots=1", "b slots=1", "c slots=1"}, held: []string{"a=1"},
		callers: []string{"a=1 b=1", "b=1 c=1", "c=1 a=1"}, waiters: waiters, parted: 2, ways: true,
	}
	if waiters < 4 {
		s.resize = [2]int64{1, 2}
	}
	return s
}

// counted counts the moves, to the eighth.
func counted(waiters int) scope {
	return scope{
		name: fmt.Sprintf("2 limits of 1, %d waiters, moves counted", waiters), limits: []string{"a slots=1", "b slots=1"}, held: []string{"a=1"},
		callers: []string{"a=1", "b=1", "a=1 b=1"}, waiters: waiters, exact: true,
	}
}

// judged turns a limit active under waiters that want more than all of it.
func judged() scope {
	return scope{
		name: "2 limits, one turned on and off", limits: []string{"a slots=1 inactive", "b slots=1"}, held: []string{"b=1"},
		callers: []string{"b=1", "a=2 b=1", "a=1 b=1"}, waiters: 2, toggle: true, resize: [2]int64{1, 2}, parted: 2,
	}
}

// timed is a scope in which time passes, and ends leases and waits by itself.
func timed(s scope) scope {
	s.ways = false
	s.timed, s.patience = time.Second, 2*time.Second
	s.ttl = 2 * time.Second
	return s
}

// followed follows one waiter through time.
func followed(slots int) scope {
	s := one(slots, 3)
	s.name, s.tag, s.toggle, s.resize = fmt.Sprintf("1 limit of %d in time, 3 waiters, one followed", slots), true, false, [2]int64{}
	return timed(s)
}

func followedTwo(waiters int) scope {
	s := two(1, 1, waiters)
	s.name, s.tag, s.resize = fmt.Sprintf("2 limits of 1 in time, %d waiters, one followed", waiters), true, [2]int64{}
	s.parted = max(0, 3-waiters)
	return timed(s)
}

func followedRing(waiters int) scope {
	s := ring(waiters)
	s.name, s.tag, s.parted = fmt.Sprintf("a ring of 3 limits in time, %d waiters, one followed", waiters), true, 0
	s.resize = [2]int64{}
	return timed(s)
}

// rows has one waiter that wants all of a limit beside two rows of those that
// want a part of it and something else, and are protected in turn.
func rows(waiters int) scope {
	s := timed(scope{
		name:   fmt.Sprintf("two rows beside one that wants all in time, %d waiters, one followed", waiters),
		limits: []string{"a slots=1", "b slots=1", "c slots=2"}, held: []string{"a=1", "b=1", "c=1", "c=1"},
		callers: []string{"c=2", "a=1 c=1", "b=1 c=1"}, waiters: waiters, tag: true,
	})
	s.ttl = 4 * time.Second // longer than the patience, so that the rows' turns meet
	return s
}

// interest lapses unless it is renewed.
func interest(waiters int) scope {
	s := two(1, 1, waiters)
	s.name, s.linger, s.renew, s.parted, s.resize = fmt.Sprintf("2 limits of 1 in time, %d waiters whose interest lapses", waiters), 2*time.Second, true, 1, [2]int64{}
	s.callers = []string{"b=1", "a=1 b=1"}
	return timed(s)
}

// grace keeps the slots of expired leases a moment longer.
func grace(slots int) scope {
	s := scope{
		name: fmt.Sprintf("a limit of %d with grace, 3 waiters, one followed", slots), limits: []string{fmt.Sprintf("a slots=%d grace=1s", slots)},
		held: []string{"a=1"}, callers: []string{"a=1"}, waiters: 3, tag: true,
	}
	if slots > 1 {
		s.callers = append(s.callers, "a=2")
	}
	return timed(s)
}

// decay has a limit that decays beside one that does not.
func decay(waiters int) scope {
	s := scope{
		name: fmt.Sprintf("a limit that decays beside another, %d waiters", waiters), limits: []string{"a slots=1", "b slots=2 rate=0.5/s"},
		held: []string{"a=1 b=1"}, callers: []string{"a=1 b=1/rate", "b=1/rate", "b=2", "a=1"}, waiters: waiters, parted: 2,
	}
	return timed(s)
}

func followedDecay(waiters int) scope {
	s := decay(waiters)
	s.name, s.parted, s.tag, s.exact = s.name+", one followed", 0, true, true
	return s
}
