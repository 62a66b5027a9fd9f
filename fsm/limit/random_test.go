package limit_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
)

// unit is the grain of the random times: coarse, so that many things fall due
// at one instant. The largest backdating is two of it.
const unit = int64(50e6)

// dice draws random commands, each from a seed of its own. It knows a little of
// what there is, so that most of what it asks for makes sense.
type dice struct {
	*rand.Rand
	now    int64
	term   uint64
	queue  bool              // mostly a crowded queue, few changes of limits
	old    bool              // the rules may change
	acl    bool              // tokens and policies change, too
	even   bool              // spans and slots by which ends, decay and deadlines meet at one instant
	dues   []int64           // instants at which something falls due
	first  uint64            // the record that made the first token
	tokens uint64            // the newest token that was seen
	ages   map[string]uint64 // of acquires, by id
}

// driveSettings keep everything short, so that it happens within a few steps.
func driveSettings() command.Settings {
	s := command.DefaultSettings()
	s.TickInterval = 20 * unit
	s.DefaultTTL, s.Remember, s.Patience, s.MaxBackdate = 40*unit, 100*unit, 8*unit, 2*unit
	s.MaxImplicit, s.ImplicitTTL = 2, 60*unit
	s.MaxWaiters, s.MaxRemembered, s.MaxLimits, s.MaxLeases = 8, 60, 5, 20
	return s
}

func limitNames() []string { return []string{"a", "b", "c"} }

func newDice() *dice { return &dice{term: 1, ages: map[string]uint64{}} }

func (d *dice) pick(from ...int64) int64 { return from[d.IntN(len(from))] }

func (d *dice) chance(percent int) bool { return d.IntN(100) < percent }

// beat is what the spans of even runs are made of: the least ttl.
const beat = 20 * unit

// span draws a span in units, and in even runs mostly one or two beats.
func (d *dice) span(from ...int64) int64 {
	if d.even && d.chance(80) {
		return d.pick(beat, beat, 2*beat)
	}
	return d.pick(from...) * unit
}

func (d *dice) name() string { return limitNames()[d.IntN(3)] }

func (d *dice) id() string { return string("ijklmnopqr"[d.IntN(10)]) }

func (d *dice) token() uint64 { return 1 + d.Uint64N(d.tokens+1) }

// lateToken is one of the newest tokens: most of those are still held.
func (d *dice) lateToken() uint64 { return d.tokens + 1 - d.Uint64N(min(d.tokens, 4)+1) }

// next draws a record.
func (d *dice) next(seed uint64) command.Command {
	d.Rand = rand.New(rand.NewPCG(seed, 0))
	d.now += d.step()
	c := command.Command{Header: command.Header{Stamp: d.now, Accepted: d.now, Term: d.term, Wall: 1e18 + d.now}}
	if d.chance(2) {
		c.Accepted -= d.pick(1, 50, 99, 100, 101, 200) * unit
	}
	if d.chance(2) {
		c.Term--
	}
	if d.chance(3) {
		c.Stamp -= 3 * unit // a clock that was behind
	}
	table := d.table()
	c.Op = table[d.IntN(len(table))](&c.Header)
	return c
}

// step draws how far time moves: often not at all, now and then to where
// something falls due or beside it, seldom by an odd number.
func (d *dice) step() int64 {
	switch n := d.IntN(100); {
	case n < 3:
		return 1 + d.Int64N(4*unit)
	case n < 25 && len(d.dues) > 0:
		due := d.dues[d.IntN(min(6, len(d.dues)))]
		return max(0, due-d.now+d.pick(0, 0, 0, 0, -1, 1))
	}
	return unit * d.pick(0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 4, 8, 20, 60)
}

type draw func(*command.Header) command.Op

// table lists the operations, the frequent ones several times.
func (d *dice) table() []draw {
	many := func(n int, f draw) []draw { return slices.Repeat([]draw{f}, n) }
	if d.old && d.chance(1) {
		return []draw{func(*command.Header) command.Op { return &command.SetRules{Version: limit.Rules} }}
	}
	if d.queue {
		return slices.Concat(many(30, d.contend), many(24, d.release), many(4, d.cancel), many(4, d.part), many(8, d.interest),
			many(8, d.tick), many(2, d.update), many(1, d.put), many(1, d.settings), many(1, d.endQuarantine))
	}
	if d.acl && d.chance(30) {
		return []draw{d.policy, d.policy, d.createToken, d.createToken, d.createToken, d.rotateToken, d.rotateToken, d.deleteToken, d.deletePolicy, d.bootstrap}
	}
	return slices.Concat(
		many(14, d.acquire), many(7, d.release), many(3, d.cancel), many(2, d.renew), many(3, d.part), many(3, d.interest),
		many(6, d.tick), many(5, d.update), many(2, d.put), many(1, d.delete), many(1, d.reset), many(1, d.force),
		many(2, d.decrement), many(1, d.setActive), many(1, d.disown), many(1, d.settings), many(1, d.endQuarantine),
	)
}

func (d *dice) endQuarantine(*command.Header) command.Op { return &command.EndQuarantine{} }

func (d *dice) acquire(h *command.Header) command.Op {
	h.ID = d.id()
	a := &command.Acquire{
		TTL: d.span(0, 20, 21, 24, 40), Wait: d.span(0, 0, 4, 8, 20, 40, 400),
		Linger:  d.span(0, 6, 10, 40),
		Missing: command.Missing(d.pick(0, 1, 1, 2)),
	}
	for _, name := range limitNames() {
		if d.chance(45) {
			a.Entries = append(a.Entries, command.Entry{Name: name, Slots: d.pick(1, 1, 1, 2, 2, 3, 0), Mode: d.mode()})
		}
	}
	if d.chance(30) {
		slices.Reverse(a.Entries)
	}
	a.Anonymous = d.chance(8)
	if d.chance(30) {
		a.Family = [16]byte{byte(d.pick(1, 2))}
	}
	return a
}

// contend asks for a few slots of two limits of three, and waits.
func (d *dice) contend(h *command.Header) command.Op {
	h.ID = d.id()
	a := &command.Acquire{TTL: d.span(400), Wait: d.span(0, 400, 400), Linger: d.span(400), Missing: command.MissingSkip}
	for _, name := range limitNames() {
		if d.chance(60) {
			a.Entries = append(a.Entries, command.Entry{Name: name, Slots: d.pick(1, 1, 1, 2, 2, 0)})
		}
	}
	return a
}

func (d *dice) mode() command.Mode {
	if d.chance(25) {
		return command.RateLimit
	}
	return command.Concurrency
}

func (d *dice) release(h *command.Header) command.Op {
	d.key(h, 10)
	if d.chance(50) {
		return &command.Release{ID: d.id()}
	}
	return &command.Release{Token: d.lateToken()}
}

func (d *dice) cancel(h *command.Header) command.Op {
	d.key(h, 10)
	return &command.Cancel{ID: d.id()}
}

func (d *dice) renew(*command.Header) command.Op {
	return &command.Renew{Tokens: []uint64{d.token(), d.lateToken()}, IDs: []string{d.id()}, TTL: d.span(0, 20, 30)}
}

func (d *dice) part(*command.Header) command.Op {
	return &command.Part{ID: d.id(), Lapse: d.span(0, 2, 10, 100)}
}

func (d *dice) interest(*command.Header) command.Op {
	return &command.Interest{Ages: slices.Sorted(maps.Values(d.ages))}
}

func (d *dice) tick(*command.Header) command.Op {
	if d.chance(5) {
		d.term++
	}
	return &command.Tick{}
}

func (d *dice) limitSettings() command.LimitSettings {
	s := command.LimitSettings{
		Slots: d.pick(0, 1, 1, 2, 2, 3, 4), Active: !d.chance(15), Shadow: d.chance(15), Numbered: d.chance(15),
		Grace: d.pick(0, 0, 0, 2, 6, 20) * unit,
	}
	if d.chance(50) {
		s.Rate = d.rate()
	}
	return s
}

// rate draws one that divides the unit, or not; in even runs one of which some
// slots take a beat or two.
func (d *dice) rate() command.Rate {
	texts := []string{"0/s", "10/s", "20/s", "5/s", "3/s", "7/s", "1/m", "0.7/ns", "1/ns"}
	if d.even {
		texts = []string{"0/s", "0.5/s", "1/s", "1/s", "2/s", "3/s", "4/s"}
	}
	r, err := command.ParseRate(texts[d.IntN(len(texts))])
	if err != nil {
		panic(err)
	}
	return r
}

func (d *dice) put(h *command.Header) command.Op {
	d.key(h, 20)
	return &command.PutLimit{Name: d.name(), Settings: d.limitSettings(), Mode: command.PutMode(d.pick(0, 1, 1, 1, 2)), IfRevision: d.revision()}
}

func (d *dice) update(h *command.Header) command.Op {
	d.key(h, 10)
	u := &command.UpdateLimit{Name: d.name(), IfRevision: d.revision()}
	s := d.limitSettings()
	switch d.pick(0, 0, 0, 1, 2, 3, 3, 4, 5, 6, 7, 8) {
	case 0:
		u.Slots = &s.Slots
	case 1:
		u.Active = &s.Active
	case 2:
		u.Shadow = &s.Shadow
	case 3:
		s.Rate = d.rate()
		u.Rate = &s.Rate
	case 4:
		u.Numbered = &s.Numbered
	case 5:
		u.Grace = &s.Grace
	case 6:
		name := d.name()
		u.NewName = &name
	case 8:
		u.Labels = &command.LabelPatch{Clear: d.chance(30), Delete: []string{d.name()}}
		if d.chance(70) {
			u.Labels.Set = []command.Pair{{Key: d.name(), Value: d.id()}}
		}
	case 7:
		u.Slots, u.Rate, u.Active = &s.Slots, &s.Rate, &s.Active
	}
	return u
}

func (d *dice) delete(h *command.Header) command.Op {
	d.key(h, 10)
	return &command.DeleteLimit{Name: d.name(), IfRevision: d.revision()}
}

// revision is mostly none, and else one that the limit may have.
func (d *dice) revision() *uint64 {
	if !d.chance(15) {
		return nil
	}
	r := uint64(d.pick(2, 3, 4, 5, 6))
	return &r
}

func (d *dice) reset(h *command.Header) command.Op {
	d.key(h, 10)
	return &command.ResetLimit{Name: d.name()}
}

func (d *dice) force(*command.Header) command.Op { return &command.ForceRelease{Token: d.lateToken()} }

func (d *dice) decrement(h *command.Header) command.Op {
	d.key(h, 20)
	return &command.Decrement{Entries: []command.Entry{{Name: d.name(), Slots: d.pick(1, 1, 2, 5)}}, Occupied: d.pick(0, 3) * unit}
}

func (d *dice) setActive(*command.Header) command.Op {
	return &command.SetActive{Name: d.name(), Slots: d.pick(0, 1, 2, 4)}
}

// disown draws the end of a lease whose slots stay: of one that acquires often
// have, and under an id of its own now and then.
func (d *dice) disown(h *command.Header) command.Op {
	if d.chance(30) {
		h.ID = d.id()
	}
	return &command.Disown{ID: d.id()}
}

func (d *dice) settings(*command.Header) command.Op {
	one := command.SettingChange{Setting: command.SettingPatience, Value: d.span(4, 8, 20)}
	switch d.pick(0, 0, 1, 2, 3) {
	case 1:
		one = command.SettingChange{Setting: command.SettingMaxBackdate, Value: d.pick(1, 2, 10) * unit}
	case 2:
		one = command.SettingChange{Setting: command.SettingRemember, Value: d.pick(400, 500) * unit}
	case 3:
		one = command.SettingChange{Setting: command.SettingDefaultTTL, Value: d.pick(20, 50) * unit}
	}
	return &command.UpdateSettings{Set: []command.SettingChange{one}}
}

// key gives a write an id of its own, or now and then that of another.
func (d *dice) key(h *command.Header, percent int) {
	if d.chance(percent) {
		h.ID = fmt.Sprintf("key%d", d.pick(1, 2, 3, 4))
	}
}
