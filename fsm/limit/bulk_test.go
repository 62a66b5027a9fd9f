package limit_test

import (
	"fmt"
	"testing"

	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
)

// many is more than one record may play.
const many = 4096 + 900

// bulk is a state with more in it than one record may touch.
type bulk struct {
	t        *testing.T
	state    *limit.State
	now      int64
	index    uint64
	outcomes map[string]command.Result
}

func newBulk(t *testing.T, set command.LimitSettings) *bulk {
	b := &bulk{t: t, state: limit.New(), now: 1e9, outcomes: map[string]command.Result{}}
	settings := command.DefaultSettings()
	settings.DefaultTTL = 30e9
	b.play("", &command.Genesis{ClusterID: [16]byte{1}, Settings: settings, Rules: limit.Rules})
	b.play("", &command.PutLimit{Name: "db", Settings: set})
	return b
}

// play applies one record. Nobody may hear of an end twice.
func (b *bulk) play(id string, op command.Op) command.Result {
	b.t.Helper()
	b.index++
	a := b.state.Apply(b.index, 1, command.Command{Header: command.Header{Stamp: b.now, Accepted: b.now, Term: 1, ID: id}, Op: op})
	for _, o := range a.Outcomes {
		if b.outcomes[o.ID] != nil {
			b.t.Fatalf("%s ended twice: %v, then %v", o.ID, b.outcomes[o.ID], o.Result)
		}
		b.outcomes[o.ID] = o.Result
	}
	return a.Result
}

// restart goes on with a restored state: a job or mark that was cut must survive.
func (b *bulk) restart() {
	b.t.Helper()
	restored, err := clone(b.state)
	if err != nil {
		b.t.Fatal(err)
	}
	if restored.Snapshot().Digest() != b.state.Snapshot().Digest() {
		b.t.Fatal("another digest after a restore in the middle of bulk work")
	}
	b.state = restored
}

func (b *bulk) acquire(id string, wait int64) command.Result {
	return b.play(id, &command.Acquire{Entries: []command.Entry{{Name: "db", Slots: 1}}, Wait: wait, Linger: 60e9})
}

// holders fills the limit; waiters then queue.
func (b *bulk) fill(holders, waiters int) {
	for i := range holders {
		b.acquire(fmt.Sprintf("h%d", i), 0)
	}
	for i := range waiters {
		b.acquire(fmt.Sprintf("w%d", i), 3600e9)
	}
}

// dueNow: the leader has to tick at once while work is left (T5).
func (b *bulk) dueNow(want bool) {
	b.t.Helper()
	if due, ok := b.state.NextDue(); (ok && due <= b.state.Time()) != want {
		b.t.Errorf("a tick is due at once: %v, want %v", !want, want)
	}
}

// TestBulkDelete: many waiters are told over two records, and the name is free
// at once (T5, L9).
func TestBulkDelete(t *testing.T) {
	b := newBulk(t, command.LimitSettings{Slots: 1, Active: true})
	b.fill(1, many)
	if _, ok := b.play("", &command.DeleteLimit{Name: "db"}).(*command.Done); !ok || len(b.outcomes) >= many {
		t.Fatalf("deleted %v, %d told in one record", ok, len(b.outcomes))
	}
	b.dueNow(true)
	b.restart()
	if _, ok := b.play("", &command.PutLimit{Name: "db", Settings: command.LimitSettings{Slots: 1, Active: true}}).(*command.Limit); !ok {
		t.Error("the name is not free")
	}
	b.dueNow(false)
	for i := range many {
		if p, ok := b.outcomes[fmt.Sprintf("w%d", i)].(*command.Problem); !ok || p.Code != command.CodeLimitDeleted {
			t.Fatalf("w%d: %v", i, b.outcomes[fmt.Sprintf("w%d", i)])
		}
	}
	if n := b.state.Counts(); n.Waiters != 0 || n.Holdings != 0 || n.Leases != 1 || n.Limits != 1 {
		t.Errorf("left: %+v", n)
	}
}

// TestBulkExpiry: many leases end at one instant. A record that is cut there
// does nothing of its own, whoever sent it proposes it again, and nobody is
// granted beside slots that are not counted free yet (T5, E1).
func TestBulkExpiry(t *testing.T) {
	t.Run("at the stamp", func(t *testing.T) { bulkExpiry(t, 30e9) })
	t.Run("before what is backdated", func(t *testing.T) { bulkExpiry(t, 40e9) })
}

func bulkExpiry(t *testing.T, later int64) {
	b := newBulk(t, command.LimitSettings{Slots: many, Active: true})
	b.fill(many, 10)
	b.now += later
	if _, ok := b.acquire("late", 0).(*command.NotRun); !ok {
		t.Error("a record ran although its budget was used up")
	}
	if _, known := b.state.Acquire("late"); known {
		t.Error("a record that was not run had an effect")
	}
	b.dueNow(true)
	b.restart()
	if g, ok := b.acquire("late", 0).(*command.Granted); !ok || g.Limits[0].Occupied != 11 {
		t.Errorf("got %+v", g)
	}
	if n := b.state.Counts(); n.Leases != 11 || n.Waiters != 0 {
		t.Errorf("left: %+v", n)
	}
	for i := range 10 {
		if g, ok := b.outcomes[fmt.Sprintf("w%d", i)].(*command.Granted); !ok || g.Token != uint64(many+i+1) {
			t.Errorf("w%d: %+v", i, b.outcomes[fmt.Sprintf("w%d", i)])
		}
	}
}

// TestBulkWide: what concerns many limits counts for each of them, so that leases
// and waiters of 64 limits make no record longer than others do (T5). Nobody is
// granted or told but within the budgets.
func TestBulkWide(t *testing.T) {
	const n, width = 200, 64
	b := newBulk(t, command.LimitSettings{})
	wide := &command.Acquire{Linger: 60e9}
	for i := range width {
		name := fmt.Sprint("wide", i)
		b.play("", &command.PutLimit{Name: name, Settings: command.LimitSettings{Slots: n, Active: true}})
		wide.Entries = append(wide.Entries, command.Entry{Name: name, Slots: 1})
	}
	for i := range 3 * n { // these are granted at once, wait to be, and wait in vain
		op := *wide
		op.Wait = []int64{0, 3600e9, 25e9}[i/n]
		b.play(fmt.Sprint("wide", i), &op)
	}
	for _, later := range []int64{25e9, 5e9, 30e9} { // the ends of the last, of the first, of the others
		b.now += later
		for again := true; again; {
			before, told := b.state.Counts(), len(b.outcomes)
			_, again = b.play("", &command.Tick{}).(*command.NotRun)
			done := max(before.Leases-b.state.Counts().Leases, len(b.outcomes)-told)
			if done > 4096/width+1 || again && done < 4096/width/3 {
				t.Errorf("one record ended or granted %d", done)
			}
		}
	}
	if left := b.state.Counts(); left.Leases+left.Waiters+left.Holdings != 0 || len(b.outcomes) != 2*n {
		t.Errorf("%d were granted or told, and left: %+v", len(b.outcomes), left)
	}
}

// TestBulkResize: one change lets many through, over two records, in order (L7).
func TestBulkResize(t *testing.T) {
	b := newBulk(t, command.LimitSettings{Slots: 1, Active: true})
	b.fill(1, many)
	slots := int64(2 * many)
	b.play("", &command.UpdateLimit{Name: "db", Slots: &slots})
	if len(b.outcomes) >= many {
		t.Errorf("%d granted in one record", len(b.outcomes))
	}
	b.dueNow(true)
	b.restart()
	// A newcomer is the youngest: there would be room, but the record settles what
	// is marked before its own command.
	if g, ok := b.acquire("new", 0).(*command.Granted); !ok || g.Token != many+2 {
		t.Errorf("the newcomer got %+v", g)
	}
	for i := range many {
		if g, ok := b.outcomes[fmt.Sprintf("w%d", i)].(*command.Granted); !ok || g.Token != uint64(i+2) {
			t.Fatalf("w%d: %+v", i, b.outcomes[fmt.Sprintf("w%d", i)])
		}
	}
}

// TestBulkReset and its kin free many holdings over two records (L8, L10).
func TestBulkReset(t *testing.T) {
	b := newBulk(t, command.LimitSettings{Slots: many, Active: true})
	b.fill(many, 3)
	if f, ok := b.play("", &command.ResetLimit{Name: "db"}).(*command.Freed); !ok || f.Slots != many {
		t.Errorf("freed %+v", f)
	}
	b.dueNow(true)
	b.restart()
	b.play("", &command.Tick{})
	b.dueNow(false)
	if l, _ := b.state.Limit("db"); l.Occupied != 3 || l.Waiting != 0 {
		t.Errorf("after the reset: %+v", l)
	}
	b.play("", &command.Release{Token: 1})
	if l, _ := b.state.Limit("db"); l.Occupied != 3 {
		t.Errorf("a release after the reset freed a slot twice: %+v", l)
	}
}

// TestBulkShrink: many that can never fit any more are told over two records;
// who was not judged yet when the limit grows again stays (T5: the bulk leaves
// waiters to be judged again, never a decision).
func TestBulkShrink(t *testing.T) {
	b := newBulk(t, command.LimitSettings{Slots: 2, Active: true})
	b.fill(2, 0)
	for i := range many {
		b.play(fmt.Sprintf("w%d", i), &command.Acquire{Entries: []command.Entry{{Name: "db", Slots: 2}}, Wait: 3600e9, Linger: 60e9})
	}
	one, two := int64(1), int64(2)
	b.play("", &command.UpdateLimit{Name: "db", Slots: &one})
	told := len(b.outcomes)
	if told == 0 || told >= many {
		t.Errorf("%d told in one record", told)
	}
	b.restart()
	b.play("", &command.UpdateLimit{Name: "db", Slots: &two})
	if left := b.state.Counts().Waiters; left != 0 || len(b.outcomes) != many {
		t.Errorf("%d left, %d told: the work goes on before the next command", left, len(b.outcomes))
	}
}

// TestBulkMarks cuts a record between what frees slots and the grants that it
// allows, while a marked limit decays: a node that restores there has the same
// digest as those that do not (E7).
func TestBulkMarks(t *testing.T) {
	b := newBulk(t, command.LimitSettings{Slots: many, Active: true})
	rate, err := command.ParseRate("1/s")
	if err != nil {
		t.Fatal(err)
	}
	b.play("", &command.PutLimit{Name: "r", Settings: command.LimitSettings{Slots: 100, Active: true, Rate: rate}})
	ask := func(id, limit string, slots, ttl, wait int64) {
		b.play(id, &command.Acquire{Entries: []command.Entry{{Name: limit, Slots: slots}}, TTL: ttl, Wait: wait, Linger: 60e9})
	}
	ask("y", "r", 80, 3600e9, 0)
	ask("z", "r", 10, 30e9, 0)
	ask("w", "r", 100, 0, 3600e9)
	for i := range int64(many) {
		ask(fmt.Sprint("h", i), "db", 1, 31e9+i*1e6, 0)
	}
	b.now += 50e9
	if _, ok := b.play("", &command.Tick{}).(*command.NotRun); !ok {
		t.Error("the record was not cut")
	}
	b.restart()
	b.play("", &command.Tick{})
	b.restart()
	b.now += 45e9
	b.play("", &command.Interest{Ages: []uint64{6}})
	if n := b.state.Counts(); n.Leases != 1 {
		t.Errorf("left: %+v", n)
	}
}
