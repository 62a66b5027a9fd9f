package bench

import (
	"fmt"
	"io"
	"slices"
	"time"
)

// Report is what a run measured and found.
type Report struct {
	Options Options
	Elapsed time.Duration
	Pairs   int64 // acquires with their releases
	Retries int64 // tries that got no answer, or one that asks for another try
	Failed  int64 // pairs that did not come to their end
	Errors  []error

	Peak       int64 // most slots of one limit that were surely held at once
	Left       int64 // slots occupied when all had been released
	Duplicates int64 // tokens given to two grants
	Inspected  bool  // Left is what the nodes said; else nobody could be asked

	acquire, release histogram
	grants           int
}

// shownErrors is how many errors a report shows.
const shownErrors = 5

func newReport(o Options, callers []*caller, elapsed time.Duration) *Report {
	r := &Report{Options: o, Elapsed: elapsed}
	var tokens []uint64
	for _, c := range callers {
		r.Pairs += c.pairs
		r.Retries += c.retries
		r.Failed += c.failed
		r.Errors = append(r.Errors, c.errs...)
		r.acquire.merge(&c.acquire)
		r.release.merge(&c.release)
		tokens = append(tokens, c.tokens...)
	}
	slices.Sort(tokens)
	r.grants = len(tokens)
	r.Duplicates = int64(len(tokens) - len(slices.Compact(tokens)))
	return r
}

// Passed tells whether no limit was over-granted, no token given twice, and
// nothing is left occupied. Failed pairs leave slots to their TTL, so that with
// them what is left says nothing.
func (r *Report) Passed() bool {
	return r.Inspected && r.Pairs > 0 && r.Peak <= r.Options.Slots && r.Duplicates == 0 && (r.Left == 0 || r.Failed > 0)
}

// Write writes the report for people.
func (r *Report) Write(w io.Writer) error {
	o := r.Options
	p := &errWriter{w: w}
	p.printf("%d connections to %d nodes, %d limits of %d slots, each held for %v, %v\n", o.Connections, len(o.Bases), o.Limits, o.Slots, o.Hold, r.Elapsed.Round(time.Millisecond))
	p.printf("pairs     %d, %.0f/s\n", r.Pairs, float64(r.Pairs)/r.Elapsed.Seconds())
	p.latency("acquire", &r.acquire)
	p.latency("release", &r.release)
	p.printf("retries   %d\nfailed    %d\n", r.Retries, r.Failed)
	for _, err := range r.Errors[:min(len(r.Errors), shownErrors)] {
		p.printf("          %v\n", err)
	}
	verdict := "PASS"
	switch {
	case !r.Inspected:
		verdict = "FAIL: nobody could be asked what is left"
	case !r.Passed():
		verdict = "FAIL"
	}
	p.printf("over-admission check: %s (at most %d of %d slots of a limit held at once; %d grants, %d tokens twice; %d slots occupied at the end)\n",
		verdict, r.Peak, o.Slots, r.grants, r.Duplicates, r.Left)
	return p.err
}

// errWriter keeps the first error of many writes.
type errWriter struct {
	w   io.Writer
	err error
}

func (p *errWriter) printf(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format, args...)
	}
}

func (p *errWriter) latency(name string, h *histogram) {
	round := func(d time.Duration) time.Duration { return d.Round(10 * time.Microsecond) }
	p.printf("%-9s p50 %v  p99 %v  max %v\n", name, round(h.quantile(0.50)), round(h.quantile(0.99)), round(h.top))
}
