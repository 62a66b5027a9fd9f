package limit_test

import (
	"bytes"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
)

// bench drives a state with records that follow each other by a microsecond.
type bench struct {
	state *limit.State
	index uint64
	now   int64
}

func newBench(tb testing.TB) *bench { return newBenchUnder(limit.Rules, tb) }

// newBenchUnder is newBench under an older rules version.
func newBenchUnder(rules uint64, tb testing.TB) *bench {
	b := &bench{state: limit.New()}
	settings := command.DefaultSettings()
	settings.MaxRemembered, settings.MaxWaiters, settings.MaxLeases = 100_000_000, 4_000_000, 10_000_000
	if _, ok := b.apply("", &command.Genesis{ClusterID: [16]byte{1}, Settings: settings, Rules: rules}).(*command.Done); !ok {
		tb.Fatal("genesis refused")
	}
	return b
}

func (b *bench) apply(id string, op command.Op) command.Result {
	b.index++
	b.now += 1000
	h := command.Header{Stamp: b.now, Term: 1, Accepted: b.now, ID: id}
	return b.state.Apply(b.index, 1, command.Command{Header: h, Op: op}).Result
}

// cost is apply, and what it took of the processor. It locks the goroutine to its
// thread, for good.
func (b *bench) cost(id string, op command.Op) (command.Result, time.Duration) {
	runtime.LockOSThread()
	start := cpuTime()
	result := b.apply(id, op)
	return result, cpuTime() - start
}

func (b *bench) limit(name string, slots int64) {
	b.apply("", &command.PutLimit{Name: name, Settings: command.LimitSettings{Slots: slots, Active: true}})
}

func (b *bench) acquire(name string, wait time.Duration) command.Result {
	return b.apply(fmt.Sprintf("id-%d", b.index), &command.Acquire{
		Entries: []command.Entry{{Name: name, Slots: 1}}, Wait: int64(wait), TTL: int64(time.Hour),
	})
}

func (b *bench) pair(tb testing.TB, name string) {
	g, ok := b.acquire(name, 0).(*command.Granted)
	if !ok {
		tb.Fatalf("not granted on %s", name)
	}
	b.apply("", &command.Release{Token: g.Token})
}

func sizes(b *testing.B, what string, run func(b *testing.B, size int)) {
	for _, size := range []int{1, 1_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprintf("%s=%d", what, size), func(b *testing.B) { run(b, size) })
	}
}

// BenchmarkPairByLimits: an acquire and its release, with so many limits.
func BenchmarkPairByLimits(b *testing.B) {
	sizes(b, "limits", func(b *testing.B, size int) {
		s := newBench(b)
		for i := range size {
			s.limit(fmt.Sprintf("limit-%d", i), 5)
		}
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			s.pair(b, fmt.Sprintf("limit-%d", i*7919%size))
		}
	})
}

// BenchmarkPairByLeases: an acquire and its release, beside so many leases.
func BenchmarkPairByLeases(b *testing.B) {
	sizes(b, "leases", func(b *testing.B, size int) {
		s := newBench(b)
		s.limit("db", command.MaxSlots)
		for range size {
			s.acquire("db", 0)
		}
		b.ReportAllocs()
		for b.Loop() {
			s.pair(b, "db")
		}
	})
}

// BenchmarkGrantByWaiters: a release that grants the next of so many waiters,
// and a new waiter behind them.
func BenchmarkGrantByWaiters(b *testing.B) {
	for _, size := range []int{1, 1_000, 100_000} {
		b.Run(fmt.Sprintf("waiters=%d", size), func(b *testing.B) {
			s := newBench(b)
			s.limit("db", 1)
			token := s.acquire("db", 0).(*command.Granted).Token
			for range size {
				s.acquire("db", time.Hour)
			}
			for b.Loop() {
				s.apply("", &command.Release{Token: token})
				token++
				s.acquire("db", time.Hour)
			}
		})
	}
}

// BenchmarkRateGrant: a rate_limit grant on a bucket with so many slots.
func BenchmarkRateGrant(b *testing.B) {
	sizes(b, "slots", func(b *testing.B, size int) {
		s := newBench(b)
		rate, err := command.ParseRate("1000000/s")
		if err != nil {
			b.Fatal(err)
		}
		s.apply("", &command.PutLimit{Name: "api", Settings: command.LimitSettings{Slots: int64(size), Active: true, Rate: rate}})
		for b.Loop() {
			s.apply(fmt.Sprintf("id-%d", s.index), &command.Acquire{Entries: []command.Entry{{Name: "api", Slots: 1, Mode: command.RateLimit}}})
		}
	})
}

// BenchmarkExpireAtOnce: so many leases that end at one instant, by the lease.
// The metric max-ms is the most that one record took of the processor.
func BenchmarkExpireAtOnce(b *testing.B) {
	sizes(b, "leases", func(b *testing.B, size int) {
		var longest time.Duration
		for b.Loop() {
			b.StopTimer()
			s := newBench(b)
			s.limit("db", command.MaxSlots)
			for range size {
				s.acquire("db", 0)
			}
			s.now += int64(time.Hour)
			runtime.GC()
			b.StartTimer()
			for s.state.Counts().Leases > 0 {
				_, took := s.cost("", &command.Tick{})
				longest = max(longest, took)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*size), "ns/lease")
		b.ReportMetric(longest.Seconds()*1e3, "max-ms")
	})
}

// BenchmarkHeapOfLeases: what a million leases of a thousand owners keep on the heap,
// as they were granted and after a restore. The restore's time is the operation's.
func BenchmarkHeapOfLeases(b *testing.B) {
	const leases = 1_000_000
	before := liveHeap()
	s := newBench(b)
	s.limit("db", command.MaxSlots)
	for i := range leases {
		s.apply(fmt.Sprintf("id-%d", i), &command.Acquire{
			Entries: []command.Entry{{Name: "db", Slots: 1}}, TTL: int64(time.Hour),
			Owner: command.Owner{Name: "worker", Host: fmt.Sprintf("host-%d", i%1000), PID: int64(1000 + i%1000)},
		})
	}
	granted := liveHeap() - before
	var snapshot bytes.Buffer
	if err := s.state.Snapshot().Write(&snapshot); err != nil {
		b.Fatal(err)
	}
	s.state = nil
	before = liveHeap()
	var restored uint64
	for b.Loop() {
		state, err := limit.Restore(bytes.NewReader(snapshot.Bytes()))
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		restored = liveHeap() - before
		runtime.KeepAlive(state)
		b.StartTimer()
	}
	b.ReportMetric(float64(granted)/leases, "B/lease")
	b.ReportMetric(float64(restored)/leases, "B/restored")
}

func liveHeap() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}
