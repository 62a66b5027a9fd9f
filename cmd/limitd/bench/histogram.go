package bench

import (
	"math/bits"
	"time"
)

// histogram counts durations in buckets that are at most 1/32 wide, so that a
// quantile is off by at most 3 %. The zero histogram is empty.
type histogram struct {
	counts [64 * buckets]int64
	n      int64
	top    time.Duration
}

// buckets is into how many parts each power of two of nanoseconds is divided.
const buckets = 32

func (h *histogram) add(d time.Duration) {
	h.counts[bucket(d)]++
	h.n++
	h.top = max(h.top, d)
}

func (h *histogram) merge(o *histogram) {
	for i, n := range o.counts {
		h.counts[i] += n
	}
	h.n += o.n
	h.top = max(h.top, o.top)
}

// quantile returns the duration below which the share q of all lie.
func (h *histogram) quantile(q float64) time.Duration {
	rank := int64(q * float64(h.n))
	for i, n := range h.counts {
		if rank -= n; rank < 0 {
			return min(upper(i), h.top)
		}
	}
	return h.top
}

// bucket numbers the buckets: the power of two, then the five bits below it.
func bucket(d time.Duration) int {
	v := uint64(max(d, buckets)) // below 32 ns nothing can be told apart
	power := bits.Len64(v) - 1
	return power*buckets + int(v>>(power-5))&(buckets-1)
}

// upper returns the end of a bucket.
func upper(i int) time.Duration {
	power, part := i/buckets, i%buckets
	return time.Duration(uint64(buckets+part+1) << (power - 5))
}
