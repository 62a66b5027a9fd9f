package limit_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
)

func seconds(n int64) int64 { return n * int64(time.Second) }

// explained returns what an acquire of slots of db would meet.
func (b *bulk) explained(slots int64, mode command.Mode) limit.ExplainedLimit {
	b.t.Helper()
	x := b.state.Explain([]command.Entry{{Name: "db", Slots: slots, Mode: mode}})
	if l := x.Limits[0]; x.Problem == nil && x.EstimatedWait != l.FreeIn || x.WouldGrant != (x.Problem == nil && l.FreeIn == 0) {
		b.t.Errorf("%+v", x)
	}
	return x.Limits[0]
}

// A past of a few short leases tells nothing of one that has been held for longer.
func TestOutlookHeedsThePresent(t *testing.T) {
	b := newBulk(t, command.LimitSettings{Slots: 1, Active: true})
	lease := func(id string, held int64) {
		b.acquire(id, 0)
		b.now += held
		b.play("", &command.Release{ID: id})
	}
	lease("first", 0)
	b.acquire("holder", 0)
	if x := b.explained(1, command.Concurrency); x.FreeIn != -1 {
		t.Errorf("nothing is known of the past, and free in %d ns", x.FreeIn)
	}
	b.play("", &command.Release{ID: "holder"})
	lease("short", 50_000)
	b.acquire("long", 0)
	b.now += seconds(20)
	b.play("", &command.Tick{})
	b.acquire("waits", seconds(100))
	if x := b.explained(1, command.Concurrency); x.FreeIn != seconds(20) || x.Ahead != 1 {
		t.Errorf("explained: %+v", x)
	}
	queue, _ := b.state.Queue("db", 0, 10)
	waiting, _ := b.state.Acquire("waits")
	if w := waiting.(*command.Waiting); queue[0].EstimatedWait != seconds(20) || w.EstimatedWait != seconds(20) {
		t.Errorf("in the queue %d, waiting %d", queue[0].EstimatedWait, w.EstimatedWait)
	}
}

// An estimate that comes to nothing is none, until time tells more.
func TestOutlookOfNextToNothing(t *testing.T) {
	b := newBulk(t, command.LimitSettings{Slots: 10, Active: true})
	b.acquire("short", 0)
	b.now += 5
	b.play("", &command.Release{ID: "short"})
	b.fill(10, 0)
	if x := b.explained(1, command.Concurrency); x.FreeIn != -1 {
		t.Errorf("ten slots just taken, one free in %d ns", x.FreeIn)
	}
	b.now += seconds(10)
	b.play("", &command.Tick{})
	if x := b.explained(1, command.Concurrency); x.FreeIn != seconds(10) {
		t.Errorf("held for 10 s, one free in %d ns", x.FreeIn)
	}
}

// What can never be is free at no time.
func TestOutlookOfWhatNeverFits(t *testing.T) {
	rate := command.Rate{Num: 1, Den: 1e9, Text: "1/s"}
	for _, set := range []command.LimitSettings{{Slots: 2, Active: true}, {Slots: 2, Active: true, Rate: rate}} {
		b := newBulk(t, set)
		b.acquire("a", 0)
		b.now += seconds(1)
		b.play("", &command.Release{ID: "a"})
		b.acquire("b", 0)
		if x := b.explained(3, command.Concurrency); x.FreeIn != -1 {
			t.Errorf("3 of 2 slots are free in %d ns", x.FreeIn)
		}
		if x := b.explained(1, command.RateLimit); set.Rate.IsZero() && x.FreeIn != -1 {
			t.Errorf("without decay a rate is free in %d ns", x.FreeIn)
		}
	}
}

// A waiter that another limit holds up is told of that one.
func TestOutlookIsOfWhatHoldsUp(t *testing.T) {
	b := newBulk(t, command.LimitSettings{Slots: 5, Active: true})
	b.play("", &command.PutLimit{Name: "api", Settings: command.LimitSettings{Slots: 1, Active: true, Rate: command.Rate{Num: 1, Den: 60e9, Text: "1/m"}}})
	b.play("rate", &command.Acquire{Entries: []command.Entry{{Name: "api", Slots: 1, Mode: command.RateLimit}}})
	b.play("both", &command.Acquire{Entries: []command.Entry{{Name: "db", Slots: 1}, {Name: "api", Slots: 1, Mode: command.RateLimit}}, Wait: seconds(100), Linger: seconds(60)})
	b.now += seconds(15)
	b.play("", &command.Tick{})
	for _, name := range []string{"db", "api"} {
		if queue, _ := b.state.Queue(name, 0, 10); len(queue) != 1 || queue[0].ParkedOn != "api" || queue[0].EstimatedWait != seconds(45) {
			t.Errorf("%s: %+v", name, queue)
		}
	}
}

// Before a quarantine ends nothing is free that it closes, occupied or not.
func TestOutlookInAQuarantine(t *testing.T) {
	b := newBulk(t, command.LimitSettings{Slots: 1, Active: true})
	b.acquire("held", 0)
	var backup bytes.Buffer
	if _, err := limit.Rewrite(bytes.NewReader(snapshot(b.state)), &backup, limit.Restoration{LongestTTL: seconds(600)}); err != nil {
		t.Fatal(err)
	}
	var err error
	if b.state, err = limit.Restore(&backup); err != nil {
		t.Fatal(err)
	}
	if x := b.explained(1, command.Concurrency); x.FreeIn != seconds(600) || !x.Quarantined || !b.state.Quarantined("db") || b.state.Quarantined("none") {
		t.Errorf("%+v", x)
	}
}
