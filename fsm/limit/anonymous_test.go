package limit_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
)

// interleaved is a state with so many anonymous holdings of a limit, and a lease
// behind each.
func interleaved(tb testing.TB, n int) *bench {
	b := newBench(tb)
	b.limit("db", command.MaxSlots)
	for i := range n {
		b.apply(fmt.Sprint("n", i), &command.Acquire{Entries: []command.Entry{{Name: "db", Slots: 1}}, Anonymous: true})
		b.acquire("db", 0)
	}
	return b
}

// TestBulkDecrement: many anonymous holdings are given back over several
// records, and the answer is the final one (S7, T5).
func TestBulkDecrement(t *testing.T) {
	const n = 20_000
	for _, op := range []command.Op{
		&command.Decrement{Entries: []command.Entry{{Name: "db", Slots: n - 5}, {Name: "db", Slots: 2}, {Name: "db", Slots: 99}}},
		&command.SetActive{Name: "db"},
	} {
		b := interleaved(t, n)
		var last command.Limit
		switch answer := b.apply("key", op).(type) {
		case *command.Limits:
			last = answer.Limits[2]
			if first := answer.Limits[0]; first.Occupied != n+5 {
				t.Errorf("after the first entry %d are occupied", first.Occupied)
			}
		case *command.Limit:
			last = *answer
		}
		if last.Occupied != n {
			t.Errorf("%v answers that %d are occupied", op.Kind(), last.Occupied)
		}
		if left := b.state.Counts().Holdings - n; left != n-4096 {
			t.Errorf("%v: %d anonymous holdings are left after one record", op.Kind(), left)
		}
		b.fourMore(t)
		if l, _ := b.state.Limit("db"); l.Occupied != n || b.state.Counts().Holdings != n {
			t.Errorf("%v: %d are occupied in the end", op.Kind(), l.Occupied)
		}
	}
}

// TestLeasesBehindAnonymous: a page of a limit's leases looks at so many holdings
// and no more, also where hardly any is a lease's. The pages lead to all of them.
func TestLeasesBehindAnonymous(t *testing.T) {
	b := newBench(t)
	b.limit("db", command.MaxSlots)
	for range 12_000 {
		b.apply(fmt.Sprint("n", b.index), &command.Acquire{Entries: []command.Entry{{Name: "db", Slots: 1}}, Anonymous: true})
		b.apply(fmt.Sprint("l", b.index), &command.Acquire{Entries: []command.Entry{{Name: "db", Slots: 1}}, TTL: 1e9})
	}
	b.now += 2e9 // all of these have ended, so that the others stand apart
	for range 4 {
		b.apply("", &command.Tick{})
	}
	b.apply("last", &command.Acquire{Entries: []command.Entry{{Name: "db", Slots: 1}}})
	found, pages := 0, 0
	for after := uint64(0); pages == 0 || after != 0; pages++ {
		var list []limit.Lease
		list, after = b.state.Leases(limit.LeaseFilter{Limit: "db"}, after, 100)
		found += len(list)
	}
	if found != 1 || pages != 2 {
		t.Errorf("%d leases on %d pages", found, pages)
	}
}

// fourMore ticks over a restore: the job goes on.
func (b *bench) fourMore(t *testing.T) {
	restored, err := clone(b.state)
	if err != nil {
		t.Fatal(err)
	}
	for range 4 {
		b.apply("", &command.Tick{})
		b.index-- // the same record again, for the restored one
		b.now -= 1000
		state := b.state
		b.state = restored
		b.apply("", &command.Tick{})
		b.state = state
	}
	if restored.Snapshot().Digest() != b.state.Snapshot().Digest() {
		t.Error("other digests")
	}
}

// BenchmarkDecrement: the return of one anonymous slot, and a new one, behind so
// many leases and before as many others. What finds it must not scan past them.
func BenchmarkDecrement(b *testing.B) {
	for _, size := range []int{1, 100_000} {
		b.Run(fmt.Sprintf("leases=%d", size), func(b *testing.B) {
			s := newBench(b)
			s.limit("db", command.MaxSlots)
			for range size {
				s.acquire("db", 0)
			}
			for b.Loop() {
				s.apply(fmt.Sprintf("id-%d", s.index), &command.Acquire{Entries: []command.Entry{{Name: "db", Slots: 1}}, Anonymous: true})
				s.apply("", &command.Decrement{Entries: []command.Entry{{Name: "db", Slots: 1}}})
			}
		})
	}
}

// BenchmarkBulkDecrement: the records that give back 100,000 anonymous holdings
// among as many leases. The metric max-ms is the most that one record took of the
// processor.
func BenchmarkBulkDecrement(b *testing.B) {
	const n = 100_000
	var longest time.Duration
	for b.Loop() {
		b.StopTimer()
		s := interleaved(b, n)
		op := command.Op(&command.Decrement{Entries: []command.Entry{{Name: "db", Slots: n}}})
		b.StartTimer()
		for s.state.Counts().Holdings > n {
			_, took := s.cost("", op)
			longest = max(longest, took)
			op = &command.Tick{}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/holding")
	b.ReportMetric(longest.Seconds()*1e3, "max-ms")
}
