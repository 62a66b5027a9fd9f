package load_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/limitd/limitd/tools/bench/load"
)

// sleeper takes a millisecond for everything.
type sleeper struct {
	fails  error
	closed *atomic.Int64
}

func (s sleeper) Do(context.Context) error { time.Sleep(time.Millisecond); return s.fails }
func (s sleeper) Close() error             { s.closed.Add(1); return nil }

func TestRun(t *testing.T) { synctest.Test(t, testRun) }

func testRun(t *testing.T) {
	var closed atomic.Int64
	var metered time.Duration
	r, err := load.Run(t.Context(), load.Plan{
		Callers: 4, Warm: 20 * time.Millisecond, For: 200 * time.Millisecond,
		Open:  func(int) (load.Caller, error) { return sleeper{closed: &closed}, nil },
		Meter: func() time.Duration { metered += time.Second; return metered },
	})
	if err != nil || closed.Load() != 4 {
		t.Fatalf("%d closed, %v", closed.Load(), err)
	}
	// Of each caller's 200 those at the first and the last instant may count, or not.
	if r.Operations < 792 || r.Operations > 804 || r.Latency(50) < time.Millisecond || r.Metered != time.Second {
		t.Errorf("%d operations, p50 %v, metered %v", r.Operations, r.Latency(50), r.Metered)
	}
}

func TestFailuresAreCounted(t *testing.T) { synctest.Test(t, testFailures) }

func testFailures(t *testing.T) {
	var closed atomic.Int64
	broken := errors.New("broken")
	plan := load.Plan{Callers: 2, For: 100 * time.Millisecond, Open: func(i int) (load.Caller, error) {
		if i == 0 {
			return sleeper{broken, &closed}, nil
		}
		return sleeper{closed: &closed}, nil
	}}
	r, err := load.Run(t.Context(), plan)
	if err != nil || r.Operations == 0 || r.Failed == 0 || !errors.Is(r.Err, broken) || closed.Load() != 2 {
		t.Errorf("%d done, %d failed: %v, %d closed, %v", r.Operations, r.Failed, r.Err, closed.Load(), err)
	}
	plan.Callers = 1
	if _, err := load.Run(t.Context(), plan); !errors.Is(err, broken) {
		t.Errorf("nothing was done: %v", err)
	}
}

func TestSeries(t *testing.T) {
	odd, even := load.Series{5, 1, 3}, load.Series{4, 1, 3, 2}
	if odd.Median() != 3 || even.Median() != 2.5 || odd.Min() != 1 || odd.Max() != 5 {
		t.Errorf("medians %v and %v, %v to %v", odd.Median(), even.Median(), odd.Min(), odd.Max())
	}
	if got := odd.Over(load.Series{10, 1, 1}); got.Median() != 1 {
		t.Errorf("ratios %v", got)
	}
}
