package report

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/limitd/limitd/jepsen/check"
	"github.com/limitd/limitd/jepsen/history"
)

// Summary is what is kept of a run once its report is written: it is small, so
// that a matrix or a soak of many runs can be summed up at its end.
type Summary struct {
	Name    string // as the run is called; unique among those summed up
	Page    string // the report, relative to the index; "": there is none
	Run     history.Run
	Result  Result
	Ops     int
	Unknown int
	Faults  map[string]int // injected, by kind
	Failed  int            // faults that could not be injected
	Gap     time.Duration  // the longest span without a success
	Length  time.Duration  // of the part with callers
}

// Summarize sums up a run; name and page are as in Summary.
func Summarize(name, page string, h *history.History, verdicts []check.Verdict) Summary {
	s := Summary{
		Name: name, Page: page, Run: h.Run, Result: Sum(h, verdicts),
		Ops: len(h.Ops), Faults: make(map[string]int), Length: runLength(h),
	}
	for i := range h.Ops {
		if classOf(&h.Ops[i]) == unknown {
			s.Unknown++
		}
	}
	for _, f := range h.Faults {
		if f.Error == "" {
			s.Faults[f.Kind]++
		} else {
			s.Failed++
		}
	}
	gap := longestGap(successes(h.Ops), firstCall(h), s.Length)
	s.Gap = gap.to - gap.from
	return s
}

// injected is how many faults happened.
func (s *Summary) injected() int {
	n := 0
	for _, k := range s.Faults {
		n += k
	}
	return n
}

// sums are totals over runs.
type sums struct {
	runs, failed, ops, unknown, violations, faults, notInjected int

	length time.Duration
	kinds  map[string]int
}

func sumUp(runs []Summary) sums {
	t := sums{runs: len(runs), kinds: make(map[string]int)}
	for i := range runs {
		s := &runs[i]
		if !s.Result.Passed {
			t.failed++
		}
		t.ops += s.Ops
		t.unknown += s.Unknown
		t.violations += s.Result.Violations
		t.faults += s.injected()
		t.notInjected += s.Failed
		t.length += s.Length
		for kind, n := range s.Faults {
			t.kinds[kind] += n
		}
	}
	return t
}

// passed tells whether all did, and there were any.
func (t sums) passed() bool { return t.runs > 0 && t.failed == 0 }

// line is the totals in a sentence.
func (t sums) line() string {
	switch {
	case t.runs == 0:
		return "nothing ran"
	case t.failed > 0:
		return fmt.Sprintf("%s of %s failed, with %s", number(t.failed), count(t.runs, "run"), count(t.violations, "violation"))
	case t.runs == 1:
		return "the run passed"
	}
	return fmt.Sprintf("all %s passed", count(t.runs, "run"))
}

// Text writes several runs as a table for a terminal, with a last line that
// sums them up.
func Text(w io.Writer, runs []Summary) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "\trun\tinstrument\tnodes\tseed\toperations\tper s\tunknown\tfaults\tlongest gap\t")
	for i := range runs {
		s := &runs[i]
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%d\t%s\t%s\t%s\t%s\t%s\t%s\n", mark(s.Result.Passed), s.Name, s.Run.Instrument, s.Run.Nodes, s.Run.Seed,
			number(s.Ops), per(s.Ops, s.Length), number(s.Unknown), number(s.injected()), length(s.Gap), strings.Join(s.Result.Why, "; "))
	}
	t := sumUp(runs)
	fmt.Fprintf(table, "%s\t%s\t\t\t\t%s\t%s\t%s\t%s\t\t\n", mark(t.passed()), t.line(), number(t.ops), per(t.ops, t.length), number(t.unknown), number(t.faults))
	if err := table.Flush(); err != nil {
		return fmt.Errorf("write the summary: %w", err)
	}
	return nil
}

func mark(passed bool) string {
	if passed {
		return "PASS"
	}
	return "FAIL"
}

// faultFacts lists kinds of faults with how many there were, the most first.
func faultFacts(of map[string]int) []fact {
	names := slices.SortedFunc(maps.Keys(of), func(x, y string) int {
		return cmp.Or(cmp.Compare(of[y], of[x]), cmp.Compare(x, y))
	})
	var list []fact
	for _, name := range names {
		list = append(list, fact{Name: name, Value: number(of[name])})
	}
	return list
}
