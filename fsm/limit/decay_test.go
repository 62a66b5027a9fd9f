package limit_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
)

// crowdOf is how many holdings the tests here have on one decaying limit.
const crowdOf = 100_000

// decayed is a state with that many leases on a limit that decays by a
// thousand slots a second, and beside it a limit that does not.
func decayed(tb testing.TB) *bench { return decayedUnder(limit.Rules, tb) }

func decayedUnder(rules uint64, tb testing.TB) *bench {
	b := newBenchUnder(rules, tb)
	rate, err := command.ParseRate("1000/s")
	if err != nil {
		tb.Fatal(err)
	}
	b.apply("", &command.PutLimit{Name: "pool", Settings: command.LimitSettings{Slots: crowdOf, Active: true, Rate: rate}})
	b.limit("db", 5)
	for range crowdOf {
		b.acquire("pool", 0)
	}
	return b
}

// TestUnseenDecay: a hundred thousand leases on a decaying limit decay while no
// record comes. They are taken within the budgets of as many records as it
// takes: no record plays more than 4,096 (T5), and the leader is told to tick at
// once until all is done.
func TestUnseenDecay(t *testing.T) {
	b := decayed(t)
	b.now += int64(10 * time.Minute)
	records, cut, shortest := 0, 0, time.Hour
	for again := true; again; records++ {
		before := b.state.Counts().Holdings
		g, took := b.cost(fmt.Sprint("late", records), &command.Acquire{Entries: []command.Entry{{Name: "pool", Slots: 1}}})
		_, again = g.(*command.NotRun)
		if gone := before - b.state.Counts().Holdings; gone > 4096 {
			t.Errorf("record %d took %d holdings", records, gone)
		}
		if again {
			cut++
			shortest = min(shortest, took)
		}
		if due, ok := b.state.NextDue(); again != (ok && due <= b.state.Time()) {
			t.Errorf("record %d cut: %v; a tick is due at %v %v, and it is %v", records, again, due, ok, b.state.Time())
		}
	}
	if cut != crowdOf/4096 {
		t.Errorf("%d of %d records were cut", cut, records)
	}
	if shortest > slower*30*time.Millisecond { // 3 ms of a fast processor; the others take as much
		t.Errorf("the shortest of them took %v", shortest)
	}
	if n := b.state.Counts(); n.Holdings != 1 || n.Leases != crowdOf+1 {
		t.Errorf("left: %+v", n)
	}
}

// TestUnseenDecayOfOldRules: under version 1 of the rules what decays unseen is
// taken by whoever looks, in one record. Where version 2 comes into force before
// anybody did, it is taken within the budgets of records too, that of the change
// of rules among them: whom that change lets through is examined last.
func TestUnseenDecayOfOldRules(t *testing.T) {
	b := decayedUnder(1, t)
	b.waitBehindBarred()
	if n := b.state.Counts(); n.Holdings < crowdOf-1000 || n.Waiters != 2 {
		t.Fatalf("before anybody looked: %+v", n)
	}
	op, records := command.Op(&command.SetRules{Version: 2}), 0
	for b.state.Counts().Waiters > 0 && records < 99 {
		before := b.state.Counts().Holdings
		b.apply("", op)
		if gone := before - b.state.Counts().Holdings; gone > 4096 {
			t.Errorf("record %d took %d holdings", records, gone)
		}
		if records++; records == 10 {
			b.fourMore(t)
			records += 4
		}
		op = &command.Tick{}
	}
	if n := b.state.Counts(); n.Holdings > 4 || records != crowdOf/4096+1 {
		t.Errorf("after %d records: %+v", records, n)
	}
}

// waitBehindBarred lets ten minutes pass, in which all that decays does so unseen:
// who waits for it waits for another limit first, behind one that asked for
// anonymous slots of a limit which became numbered since.
func (b *bench) waitBehindBarred() {
	b.limit("gpu", 2)
	wait := func(id string, anonymous bool, entries ...command.Entry) (age uint64) {
		return b.apply(id, &command.Acquire{Entries: entries, Anonymous: anonymous, Wait: 3600e9, Linger: 60e9}).(*command.Waiting).Age
	}
	b.acquire("db", 0)
	barred := wait("barred", true, command.Entry{Name: "db", Slots: 5}, command.Entry{Name: "gpu", Slots: 1})
	next := wait("next", false, command.Entry{Name: "db", Slots: 1}, command.Entry{Name: "pool", Slots: 1})
	numbered := true
	b.apply("", &command.UpdateLimit{Name: "gpu", Numbered: &numbered})
	for range 12 {
		b.now += 50e9
		b.apply("", &command.Interest{Ages: []uint64{barred, next}})
	}
}

// TestDecayedGrace: once the slots in grace have decayed nobody ticks for its end
// (S6).
func TestDecayedGrace(t *testing.T) {
	rate, err := command.ParseRate("1/s")
	if err != nil {
		t.Fatal(err)
	}
	b := newBulk(t, command.LimitSettings{Slots: 2, Active: true, Rate: rate, Grace: 5e9})
	b.play("m", &command.Acquire{Entries: []command.Entry{{Name: "db", Slots: 2}}, TTL: 1e9})
	for _, want := range []int64{2e9, 7e9, 0} { // its end, that of its grace, none
		if due, _ := b.state.NextDue(); due != want && (want > 0 || due < 60e9) {
			t.Errorf("at %v a tick is due at %v, want %v", b.state.Time(), due, want)
		}
		b.now += 1e9
		b.play("", &command.Tick{})
	}
}

// TestUnseenRateGrants: what a rate limit alone has granted is one holding,
// whose decay is no event: nothing is to be played.
func TestUnseenRateGrants(t *testing.T) {
	b := newBench(t)
	rate, err := command.ParseRate("1000/s")
	if err != nil {
		t.Fatal(err)
	}
	b.apply("", &command.PutLimit{Name: "api", Settings: command.LimitSettings{Slots: crowdOf, Active: true, Rate: rate}})
	ask := func() command.Result {
		return b.apply(fmt.Sprint("r", b.index), &command.Acquire{Entries: []command.Entry{{Name: "api", Slots: 1, Mode: command.RateLimit}}})
	}
	for range 5000 {
		ask()
	}
	b.now += int64(10 * time.Second)
	if g, ok := ask().(*command.Granted); !ok || g.Limits[0].Occupied != 1 {
		t.Errorf("got %+v", g)
	}
}

// BenchmarkUnseenDecay: the records that take so many decayed leases. The metric
// max-ms is the most that one record took of the processor.
func BenchmarkUnseenDecay(b *testing.B) {
	var longest time.Duration
	for b.Loop() {
		b.StopTimer()
		s := decayed(b)
		s.now += int64(10 * time.Minute)
		b.StartTimer()
		for s.state.Counts().Holdings > 1 {
			_, took := s.cost("", &command.Tick{})
			longest = max(longest, took)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*crowdOf), "ns/holding")
	b.ReportMetric(longest.Seconds()*1e3, "max-ms")
}

// TestIdle: once no lease, no waiter and no non-empty decaying limit exists the
// leader has no reason to tick (T4), however the last slot was given back.
func TestIdle(t *testing.T) {
	hourly, err := command.ParseRate("1/h")
	if err != nil {
		t.Fatal(err)
	}
	faster, none := hourly, command.Rate{}
	faster.Num *= 3600_000
	slow := command.LimitSettings{Slots: 10, Active: true, Rate: hourly}
	for name, op := range map[string]command.Op{
		"release": &command.Release{Token: 1}, "reset": &command.ResetLimit{Name: "db"}, "delete": &command.DeleteLimit{Name: "db"},
		"decrement": &command.Decrement{Entries: []command.Entry{{Name: "db", Slots: 5}}}, "no decay": &command.UpdateLimit{Name: "db", Rate: &none},
		"a higher rate": &command.UpdateLimit{Name: "db", Rate: &faster},
	} {
		b := newBulk(t, slow)
		b.play("", &command.PutLimit{Name: "short", Settings: slow})
		rate := command.Rate{Num: 1, Den: 60e9, Text: "1/m"}
		b.play("", &command.UpdateLimit{Name: "short", Rate: &rate})
		a := &command.Acquire{Entries: []command.Entry{{Name: "db", Slots: 5, Mode: command.RateLimit}}}
		switch name {
		case "release":
			a.Entries[0].Mode = command.Concurrency
		case "decrement":
			a.Entries[0].Mode, a.Anonymous = command.Concurrency, true
		}
		b.play("a", a)
		b.play("b", &command.Acquire{Entries: []command.Entry{{Name: "short", Slots: 1, Mode: command.RateLimit}}})
		busy := func(want bool) {
			t.Helper()
			if b.state.Busy() != want {
				t.Errorf("%s: busy %v, want %v", name, !want, want)
			}
		}
		busy(true)
		b.play("", op)
		b.now += 50e9
		b.play("", &command.Tick{})
		busy(true) // by the other limit
		b.now += 20e9
		b.play("", &command.Tick{})
		busy(false)
	}
}
