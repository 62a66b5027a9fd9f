package limit_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/limitd/limitd/fsm/command"
)

// TestAReleaseUnderTheIDItNames: the request's own id may be the one that it
// releases or cancels, which nobody knows. It is remembered once, and forgotten
// once.
func TestAReleaseUnderTheIDItNames(t *testing.T) {
	for _, op := range []command.Op{&command.Release{ID: "x"}, &command.Cancel{ID: "x"}} {
		b := newBulk(t, command.LimitSettings{Slots: 1, Active: true})
		b.play("x", op)
		b.now += 61e9
		b.play("", &command.Tick{})
		b.restart()
	}
}

// TestARestoreSettlesNothing: a restored state is the state, to the last bit,
// also where decay has gone on since its limit was last looked at (E7).
func TestARestoreSettlesNothing(t *testing.T) {
	perSecond, err := command.ParseRate("1/s")
	if err != nil {
		t.Fatal(err)
	}
	b := newBulk(t, command.LimitSettings{Slots: 10, Active: true, Rate: perSecond})
	b.play("", &command.PutLimit{Name: "other", Settings: command.LimitSettings{Slots: 1, Active: true}})
	b.play("h", &command.Acquire{Entries: []command.Entry{{Name: "db", Slots: 10, Mode: command.RateLimit}}})
	b.play("o", &command.Acquire{Entries: []command.Entry{{Name: "other", Slots: 1}}, TTL: 3600e9})
	b.play("w", &command.Acquire{
		Entries: []command.Entry{{Name: "db", Slots: 8, Mode: command.RateLimit}, {Name: "other", Slots: 1}}, Wait: 3600e9, Linger: 60e9,
	})
	for range 20 {
		b.now += 0.5e9
		b.play("", &command.Tick{})
		b.restart()
	}
}

// TestSetActiveInRange: what is out of range is refused, and nothing wraps around.
func TestSetActiveInRange(t *testing.T) {
	b := newBulk(t, command.LimitSettings{Slots: 10, Active: true})
	b.acquire("a", 0)
	for _, slots := range []int64{-1 << 63, -1, command.MaxSlots + 1, 1<<63 - 1} {
		if p, ok := b.play("", &command.SetActive{Name: "db", Slots: slots}).(*command.Problem); !ok || p.Code != command.CodeInvalid {
			t.Errorf("set active slots to %d: not refused", slots)
		}
	}
	if l, _ := b.state.Limit("db"); l.Occupied != 1 {
		t.Errorf("%d slots are occupied, want 1", l.Occupied)
	}
}

// TestManyProtected: 800 waiters that share 63 limits are protected in one
// record. What one costs must not grow by a look-up for each of the others on
// each limit: that stops every node for seconds (T5).
func TestManyProtected(t *testing.T) {
	const n = 800
	b := newBulk(t, command.LimitSettings{Slots: 10, Active: true})
	for i := range 63 {
		b.play("", &command.PutLimit{Name: fmt.Sprint("s", i), Settings: command.LimitSettings{Slots: 1 << 40, Active: true}})
	}
	for i := range n {
		own := fmt.Sprint("own", i)
		b.play("", &command.PutLimit{Name: own, Settings: command.LimitSettings{Slots: 1, Active: true}})
		b.play(fmt.Sprint("h", i), &command.Acquire{Entries: []command.Entry{{Name: own, Slots: 1}}, TTL: 20e9})
		op := &command.Acquire{Wait: 3600e9, Linger: 60e9, Entries: []command.Entry{{Name: own, Slots: 1}}}
		for j := range 63 {
			op.Entries = append(op.Entries, command.Entry{Name: fmt.Sprint("s", j), Slots: 1})
		}
		b.play(fmt.Sprint("w", i), op)
	}
	b.now += 11e9
	start := time.Now()
	b.play("", &command.Tick{})
	if took := time.Since(start); took > slower*time.Second {
		t.Errorf("the record that protects %d waiters took %v", n, took)
	}
	b.now += 11e9
	b.play("", &command.Tick{})
	if len(b.outcomes) != n {
		t.Errorf("%d of %d waiters were granted", len(b.outcomes), n)
	}
}
