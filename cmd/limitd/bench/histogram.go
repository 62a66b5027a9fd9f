package bench

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// histogram counts durations of a microsecond to an hour with three digits.
type histogram struct{ h *hdrhistogram.Histogram }

func newHistogram() histogram {
	return histogram{hdrhistogram.New(int64(time.Microsecond), int64(time.Hour), 3)}
}

func (h histogram) add(d time.Duration) {
	d = min(max(d, time.Microsecond), time.Hour)
	_ = h.h.RecordValue(int64(d)) // it lies within the bounds
}

func (h histogram) merge(o histogram) { h.h.Merge(o.h) }

// Latency is how long operations of one kind took, in seconds.
type Latency struct {
	Of    string  `json:"of"`
	Count int64   `json:"count"`
	P50   float64 `json:"p50"`
	P90   float64 `json:"p90"`
	P99   float64 `json:"p99"`
	P999  float64 `json:"p99_9"`
	Max   float64 `json:"max"`
}

func (h histogram) latency(of string) Latency {
	at := func(percent float64) float64 { return time.Duration(h.h.ValueAtPercentile(percent)).Seconds() }
	return Latency{
		Of: of, Count: h.h.TotalCount(), P50: at(50), P90: at(90), P99: at(99), P999: at(99.9),
		Max: time.Duration(h.h.Max()).Seconds(),
	}
}
