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
	"syscall"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Caller does one operation after the other. It is used by one goroutine.
type Caller interface {
	// Do does one operation. One that fails is counted apart, and the next is tried
	// a little later.
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
	Failed     int64 // operations, in the warm-up too
	Err        error // why the first of them failed
	Elapsed    time.Duration
	Metered    time.Duration // what Meter advanced by
	Own        time.Duration // CPU time of this process, callers and all
	latencies  *hdrhistogram.Histogram
}

// PerSecond returns the operations a second.
func (r Result) PerSecond() float64 { return float64(r.Operations) / r.Elapsed.Seconds() }

// Latency returns a percentile; 100: the longest.
func (r Result) Latency(percent float64) time.Duration {
	return time.Duration(r.latencies.ValueAtPercentile(percent))
}

// Each returns the share of d that one operation has.
func (r Result) Each(d time.Duration) time.Duration { return d / time.Duration(max(1, r.Operations)) }

// errNothing says that no operation came to its end.
var errNothing = errors.New("load: nothing was done")

// pause is what a caller waits after a failure.
const pause = 10 * time.Millisecond

// Run opens the callers, keeps them busy and closes them. It fails where they
// cannot be opened or closed, or got nothing done.
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
	meter := p.Meter
	if meter == nil {
		meter = func() time.Duration { return 0 }
	}
	w := &work{}
	counts := make([]*hdrhistogram.Histogram, len(callers))
	var all sync.WaitGroup
	for i, c := range callers {
		counts[i] = newHistogram()
		all.Go(func() { w.keepBusy(ctx, c, counts[i]) })
	}
	sleep(ctx, p.Warm)
	begin, before, own := time.Now(), meter(), ownCPU()
	w.counting.Store(true)
	sleep(ctx, p.For)
	r := Result{Elapsed: time.Since(begin), Metered: meter() - before, Own: ownCPU() - own, latencies: newHistogram()}
	w.over.Store(true)
	all.Wait()
	for _, h := range counts {
		r.latencies.Merge(h)
	}
	r.Operations, r.Failed, r.Err = r.latencies.TotalCount(), w.failed, w.err
	if r.Operations == 0 {
		return r, errors.Join(errNothing, r.Err, context.Cause(ctx))
	}
	return r, context.Cause(ctx)
}

// work is what all callers of a run share.
type work struct {
	counting, over atomic.Bool

	mu     sync.Mutex
	failed int64 // guarded by mu
	err    error // guarded by mu
}

// keepBusy has c do one operation after the other, and counts in h those that
// lie in the time that counts.
func (w *work) keepBusy(ctx context.Context, c Caller, h *hdrhistogram.Histogram) {
	for !w.over.Load() && ctx.Err() == nil {
		counted, start := w.counting.Load(), time.Now()
		if err := c.Do(ctx); err != nil {
			w.fail(err)
			sleep(ctx, pause)
			continue
		}
		if counted && !w.over.Load() {
			_ = h.RecordValue(min(int64(time.Since(start)), int64(longest))) // it lies within the bounds
		}
	}
}

func (w *work) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failed++; w.err == nil {
		w.err = err
	}
}

// ownCPU returns the CPU time that this process has used.
func ownCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
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
