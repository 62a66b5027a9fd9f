package sim

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/limitd/limitd/jepsen/sim/rumour"
)

// kind is a kind of fault.
type kind struct {
	name   string
	weight int // how often, among the others
	breaks breaks
	draw   func(dice *rand.Rand, p Plan, f *Fault) // what is particular to it
	do     func(b *blow) (mend func(), err error)  // mend is called once
}

// breaks says what a fault takes from the cluster while it lasts.
type breaks int

const (
	nothing breaks = iota // all nodes go on
	some                  // its machines: at most a minority at a time
	most                  // a majority, or all: a seed has one such fault at most
)

// kinds returns the kinds that a seed has several of.
func kinds() []kind {
	return []kind{
		{"kill", 8, some, onOne, kill},
		{"kill-majority", 1, most, onMajority, kill},
		{"kill-all", 1, most, onAll, kill},
		{"stop", 4, some, onOne, stop},
		{"pause", 4, some, drawPause, pause},
		{"isolate", 5, some, onOne, isolate},
		{"halves", 3, some, onMinority, isolate},
		{"one-way", 4, some, onTwo, oneWay},
		{"deaf", 3, some, onOne, deaf},
		{"mute", 3, some, onOne, mute},
		{"flap", 2, some, onOne, flap},
		{"lossy", 4, nothing, drawLossy, lossy},
		{"slow-link", 3, nothing, drawSlow, slowLink},
		{"break", 3, nothing, onAll, breakStreams},
		{"hidden", 2, nothing, onOne, hidden},
		{"disk-slow", 3, nothing, drawSlow, diskSlow},
		{"disk-full", 2, some, onOne, diskFull},
		{"disk-hang", 1, some, drawHang, diskHang},
		{"clock-rate", 4, nothing, drawRate, clockRate},
		{"clock-wall", 4, nothing, drawWall, clockWall},
		{"transfer", 4, nothing, onOne, transfer},
		{"join", 2, nothing, onNone, join},
		{"replace", 1, some, onFounder, replace},
	}
}

// rareKinds returns those that a seed has a few of at most. They have dice of
// their own, so that a seed of before they were thought of keeps its other faults.
func rareKinds() []kind {
	return []kind{
		{"restore", 2, some, onLeader, restore},
		{"unheard", 2, nothing, drawUnheard, unheard},
		{"split", 2, some, onMinority, split},
		{"rot", 2, some, onFounder, rot},
	}
}

func allKinds() []kind { return slices.Concat(kinds(), rareKinds()) }

// Kinds returns how many kinds of faults there are.
func Kinds() int { return len(allKinds()) }

// kindNamed returns a kind by its name.
func kindNamed(name string) kind {
	for _, k := range allKinds() {
		if k.name == name {
			return k
		}
	}
	panic("sim: no fault is called " + name)
}

func onNone(*rand.Rand, Plan, *Fault) {}

func onLeader(_ *rand.Rand, _ Plan, f *Fault) { f.On = []int{0} }

// onOne is on one machine: every second time on the leader.
func onOne(dice *rand.Rand, p Plan, f *Fault) {
	f.On = []int{0}
	if dice.IntN(2) == 0 {
		onFounder(dice, p, f)
	}
}

func onFounder(dice *rand.Rand, p Plan, f *Fault) { f.On = []int{1 + dice.IntN(p.Nodes)} }

// onTwo is on a way from one machine to another.
func onTwo(dice *rand.Rand, p Plan, f *Fault) { f.On = firstOf(dice.Perm(p.Nodes), 2) }

func onMinority(dice *rand.Rand, p Plan, f *Fault) { f.On = firstOf(dice.Perm(p.Nodes), (p.Nodes-1)/2) }

func onMajority(dice *rand.Rand, p Plan, f *Fault) { f.On = firstOf(dice.Perm(p.Nodes), p.Nodes/2+1) }

func onAll(dice *rand.Rand, p Plan, f *Fault) { f.On = firstOf(dice.Perm(p.Nodes), p.Nodes) }

// firstOf returns the first n of a permutation, as numbers of machines.
func firstOf(order []int, n int) (list []int) {
	for _, i := range order[:n] {
		list = append(list, i+1)
	}
	return list
}

// longestPause is less than what a watchdog takes for a hanging disk: in the
// simulator it goes on looking while its process is stopped.
const longestPause = 4 * time.Second

func drawPause(dice *rand.Rand, p Plan, f *Fault) {
	onOne(dice, p, f)
	f.For = min(f.For, longestPause)
}

func drawLossy(dice *rand.Rand, _ Plan, f *Fault) {
	f.Rate, f.Size = 0.02+dice.Float64()*0.25, between(dice, time.Millisecond, 60*time.Millisecond)
}

func drawSlow(dice *rand.Rand, p Plan, f *Fault) {
	onOne(dice, p, f)
	f.Size = between(dice, 5*time.Millisecond, 250*time.Millisecond)
}

// drawUnheard is on one machine or a minority of them, often for longer than
// it takes to be taken for dead.
func drawUnheard(dice *rand.Rand, p Plan, f *Fault) {
	pick(dice, onOne, onMinority)(dice, p, f)
	f.For = between(dice, rumour.Silence/2, 4*rumour.Silence)
}

func drawHang(dice *rand.Rand, p Plan, f *Fault) {
	onOne(dice, p, f)
	f.For = between(dice, 2*time.Second, 9*time.Second)
}

func drawRate(dice *rand.Rand, p Plan, f *Fault) {
	onOne(dice, p, f)
	f.Rate, f.For = 1+(dice.Float64()*2-1)*clockError, between(dice, time.Second, p.Duration)
}

func drawWall(dice *rand.Rand, p Plan, f *Fault) {
	onOne(dice, p, f)
	f.Size, f.For = between(dice, -5*time.Hour, 5*time.Hour), between(dice, time.Second, p.Duration)
}
