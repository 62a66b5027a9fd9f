package limit_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
	"pgregory.net/rapid"
)

// TestDrive drives the state machine and the oracle through the same random
// records, and compares after each: the answer, the waits that ended, and all
// that public reads show. A third copy gets the records as bytes and is never
// restarted, while the first one is restored from its own snapshot every now
// and then: their digests stay equal.
//
// -rapid.checks=N sets the number of runs (of up to 120 records each).
func TestDrive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		newDrive(t).run(seeds(t))
	})
}

// TestDriveCut is TestDrive with records that may play next to nothing: both
// cut the same records at the same event, examination or item of a bulk effect,
// and go on alike (T5).
func TestDriveCut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := newDrive(t)
		d.setBudget(rapid.IntRange(1, 12).Draw(t, "budget"))
		d.twin.SetBudget(d.budget)
		d.run(seeds(t))
	})
}

// TestDriveOldRules is TestDrive under the first rules: an old log has to play to
// the same state for ever (T8). In many of the runs the present rules come into
// force on the way.
func TestDriveOldRules(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := newDriveUnder(1, t)
		d.dice.old = true
		d.run(seeds(t))
	})
}

// seeds draws the seeds of a run, of up to 120 records. One list would mostly be
// of a few: these are of 60 on average, and shrink as well.
func seeds(t *rapid.T) []uint64 {
	list := []uint64{seed().Draw(t, "seed")}
	for range 12 {
		list = append(list, rapid.SliceOfN(seed(), 0, 10).Draw(t, "seeds")...)
	}
	return list
}

// seed draws evenly; rapid's own integers favour the small ones.
func seed() *rapid.Generator[uint64] {
	bytes := make([]uint64, 256)
	for i := range bytes {
		bytes[i] = uint64(i)
	}
	part := rapid.SampledFrom(bytes)
	return rapid.Custom(func(t *rapid.T) uint64 {
		return part.Draw(t, "0") | part.Draw(t, "1")<<8 | part.Draw(t, "2")<<16 | part.Draw(t, "3")<<24
	})
}

// drive is one random run.
type drive struct {
	*both
	t    reporter
	dice *dice
	twin *limit.State // the same records, never restored
	log  []command.Command

	fresh bool // real was restored, and has not run since
	lean  bool // of most records only the answer is compared
}

// reporter is what a run tells its end to.
type reporter interface {
	Helper()
	Logf(format string, args ...any)
	Fatalf(format string, args ...any)
}

func newDrive(t reporter) *drive { return newDriveUnder(limit.Rules, t) }

func newDriveUnder(rules uint64, t reporter) *drive {
	d := &drive{both: newBothUnder(rules, driveSettings()), t: t, twin: limit.New(), dice: newDice()}
	d.twin.Apply(1, 1, command.Command{Header: command.Header{Term: 1}, Op: &command.Genesis{ClusterID: [16]byte{1}, Settings: driveSettings(), Rules: rules}})
	return d
}

// run plays the records of seeds, and lets everything end.
func (d *drive) run(seeds []uint64) {
	d.play(seeds)
	d.drainAll()
}

// play makes limits by the first seed, and plays a record for each of the others.
func (d *drive) play(seeds []uint64) {
	d.dice.Rand = rand.New(rand.NewPCG(seeds[0], 0))
	d.dice.acl = !d.dice.old && seeds[0]%4 == 0
	d.dice.queue, d.dice.even = d.dice.chance(50), d.dice.chance(50)
	shared := d.dice.rate() // of even runs: what several limits are asked for decays there alike
	for _, name := range limitNames() {
		set := d.dice.limitSettings()
		if d.dice.even && !set.Numbered && d.dice.chance(60) {
			set.Rate = shared
		}
		if d.dice.queue {
			set = command.LimitSettings{Slots: d.dice.pick(1, 2, 2, 3), Active: true, Rate: set.Rate}
		}
		d.step(command.Command{Header: command.Header{Term: 1}, Op: &command.PutLimit{Name: name, Settings: set}})
	}
	switch {
	case d.dice.queue && d.dice.chance(60): // so that moves, not patience, protect
		d.patience(100e9)
	case d.dice.even:
		d.patience(beat)
	}
	if d.dice.chance(70) {
		d.dice.now = 15e9 // where interest lapses
	}
	for _, seed := range seeds[1:] {
		d.dice.dues, d.dice.first = d.model.Dues(), d.real.ACL().Bootstrapped()
		d.step(d.dice.next(seed))
		if d.dice.chance(1) && !d.model.Working() {
			d.restoreBackup()
		}
		if d.dice.chance(5) {
			d.restart()
		}
	}
	d.restart()
}

func (d *drive) patience(ns int64) {
	d.step(command.Command{Header: command.Header{Term: 1}, Op: &command.UpdateSettings{Set: []command.SettingChange{{Setting: command.SettingPatience, Value: ns}}}})
}

// step plays one record everywhere.
func (d *drive) step(c command.Command) {
	d.both.term = d.dice.term
	d.log = append(d.log, c)
	d.both.quick = d.lean && len(d.log)%wholeEvery > 0
	before := d.model.Time()
	applied, err := d.both.apply(c)
	if err != nil {
		d.fail("%v", err)
	}
	decoded, err := command.Decode(command.Encode(c))
	if err != nil {
		d.fail("%v", err)
	}
	d.twin.Apply(d.both.index, d.both.term, decoded)
	d.fresh = d.fresh && c.Term != d.both.term
	d.watch(c, applied, before)
	if !d.both.quick {
		d.checkReads()
	}
}

// wholeEvery is after how many records a lean run compares all there is.
const wholeEvery = 10

// watch checks what no comparison with another machine is needed for.
func (d *drive) watch(c command.Command, applied limit.Applied, before int64) {
	results := []command.Result{applied.Result}
	for _, o := range applied.Outcomes {
		results = append(results, o.Result)
	}
	if now := d.real.Time(); now < before {
		d.fail("time went back from %v to %v", before, now) // T1
	}
	d.watchGrants(results)
	if _, ok := applied.Result.(*command.Waiting); ok && d.dice.ages[c.ID] == 0 {
		d.dice.ages[c.ID] = d.both.index
	}
	for _, o := range applied.Outcomes {
		delete(d.dice.ages, o.ID)
	}
}

// watchGrants: tokens rise (S2), and what is counted fits (E1).
func (d *drive) watchGrants(results []command.Result) {
	var tokens []uint64
	for _, r := range results {
		g, ok := r.(*command.Granted)
		if !ok || g.Replayed {
			continue
		}
		tokens = append(tokens, g.Token)
		for _, l := range g.Limits {
			if l.Counted && l.Slots > 0 && l.Occupied > l.Capacity {
				d.fail("over-granted: %+v", l)
			}
		}
	}
	slices.Sort(tokens)
	for _, token := range tokens {
		if token <= d.dice.tokens {
			d.fail("token %d after %d", token, d.dice.tokens)
		}
		d.dice.tokens = token
	}
}

// checkReads holds the reads against each other and against the oracle.
func (d *drive) checkReads() {
	limits, _ := d.real.Limits(limit.LimitFilter{}, "", all)
	for _, l := range limits {
		holders, _ := d.real.Holders(l.Name, 0, all)
		var sum int64
		for _, h := range holders {
			sum += h.Slots
		}
		if sum != l.Occupied {
			d.fail("%s: occupied %d, held %d", l.Name, l.Occupied, sum) // E5
		}
		for after := uint64(0); len(holders) > 0; holders = holders[1:] {
			if page, _ := d.real.Holders(l.Name, after, 1); len(page) != 1 || page[0].Token != holders[0].Token || page[0].Slots != holders[0].Slots {
				d.fail("%s: the page behind token %d is %+v, want %+v", l.Name, after, page, holders[0])
			}
			after = holders[0].Token
		}
	}
	d.checkExplain()
	due, ok := d.model.NextDue()
	got, gotOK := d.real.NextDue()
	if ok && (!gotOK || got > due) && !d.fresh {
		d.fail("a tick is due at %v, and the state says %v %v", time.Duration(due), time.Duration(got), gotOK) // T4
	}
	// Version 1 ticks for the end of a grace whose slots have decayed, unless somebody looked.
	if gotOK && !d.model.AnyDue(got) && d.real.Rules() > 1 {
		d.fail("nothing is due up to %v, when the state wants a tick", time.Duration(got))
	}
	atOnce := gotOK && got <= d.real.Time() // while a deleted limit is taken apart, say
	if got, want := d.real.Busy(), d.model.Busy(); got != want && !(got && atOnce) {
		d.fail("busy: %v, and %v by the oracle", got, want) // T4
	}
}

// checkExplain: what Explain promises is what an acquire would meet (A5).
func (d *drive) checkExplain() {
	var entries []command.Entry
	for _, name := range limitNames() {
		if _, ok := d.real.Limit(name); ok {
			entries = append(entries, command.Entry{Name: name, Slots: 1})
		}
	}
	for i := range entries {
		for _, asked := range [][]command.Entry{entries[i : i+1], entries[i:]} {
			if got, want := d.real.Explain(asked).WouldGrant, d.model.WouldGrant(asked); got != want {
				d.fail("%+v would be granted: %v, and %v by the oracle", asked, got, want)
			}
		}
	}
}

// restoreBackup puts a backup of the state in its place everywhere, mostly with a
// quarantine (S8).
func (d *drive) restoreBackup() {
	longest := d.dice.span(0, 1, 8, 20, 40)
	d.both.restoreBackup(longest)
	restored, err := clone(d.real)
	if err != nil {
		d.fail("%v", err)
	}
	d.twin, d.fresh = restored, true
	if d.budget > 0 {
		d.twin.SetBudget(d.budget)
	}
	if err := d.compare(); err != nil {
		d.fail("after a backup was restored: %v", err)
	}
}

// restart goes on with a restored copy.
func (d *drive) restart() {
	sum := d.real.Snapshot().Digest()
	if twin := d.twin.Snapshot().Digest(); twin != sum {
		d.fail("digests differ after the same records:\n%s", lineDiff(dump(d.real, d.model.Known()), dump(d.twin, d.model.Known())))
	}
	restored, err := clone(d.real)
	if err != nil {
		d.fail("%v", err)
	}
	if restored.Snapshot().Digest() != sum || !bytes.Equal(snapshot(restored), snapshot(d.real)) {
		d.fail("another digest after a restore")
	}
	d.real, d.fresh = restored, true
	if d.budget > 0 {
		d.real.SetBudget(d.budget)
	}
}

func snapshot(s *limit.State) []byte {
	var b bytes.Buffer
	if err := s.Snapshot().Write(&b); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// drainAll lets everything end by its time, and looks for what is left (E6).
func (d *drive) drainAll() {
	for range 30 {
		d.dice.now += 600 * unit
		tick := command.Command{Header: command.Header{Stamp: d.dice.now, Term: d.dice.term}, Op: &command.Tick{}}
		for d.step(tick); d.model.Cut; d.step(tick) {
		}
	}
	if n := d.real.Counts(); n.Leases != 0 || n.Waiters != 0 || n.Remembered != 0 {
		d.fail("left over: %+v", n)
	}
	limits, _ := d.real.Limits(limit.LimitFilter{}, "", all)
	for _, l := range limits {
		holders, _ := d.real.Holders(l.Name, 0, all)
		for _, h := range holders {
			slow := !l.Settings.Rate.IsZero()
			if h.Kind != limit.HolderAnonymous && !(h.Kind == limit.HolderRate && slow) {
				d.fail("%s: leaked %+v", l.Name, h)
			}
		}
	}
}

func (d *drive) fail(format string, args ...any) {
	d.t.Helper()
	for i, c := range d.log {
		op, err := json.Marshal(c.Op) // which follows pointers
		if err != nil {
			d.t.Fatalf("%v", err)
		}
		d.t.Logf("%3d %v term %d %v %s %s", i+2, time.Duration(c.Stamp), c.Term, c.Op.Kind(), c.ID, op)
	}
	d.t.Fatalf(format, args...)
}
