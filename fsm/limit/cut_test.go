package limit_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
)

// TestCutRecords drives two copies of a state that has more to do than its
// records may: thousands of leases that end, and of waiters, on decaying limits.
// One copy is restored from a snapshot after every record, also in the middle of
// what was cut. Their digests stay equal (E7), and in the end nothing is left (E6).
func TestCutRecords(t *testing.T) {
	cut := 0
	for seed := range uint64(2) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			c := newCrowd(t, seed)
			c.run()
			cut += c.cut
		})
	}
	if cut == 0 {
		t.Error("no record was cut")
	}
}

// crowd is the two copies.
type crowd struct {
	t        *testing.T
	dice     *dice
	live     *limit.State
	restored *limit.State
	index    uint64
	cut      int // records that were not run
}

func newCrowd(t *testing.T, seed uint64) *crowd {
	c := &crowd{t: t, dice: newDice(), live: limit.New(), restored: limit.New()}
	c.dice.Rand = rand.New(rand.NewPCG(seed, 1))
	settings := driveSettings()
	settings.MaxWaiters, settings.MaxRemembered, settings.MaxLeases = 1e6, 1e6, 1e6
	c.play("", &command.Genesis{ClusterID: [16]byte{1}, Settings: settings, Rules: limit.Rules})
	for _, name := range limitNames() {
		c.play("", &command.PutLimit{Name: name, Settings: command.LimitSettings{Slots: 4000, Active: true, Rate: c.dice.rate(), Grace: c.dice.pick(0, 3) * unit}})
	}
	return c
}

// play applies one record to both, and proposes it again while it is cut.
func (c *crowd) play(id string, op command.Op) {
	c.t.Helper()
	for range 20 {
		c.index++
		h := command.Header{Stamp: c.dice.now, Accepted: c.dice.now, Term: 1, ID: id}
		a := c.live.Apply(c.index, 1, command.Command{Header: h, Op: op})
		b := c.restored.Apply(c.index, 1, command.Command{Header: h, Op: op})
		if len(a.Outcomes) != len(b.Outcomes) {
			c.t.Fatalf("record %d: %d outcomes, and %d after restores", c.index, len(a.Outcomes), len(b.Outcomes))
		}
		if _, again := a.Result.(*command.NotRun); !again {
			return
		}
		c.cut++
		c.compare()
	}
	c.t.Fatal("a record was cut 20 times")
}

// compare goes on with a restored copy of the restored one.
func (c *crowd) compare() {
	c.t.Helper()
	fresh, err := clone(c.restored)
	if err != nil {
		c.t.Fatal(err)
	}
	if fresh.Snapshot().Digest() != c.live.Snapshot().Digest() {
		c.t.Fatalf("record %d: other digests", c.index)
	}
	c.restored = fresh
}

func (c *crowd) run() {
	for round := range 2 {
		for i := range 4000 {
			a := &command.Acquire{TTL: c.dice.pick(20, 20, 21, 30) * unit, Linger: c.dice.pick(40, 41, 60) * unit, Wait: c.dice.pick(0, 50, 80, 80) * unit}
			for _, name := range limitNames() {
				if c.dice.chance(50) {
					a.Entries = append(a.Entries, command.Entry{Name: name, Slots: c.dice.pick(1, 1, 2, 40)})
				}
			}
			c.play(fmt.Sprintf("r%d-%d", round, i), a)
		}
		c.compare()
		for range 12 {
			c.dice.now += c.dice.step() + c.dice.pick(0, 0, 1, 10)
			c.disturb()
			c.compare()
		}
	}
	for range 40 {
		c.dice.now += 100 * unit
		c.play("", &command.Tick{})
		c.compare()
	}
	if n := c.live.Counts(); n.Leases+n.Waiters+n.Remembered != 0 {
		c.t.Errorf("left %+v", n)
	}
}

// disturb changes much at once.
func (c *crowd) disturb() {
	name := c.dice.name()
	slots, active, rate := c.dice.pick(3000, 4000, 9000), true, c.dice.rate()
	switch c.dice.IntN(7) {
	case 0:
		c.play("", &command.UpdateLimit{Name: name, Slots: &slots, Active: &active})
	case 1:
		active = false
		c.play("", &command.UpdateLimit{Name: name, Active: &active})
	case 2:
		c.play("", &command.UpdateLimit{Name: name, Rate: &rate, Active: &active})
	case 3:
		c.play("", &command.ResetLimit{Name: name})
	case 4:
		c.play("", &command.DeleteLimit{Name: name})
		c.play("", &command.PutLimit{Name: name, Settings: command.LimitSettings{Slots: slots, Active: true, Rate: rate}})
	default:
		c.play("", &command.Tick{})
	}
}
