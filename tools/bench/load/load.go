// Package load keeps a number of callers busy and measures what they get done.
// The load is closed: each caller does one thing after the other.
//
//	result, err := load.Run(ctx, load.Plan{Callers: 64, Warm: time.Second, For: 5 * time.Second, Open: open})
//	fmt.Println(result.PerSecond(), result.Latency(50))
package load

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Caller does one operation after the other. It is used by one goroutine.
type Caller interface {
	// Do does one operation. An error ends the run.
	Do(ctx context.Context) error
	// Close gives back what the caller holds.
	Close() error
}

// Plan says what to run.
type Plan struct {
	Callers int
	Warm    time.Duration // before anything is counted
	For     time.Duration // how long it is counted
	// Open makes the caller i, connected.
	Open func(i int) (Caller, error)
	// Meter is read when the counting begins and when it ends: CPU time, for instance. Default: 0.
	Meter func() time.Duration
}

// Result is what was counted.
type Result struct {
	Operations int64
	Elapsed    time.Duration
	Metered    time.Duration // what Meter advanced by
	latencies  *hdrhistogram.Histogram
}

// PerSecond returns the operations a second.
func (r Result) PerSecond() float64 { return float64(r.Operations) / r.Elapsed.Seconds() }

// Latency returns a percentile; 100: the longest.
func (r Result) Latency(percent float64) time.Duration {
	return time.Duration(r.latencies.ValueAtPercentile(percent))
}

// MeteredEach returns what Meter advanced by for each operation.
func (r Result) MeteredEach() time.Duration {
	return r.Metered / time.Duration(max(1, r.Operations))
}

// Run opens the callers, keeps them busy and closes them.
func Run(ctx context.Context, p Plan) (Result, error) {
	callers, err := open(p)
	if err == nil {
		var r Result
		if r, err = p.work(ctx, callers); err == nil {
			return r, closeAll(callers)
		}
	}
	return Result{}, errors.Join(err, closeAll(callers))
}

func open(p Plan) ([]Caller, error) {
	callers := make([]Caller, 0, p.Callers)
	for i := range p.Callers {
		c, err := p.Open(i)
		if err != nil {
			return callers, fmt.Errorf("open caller %d: %w", i, err)
		}
		callers = append(callers, c)
	}
	return callers, nil
}

// closeAll closes all callers at once: each may have a slot to give back.
func closeAll(callers []Caller) error {
	errs := make([]error, len(callers))
	var all sync.WaitGroup
	for i, c := range callers {
		all.Go(func() { errs[i] = c.Close() })
	}
	all.Wait()
	return errors.Join(errs...)
}

func (p Plan) work(ctx context.Context, callers []Caller) (Result, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	meter := p.Meter
	if meter == nil {
		meter = func() time.Duration { return 0 }
	}
	var counting, over atomic.Bool
	counts := make([]*hdrhistogram.Histogram, len(callers))
	var all sync.WaitGroup
	for i, c := range callers {
		counts[i] = newHistogram()
		all.Go(func() {
			for !over.Load() {
				counted, start := counting.Load(), time.Now()
				if err := c.Do(ctx); err != nil {
					cancel(fmt.Errorf("caller %d: %w", i, err))
					return
				}
				if counted && !over.Load() {
					_ = counts[i].RecordValue(min(int64(time.Since(start)), int64(longest)))
				}
			}
		})
	}
	sleep(ctx, p.Warm)
	begin, before := time.Now(), meter()
	counting.Store(true)
	sleep(ctx, p.For)
	r := Result{Elapsed: time.Since(begin), Metered: meter() - before, latencies: newHistogram()}
	over.Store(true)
	all.Wait()
	for _, h := range counts {
		r.latencies.Merge(h)
	}
	r.Operations = r.latencies.TotalCount()
	return r, context.Cause(ctx)
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

const longest = time.Hour

// newHistogram counts durations of a microsecond to an hour with three digits.
func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(int64(time.Microsecond), int64(longest), 3)
}
