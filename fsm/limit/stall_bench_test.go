package limit_test

import (
	"io"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
)

// BenchmarkApplyDuringSnapshot: pairs while a snapshot of a million leases is
// written. stall-ms is the longest that taking the snapshot or one record took.
// The collector works between snapshots alone, which ns/op counts: what it does to
// a record, with a snapshot and without, the two benchmarks below show.
func BenchmarkApplyDuringSnapshot(b *testing.B) {
	stalls(b, false, func(n *limit.Snapshot) error { return n.Write(io.Discard) })
}

// BenchmarkApplyDuringCollection: the same while the collector marks the heap of a
// million leases, and nobody writes a snapshot.
func BenchmarkApplyDuringCollection(b *testing.B) {
	stalls(b, true, func(*limit.Snapshot) error {
		runtime.GC()
		return nil
	})
}

// BenchmarkApplyDuringBoth: the same while a snapshot is written and the collector
// works.
func BenchmarkApplyDuringBoth(b *testing.B) {
	stalls(b, true, func(n *limit.Snapshot) error {
		written := make(chan error)
		go func() { written <- n.Write(io.Discard) }()
		runtime.GC()
		return <-written
	})
}

// stalls measures the longest record of pairs that are applied beside a million
// leases, while beside runs.
func stalls(b *testing.B, collector bool, beside func(*limit.Snapshot) error) {
	s := newBench(b)
	s.limit("db", command.MaxSlots)
	for range 1_000_000 {
		s.acquire("db", 0)
	}
	if !collector {
		defer debug.SetGCPercent(debug.SetGCPercent(-1))
	}
	var longest time.Duration
	timed := func(f func()) {
		start := time.Now()
		f()
		longest = max(longest, time.Since(start))
	}
	for b.Loop() {
		runtime.GC()
		var frozen *limit.Snapshot
		timed(func() { frozen = s.state.Snapshot() })
		done := make(chan error)
		go func() { done <- beside(frozen) }()
		for ended := false; !ended; {
			select {
			case err := <-done:
				if err != nil {
					b.Fatal(err)
				}
				ended = true
			default:
				timed(func() { s.pair(b, "db") })
			}
		}
	}
	b.ReportMetric(longest.Seconds()*1e3, "stall-ms")
}
