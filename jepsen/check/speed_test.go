package check_test

import (
	"testing"
	"time"

	"github.com/limitd/limitd/jepsen/check"
)

// BenchmarkAll judges a long history, and says how long each operation of it took.
func BenchmarkAll(b *testing.B) {
	c := plain()
	c.clients, c.length = 24, 60*time.Second
	h, _ := play(c)
	for b.Loop() {
		check.All(h)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(h.Ops)), "ns/call")
	b.ReportMetric(float64(len(h.Ops)), "calls")
}
