package bench

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Report is what a run measured and found. Times are in seconds.
type Report struct {
	Mode        Mode    `json:"mode"`
	Connections int     `json:"connections"`
	Nodes       int     `json:"nodes"`
	Limits      int     `json:"limits"`
	Slots       int64   `json:"slots"`
	Decay       int64   `json:"slot_decay_per_second,omitempty"`
	Hold        float64 `json:"hold_seconds"`
	Rate        float64 `json:"rate,omitempty"` // operations that were due a second; 0: closed loop
	Elapsed     float64 `json:"elapsed_seconds"`

	// Operations that came to their end: acquires with their releases, or
	// admissions of a rate limit.
	Operations int64     `json:"operations"`
	PerSecond  float64   `json:"operations_per_second"`
	Latencies  []Latency `json:"latencies"`
	Queue      *Queue    `json:"queue,omitempty"` // of Waiters alone
	Retries    int64     `json:"retries"`         // tries that got no answer, or one that asks for another try
	Failed     int64     `json:"failed"`          // operations that did not come to their end
	Errors     []string  `json:"errors"`          // the first few

	Check Check `json:"over_admission_check"`
}

// Check is what came of looking for over-admission.
type Check struct {
	Passed bool     `json:"passed"`
	Seen   []string `json:"seen"`  // what was looked at
	Wrong  []string `json:"wrong"` // what should not be
}

func (c *Check) saw(format string, args ...any) {
	c.Seen = append(c.Seen, fmt.Sprintf(format, args...))
}

func (c *Check) wrong(format string, args ...any) {
	c.Passed = false
	c.Wrong = append(c.Wrong, fmt.Sprintf(format, args...))
}

// shownErrors is how many errors a report has.
const shownErrors = 5

func newReport(o Options, callers []*caller, elapsed time.Duration) *Report {
	r := &Report{
		Mode: o.Mode, Connections: o.Connections, Nodes: len(o.Bases), Limits: o.Limits, Slots: o.Slots, Decay: o.Decay,
		Hold: o.Hold.Seconds(), Rate: o.Rate, Elapsed: elapsed.Seconds(),
		Errors: []string{}, Check: Check{Passed: true, Seen: []string{}, Wrong: []string{}},
	}
	acquire, release := newHistogram(), newHistogram()
	for _, c := range callers {
		r.Operations += c.done
		r.Retries += c.retries
		r.Failed += c.failed
		for _, err := range c.errs[:min(len(c.errs), shownErrors-len(r.Errors))] {
			r.Errors = append(r.Errors, err.Error())
		}
		acquire.merge(c.acquire)
		release.merge(c.release)
	}
	r.PerSecond = float64(r.Operations) / elapsed.Seconds()
	r.Latencies = []Latency{acquire.latency("acquire")}
	if release.h.TotalCount() > 0 {
		r.Latencies = append(r.Latencies, release.latency("release"))
	}
	return r
}

// Write writes the report for people.
func (r *Report) Write(w io.Writer) error {
	p := &errWriter{w: w}
	p.printf("%s: %s\n", r.Mode, r.setting())
	p.printf("%-11s %d in %v, %.0f/s\n", r.operations(), r.Operations, seconds(r.Elapsed, time.Millisecond), r.PerSecond)
	for _, l := range r.Latencies {
		p.printf("%-11s p50 %v  p90 %v  p99 %v  p99.9 %v  max %v\n", l.Of, short(l.P50), short(l.P90), short(l.P99), short(l.P999), short(l.Max))
	}
	if q := r.Queue; q != nil {
		p.printf("%-11s %d parked in %v, all granted in %v", "queue", q.Waiters, short(q.Parked), short(q.Granted))
		if q.Memory != 0 {
			p.printf(", %d bytes of the nodes' memory each", q.Memory)
		}
		p.printf("\n")
	}
	p.printf("%-11s %d\n%-11s %d\n", "retries", r.Retries, "failed", r.Failed)
	for _, text := range r.Errors {
		p.printf("            %s\n", text)
	}
	p.printf("over-admission check: %s\n", r.Check)
	return p.err
}

func (r *Report) operations() string {
	if r.Mode == Rate {
		return "admitted"
	}
	return "pairs"
}

// setting tells what was run, in words.
func (r *Report) setting() string {
	text := fmt.Sprintf("%d connections to %d nodes, %d limits of %d slots", r.Connections, r.Nodes, r.Limits, r.Slots)
	if r.Decay > 0 {
		text += fmt.Sprintf(" and %d/s of decay", r.Decay)
	}
	if r.Hold > 0 {
		text += fmt.Sprintf(", each held for %v", seconds(r.Hold, time.Microsecond))
	}
	if r.Rate > 0 {
		text += fmt.Sprintf(", %v operations due a second; latencies count from there", r.Rate)
	}
	return text
}

// String returns PASS or FAIL, and why.
func (c Check) String() string {
	if c.Passed {
		return "PASS (" + strings.Join(c.Seen, "; ") + ")"
	}
	return "FAIL: " + strings.Join(c.Wrong, "; ") + " (" + strings.Join(c.Seen, "; ") + ")"
}

func seconds(s float64, unit time.Duration) time.Duration {
	return time.Duration(s * float64(time.Second)).Round(unit)
}

func short(s float64) time.Duration { return seconds(s, 10*time.Microsecond) }

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
