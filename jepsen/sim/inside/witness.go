// Package inside judges a simulated cluster by what no caller sees: every
// committed entry of the log, what each node answered to it, the nodes' digests.
// It is the one part of jepsen that may know fsm: it looks inside, on purpose,
// and the checkers of jepsen/check, which may not, judge the same run.
//
//	w := inside.NewWitness()
//	w.Note("n1", events) // as each node applies records
//	...
//	violations := w.Violations()
package inside

import (
	"fmt"
	"strings"
	"sync"

	"github.com/limitd/limitd/fsm"
	"github.com/limitd/limitd/fsm/limit"
	"github.com/limitd/limitd/fsm/limit/oracle"
	"github.com/limitd/limitd/jepsen/check"
)

// Witness hears what the nodes apply, and compares them: at one index all
// must apply the same record, with the same answer, at the same cluster time
// (semantics.md E7). It is safe for concurrent use.
type Witness struct {
	mu         sync.Mutex
	records    map[uint64]Record
	last       uint64
	count      int
	violations []check.Violation
}

// Record is what a node made of one record.
type Record struct {
	Index, Term uint64
	Time        int64  // cluster time after it
	Answer      string // and the waits that it ended, in words
	Node        string // that was heard first
}

// NewWitness returns a witness that has heard nothing.
func NewWitness() *Witness { return &Witness{records: make(map[uint64]Record)} }

// Note takes what a node has applied.
func (w *Witness) Note(node string, events []fsm.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range events {
		e := &events[i]
		got := Record{Index: e.Index, Term: e.Term, Time: e.Time, Answer: words(oracle.Text(e.Result, false), e.Outcomes), Node: node}
		w.count++
		w.last = max(w.last, e.Index)
		first, known := w.records[e.Index]
		if !known {
			w.records[e.Index] = got
			continue
		}
		if first.Term != got.Term || first.Time != got.Time || first.Answer != got.Answer {
			w.violations = append(w.violations, check.Violation{Checker: "witness", Rule: "E7", What: fmt.Sprintf(
				"at index %d (a %v) %s came to term %d, time %d: %s; and %s to term %d, time %d: %s",
				e.Index, e.Kind, node, got.Term, got.Time, got.Answer, first.Node, first.Term, first.Time, first.Answer)})
		}
	}
}

// words says what a record came to.
func words(answer string, outcomes []limit.Outcome) string {
	if len(outcomes) == 0 {
		return answer
	}
	var b strings.Builder
	b.WriteString(answer)
	for _, o := range outcomes {
		fmt.Fprintf(&b, "; %s %d: %s", o.ID, o.Age, oracle.Text(o.Result, false))
	}
	return b.String()
}

// Heard returns how many records were applied, on all nodes together, and the
// last index.
func (w *Witness) Heard() (count int, last uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.count, w.last
}

// Violations returns where nodes differed.
func (w *Witness) Violations() []check.Violation {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.violations
}
