// Package inside judges a simulated cluster by what no caller sees: every
// committed entry of the log, what each node answered to it, the snapshots and
// digests of all nodes, the clocks. It is the one part of jepsen that may know
// fsm: it looks inside on purpose, beside the checkers of jepsen/check, which may
// not, and judge the same run.
//
//	w := inside.NewWitness()
//	w.Note("n1#2", mono, events) // as each process applies records
//	...
//	violations := inside.Judge(inside.Evidence{Witness: w, Archive: archive, Final: final})
//
// Its judges:
//
//   - witness: at one index all nodes apply the same record and come to the same
//     answer (E7);
//   - replay: all committed entries, played on a fresh state, give the answers,
//     the snapshots and the digests that the nodes had (E7, section 8);
//   - oracle: the reference model comes to the same answers (all rules);
//   - grants: no grant leaves a limit over its slots, tokens rise (E1, S2);
//   - time: what leaders stamp is what T1 and T2 allow.
package inside

import (
	"fmt"
	"strings"
	"sync"

	"github.com/limitd/limitd/fsm"
	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
	"github.com/limitd/limitd/fsm/limit/oracle"
	"github.com/limitd/limitd/jepsen/check"
)

// Witness hears what the nodes apply, and compares them. It is safe for
// concurrent use.
type Witness struct {
	mu         sync.Mutex
	records    map[uint64]record
	lives      map[string][]moment // by process
	last       uint64
	count      int
	violations []check.Violation
}

// record is what the first node that applied it made of one record.
type record struct {
	index, term uint64
	time        int64  // cluster time after it
	answer      string // and the waits that it ended, in words
	process     string
	stamp       int64
	stampedIn   uint64 // the term; another than term: the record was not run
	burned      bool   // it is none: a backup was restored here, and brought this time
}

// moment is one moment in the life of a process: its start, a record that it
// applied, or the restore of a snapshot.
type moment struct {
	mono   int64  // of the machine's clock
	record bool   // it applied one; then:
	index  uint64 // for a restore: what the snapshot goes up to
	term   uint64 // in which the record was stamped; 0: it was not heeded
	stamp  int64
}

// NewWitness returns a witness that has heard nothing.
func NewWitness() *Witness {
	return &Witness{records: make(map[uint64]record), lives: make(map[string][]moment)}
}

// Began notes that a process starts.
func (w *Witness) Began(process string, mono int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lives[process] = append(w.lives[process], moment{mono: mono})
}

// Note takes what a process has applied at the instant mono of its clock.
func (w *Witness) Note(process string, mono int64, events []fsm.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range events {
		e := &events[i]
		w.compare(record{
			index: e.Index, term: e.Term, time: e.Time, answer: words(e.Result, e.Outcomes), process: process, stamp: e.Header.Stamp, stampedIn: e.Header.Term,
		}, e)
		m := moment{mono: mono, record: true, index: e.Index, stamp: e.Header.Stamp}
		if e.Header.Term == e.Term {
			m.term = e.Term
		}
		w.lives[process] = append(w.lives[process], m)
		w.count++
		w.last = max(w.last, e.Index)
	}
}

func (w *Witness) compare(got record, e *fsm.Event) {
	first, known := w.records[e.Index]
	if !known {
		w.records[e.Index] = got
		return
	}
	if first.term == got.term && first.time == got.time && first.answer == got.answer {
		return
	}
	w.violations = append(w.violations, check.Violation{Checker: "witness", Rule: "E7", What: fmt.Sprintf(
		"at index %d (%v) %s came, in term %d, to time %d: %s; and %s, in term %d, to time %d: %s",
		e.Index, e.Kind, got.process, got.term, got.time, got.answer, first.process, first.term, first.time, first.answer)})
}

// words says what a record came to.
func words(result command.Result, outcomes []limit.Outcome) string {
	var b strings.Builder
	b.WriteString(oracle.Text(result, false))
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
