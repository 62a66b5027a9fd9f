package cluster_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/limitd/limitd/cluster/clustertest"
	"github.com/limitd/limitd/fsm/command"
)

// TestTimeIsNeverFasterThanReal: between any two answers cluster time advances
// by no more than real time, though leaders die, wall clocks jump, and nodes'
// monotonic clocks start anywhere.
func TestTimeIsNeverFasterThanReal(t *testing.T) {
	for seed := range uint64(5) {
		synctest.Test(t, func(t *testing.T) {
			c := clustertest.Start(t, clustertest.Options{Nodes: 3, Seed: seed})
			start := time.Now()
			lowest := int64(0) // of cluster time less real time, at a call's start
			for round := range 6 {
				for range 20 {
					called := int64(time.Since(start))
					a := op(t, c, "", &command.Tick{}, 0)
					if ahead := a.Time - int64(time.Since(start)); ahead > lowest {
						t.Fatalf("seed %d: cluster time gained %v on real time", seed, time.Duration(ahead-lowest))
					}
					lowest = min(lowest, a.Time-called)
					sleep(t, 7*time.Millisecond)
				}
				l := c.Leader()
				l.Clock.SetWall(time.Duration(round-3) * time.Hour)
				c.Kill(l)
				c.Leader()
				c.Restart(l)
			}
		})
	}
}

// TestAnElectionCostsNoTime: a leader continues the last one's clock.
func TestAnElectionCostsNoTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := three(t, 1)
		a := op(t, c, "", &command.Tick{}, 0)
		start := time.Now()
		sleep(t, 5*time.Second)
		c.Kill(c.Leader())
		b := op(t, c, "", &command.Tick{}, 0)
		lost := int64(time.Since(start)) - (b.Time - a.Time)
		if lost < 0 || lost > int64(25*time.Millisecond) {
			t.Fatalf("a failover lost %v of cluster time", time.Duration(lost))
		}
	})
}

// TestAFullStopStopsTime: cluster time resumes where it stood.
func TestAFullStopStopsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := three(t, 1)
		before := op(t, c, "", &command.Tick{}, 0).Time
		for _, n := range c.Nodes() {
			c.Kill(n)
		}
		sleep(t, time.Hour)
		for _, n := range c.Nodes() {
			c.Restart(n)
		}
		start := time.Now()
		after := op(t, c, "", &command.Tick{}, 0).Time
		if gone := after - before; gone < 0 || gone > int64(time.Since(start)+time.Second) {
			t.Fatalf("cluster time moved by %v over a full stop of an hour", time.Duration(gone))
		}
	})
}

// TestAnIdleClusterWritesNothing: no record, however long.
func TestAnIdleClusterWritesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := three(t, 1)
		g := granted(t, op(t, c, "a", acquire("db", 0), 0))
		op(t, c, "", &command.Release{Token: g.Token}, 0)
		sleep(t, 2*time.Minute) // what is remembered of these is forgotten meanwhile
		l := c.Leader().R()
		before, ticks := l.Status(), l.Counters().Ticks
		sleep(t, 10*time.Minute)
		if after := l.Status(); after.LastIndex != before.LastIndex {
			t.Fatalf("an idle cluster wrote %d entries", after.LastIndex-before.LastIndex)
		}
		if n := l.Counters().Ticks - ticks; n != 0 {
			t.Fatalf("an idle leader proposed %d ticks", n)
		}
	})
}

// TestALeaseEndsOnTime though nobody writes, and costs one tick a second until then.
func TestALeaseEndsOnTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := three(t, 1)
		l := c.Leader().R()
		ticks := l.Counters().Ticks
		a := acquire("db", 0)
		a.TTL = 10 * second
		granted(t, op(t, c, "a", a, 0))
		start := time.Now()
		granted(t, op(t, c, "b", acquire("db", time.Minute), time.Minute))
		if took := time.Since(start); took < 10*time.Second || took > 10*time.Second+20*time.Millisecond {
			t.Fatalf("the waiter was granted after %v, the lease had 10 s", took)
		}
		if n := l.Counters().Ticks - ticks; n < 5 || n > 15 {
			t.Fatalf("%d ticks in ten seconds", n)
		}
	})
}

// TestARateIsKept: decay grants each waiter when its slot is due.
func TestARateIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clustertest.Start(t, clustertest.Options{Nodes: 3})
		rate, err := command.ParseRate("50/s")
		if err != nil {
			t.Fatal(err)
		}
		op(t, c, "", &command.PutLimit{Name: "api", Settings: command.LimitSettings{Slots: 1, Active: true, Rate: rate}}, 0)
		start := time.Now()
		const n = 101
		for i := range n {
			o := acquire("api", time.Minute)
			o.Entries[0].Mode = command.RateLimit
			granted(t, op(t, c, fmt.Sprintf("r%d", i), o, time.Minute))
		}
		if took := time.Since(start); took < 2*time.Second || took > 2*time.Second+100*time.Millisecond {
			t.Fatalf("%d admissions at 50/s took %v", n, took)
		}
	})
}

// sleep lets fake time pass.
func sleep(t *testing.T, d time.Duration) {
	t.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	<-timer.C
}
