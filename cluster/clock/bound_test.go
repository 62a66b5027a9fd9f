package clock_test

import (
	"math/rand/v2"
	"testing"

	"github.com/limitd/limitd/cluster/clock"
)

const second = int64(1e9)

func at(t *testing.T, b *clock.Bound, now, want int64) {
	t.Helper()
	if got, ok := b.At(now); !ok || got != want {
		t.Fatalf("bound at %d is %d (%v), want %d", now, got, ok, want)
	}
}

func TestNothingIsKnownBeforeTheFirstRecord(t *testing.T) {
	var b clock.Bound
	if _, ok := b.At(5); ok {
		t.Fatal("a bound without records")
	}
	if c := b.Continue(7, 100); c.At(103) != 10 {
		t.Fatalf("the first leader shows %d, want 10", c.At(103))
	}
}

func TestTheLargestOffsetOfTheWindowCounts(t *testing.T) {
	var b clock.Bound
	b.Heed(1, 1000, 500) // offset 500
	b.Heed(1, 1010, 900) // a slow apply: offset 110
	at(t, &b, 1000, 1500)
}

func TestAnOffsetLeavesAfterTenSeconds(t *testing.T) {
	var b clock.Bound
	b.Heed(1, 100, 0) // offset 100
	b.Heed(1, 5*second+40, 5*second)
	at(t, &b, 10*second, 10*second+100)
	at(t, &b, 10*second+1, 10*second+41)
	at(t, &b, 15*second+1, 15*second+41) // the newest counts for ever
}

func TestANewerTermDropsOlderOffsets(t *testing.T) {
	var b clock.Bound
	b.Heed(4, 1000, 0)
	b.Heed(5, 10, 10)
	at(t, &b, 20, 20)
	b.Heed(4, 9999, 30) // a record of an older term teaches nothing
	at(t, &b, 40, 40)
}

func TestARestoreDropsEverything(t *testing.T) {
	var b clock.Bound
	b.Heed(9, 100*second, 0)
	b.Reset(3*second, 10)
	at(t, &b, 20, 3*second+10)
	b.Heed(2, 3*second+1, 30) // terms may begin anew in a restored cluster
	at(t, &b, 40, 3*second+11)
}

func TestALeaderGoesOnFromTheLaterOfStateAndBound(t *testing.T) {
	var b clock.Bound
	b.Heed(1, 100, 50)
	if c := b.Continue(100, 1050); c.At(1060) != 1110 {
		t.Fatalf("by the bound: %d, want 1110", c.At(1060))
	}
	if c := b.Continue(5000, 1050); c.At(1060) != 5010 {
		t.Fatalf("by the state: %d, want 5010", c.At(1060))
	}
}

// TestAgainstAllSamples compares with a model that keeps every record. The
// bound may forget a peak one grain early and no earlier, and never exceeds it.
func TestAgainstAllSamples(t *testing.T) {
	const grain = clock.Window / 1000
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 1))
		var b clock.Bound
		type rec struct {
			term   uint64
			offset int64
			at     int64
		}
		var all []rec
		now, term := int64(0), uint64(1)
		best := func(window int64) int64 {
			newest := all[len(all)-1]
			max := newest.offset
			for _, r := range all {
				if r.term == newest.term && r.at >= now-window && r.offset > max {
					max = r.offset
				}
			}
			return now + max
		}
		for range 400 {
			now += rng.Int64N(second / 5)
			if rng.IntN(100) == 0 {
				term++
			}
			stamp := now - rng.Int64N(second)
			b.Heed(term, stamp, now)
			all = append(all, rec{term, stamp - now, now})
			now += rng.Int64N(second / 50)
			got, _ := b.At(now)
			if hi, lo := best(clock.Window), best(clock.Window-grain); got > hi || got < lo {
				t.Fatalf("seed %d: bound %d, want between %d and %d", seed, got, lo, hi)
			}
		}
	}
}

// TestNeverFasterThanRealTime runs leaders one after the other on nodes that
// apply with delays, and checks that cluster time advances by no more than
// real time between any two stamps.
func TestNeverFasterThanRealTime(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 2))
		const nodes = 3
		var bounds [nodes]clock.Bound
		var base [nodes]int64 // each node's monotonic clock starts elsewhere
		for i := range base {
			base[i] = rng.Int64N(1000 * second)
		}
		real, state, term := int64(0), int64(0), uint64(0)
		lead, leader := 0, clock.Leading{}
		for step := range 300 {
			real += rng.Int64N(second)
			if step == 0 || rng.IntN(20) == 0 {
				term++
				lead = rng.IntN(nodes)
				leader = bounds[lead].Continue(state, real+base[lead])
			}
			stamp := leader.At(real + base[lead])
			if stamp > real {
				t.Fatalf("seed %d: cluster time %d after %d of real time", seed, stamp, real)
			}
			state = max(state, stamp)
			real += rng.Int64N(second / 10)
			for i := range bounds {
				bounds[i].Heed(term, stamp, real+base[i])
				if got, _ := bounds[i].At(real + base[i]); got > leader.At(real+base[lead]) {
					t.Fatalf("seed %d: node %d's bound %d is ahead of the leader", seed, i, got)
				}
			}
		}
	}
}

func TestTheSystemClockGoesForward(t *testing.T) {
	c := clock.New()
	if a, b := c.Monotonic(), c.Monotonic(); b < a || c.Wall() == 0 {
		t.Fatalf("%d then %d", a, b)
	}
}
