package limit_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
)

// TestConvoy: thirty callers share the one slot of a, and want b as well each
// time; twenty who want b alone, and hold it for 0.1 s, get what the thirty leave
// of it. Were a convoy protected as a whole, it would keep slots of b idle for a
// slot of a that only one of them can have (A2).
func TestConvoy(t *testing.T) {
	const long = 10 * time.Minute
	for _, c := range []struct {
		name  string
		holds time.Duration // of those who want a, against a patience of 10 s
		sizes int64         // of what they want of b: 1, or 1 and 2 and so on
		least float64       // grants a second of b alone: of 10 slots 10 * (10 - kept)
	}{
		{"short", time.Second, 1, 89},
		{"short, of three sizes", time.Second, 3, 78},
		{"long", 15 * time.Second, 1, 86},                 // the next one keeps its slot for the last 5 s
		{"long, of three sizes", 15 * time.Second, 3, 72}, // two on average, and two more for the last 5 s
	} {
		t.Run(c.name, func(t *testing.T) {
			x := newFactory(t)
			for i := range int64(30) {
				x.callers = append(x.callers, caller{holds: c.holds, wants: []command.Entry{{Name: "a", Slots: 1}, {Name: "b", Slots: 1 + i%c.sizes}}})
			}
			for range 20 {
				x.callers = append(x.callers, caller{holds: 100 * time.Millisecond, wants: []command.Entry{{Name: "b", Slots: 1}}})
			}
			x.run(long)
			alone, convoy := 0, 0
			for i, y := range x.callers {
				if i < 30 {
					convoy += y.grants
				} else {
					alone += y.grants
				}
			}
			rate := float64(alone) / long.Seconds()
			t.Logf("%.1f grants/s of b alone, a in use %.3f of the time", rate, float64(convoy)*c.holds.Seconds()/long.Seconds())
			if rate < c.least {
				t.Errorf("%.1f grants/s of b alone, want at least %.1f", rate, c.least)
			}
			if used := time.Duration(convoy) * c.holds; used < long-2*c.holds {
				t.Errorf("a is in use for %v of %v", used, long)
			}
		})
	}
}

// caller takes what it wants again and again, and holds it for a while each time.
type caller struct {
	wants  []command.Entry
	holds  time.Duration
	grants int
}

// factory is callers at work on limits a, of one slot, and b, of ten.
type factory struct {
	*testing.T
	bench
	callers []caller
	waits   map[uint64]int     // caller by the age of its wait
	held    map[int64][]holder // by the instant of release
}

type holder struct {
	caller int
	token  uint64
}

func newFactory(t *testing.T) *factory {
	x := &factory{T: t, bench: *newBench(t), waits: map[uint64]int{}, held: map[int64][]holder{}}
	x.limit("a", 1)
	x.limit("b", 10)
	return x
}

// run lets everybody work for a time: a millisecond after the other.
func (x *factory) run(long time.Duration) {
	end := x.now + int64(long)
	for i := range x.callers {
		x.ask(i)
	}
	interest := x.now
	for x.now < end {
		if x.now >= interest {
			x.showInterest()
			interest = x.now + int64(30*time.Second)
		}
		done := x.held[x.now]
		delete(x.held, x.now)
		for _, h := range done {
			x.play("", &command.Release{Token: h.token})
			x.ask(h.caller)
		}
		x.now += int64(time.Millisecond)
		if due, ok := x.state.NextDue(); ok && due <= x.now {
			x.play("", &command.Tick{})
		}
	}
}

func (x *factory) ask(i int) {
	y := &x.callers[i]
	switch got := x.play(fmt.Sprint("i", x.index), &command.Acquire{Entries: y.wants, Wait: int64(23 * time.Hour), TTL: int64(time.Hour), Linger: limit.MaxLinger}).(type) {
	case *command.Granted:
		x.hold(i, got.Token)
	case *command.Waiting:
		x.waits[got.Age] = i
	default:
		x.Fatalf("%#v", got)
	}
}

func (x *factory) hold(i int, token uint64) {
	x.callers[i].grants++
	at := x.now + int64(x.callers[i].holds)
	x.held[at] = append(x.held[at], holder{i, token})
}

func (x *factory) showInterest() {
	ages := make([]uint64, 0, len(x.waits))
	for age := range x.waits {
		ages = append(ages, age)
	}
	x.play("", &command.Interest{Ages: ages})
}

// play applies a record now, and lets those whom it granted hold.
func (x *factory) play(id string, op command.Op) command.Result {
	x.index++
	h := command.Header{Stamp: x.now, Term: 1, Accepted: x.now, ID: id}
	got := x.state.Apply(x.index, 1, command.Command{Header: h, Op: op})
	for _, o := range got.Outcomes {
		g, ok := o.Result.(*command.Granted)
		if !ok {
			x.Fatalf("a wait ended with %#v", o.Result)
		}
		x.hold(x.waits[o.Age], g.Token)
		delete(x.waits, o.Age)
	}
	return got.Result
}
