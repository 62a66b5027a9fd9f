package inside

import (
	"fmt"

	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
	"github.com/limitd/limitd/fsm/limit/oracle"
	"github.com/limitd/limitd/fsm/limit/twin"
	"github.com/limitd/limitd/jepsen/check"
	"github.com/limitd/limitd/jepsen/history"
	"github.com/limitd/limitd/jepsen/sim/disk"
)

// Evidence is what a run leaves behind.
type Evidence struct {
	Witness *Witness
	Archive *disk.Archive
	Final   *history.Final // nil: the run did not come to its end
}

// trial plays the log again.
type trial struct {
	Evidence
	pair       twin.Pair
	second     bool // the oracle has not lost its way
	line       lineage
	backups    map[uint64]backup // that were restored, by the index that this burned
	copies     copies
	snapshots  map[uint64][]disk.Kept
	grants     grants
	violations []check.Violation
}

// enough is how many violations one judge tells of.
const enough = 5

// Judge judges a run. The nodes must not apply anything any more.
func Judge(e Evidence) []check.Violation {
	t := newTrial(e)
	for index := uint64(1); index <= e.Witness.last && t.next(index); index++ {
		t.compareSnapshots(index)
		t.compareFinal(index)
	}
	if t.second {
		if err := t.pair.Compare(); err != nil {
			t.convict("oracle", "all", "in the end: %v", err)
		}
	}
	all := append(e.Witness.violations, t.violations...)
	return append(all, judgeTime(e, t.line)...)
}

func newTrial(e Evidence) *trial {
	line := trace(e.Archive, disk.Place{Index: e.Witness.last, Term: e.Witness.records[e.Witness.last].term})
	t := &trial{
		Evidence: e, pair: twin.Pair{Real: limit.New(), Model: oracle.New()}, second: true,
		line: line, backups: line.backups(), copies: make(copies), snapshots: snapshotsByIndex(e.Archive, line),
	}
	t.copies.awaits(t.backups)
	return t
}

// next goes on by one index; false: there is no going on.
func (t *trial) next(index uint64) bool {
	if b, ok := t.backups[index]; ok && !t.restore(b) {
		return false
	}
	if r, ok := t.Witness.records[index]; ok && !r.burned && !t.play(r) {
		return false
	}
	if t.second && !t.copies.take(t.pair.Model, index) {
		t.second = false // it cannot be copied in the middle of bulk work
	}
	return true
}

func (t *trial) convict(checker, rule, format string, args ...any) {
	n := 0
	for _, v := range t.violations {
		if v.Checker == checker {
			n++
		}
	}
	if n < enough {
		t.violations = append(t.violations, check.Violation{Checker: checker, Rule: rule, What: fmt.Sprintf(format, args...)})
	}
}

// play plays one record; false: there is no going on.
func (t *trial) play(r record) bool {
	entry, ok := t.Archive.Entry(disk.Place{Index: r.index, Term: r.term})
	if !ok {
		t.convict("replay", "E7", "%s applied a record of term %d at index %d that nobody ever stored", r.process, r.term, r.index)
		return false
	}
	if term, known := t.line.terms[r.index]; known && term != r.term {
		t.convict("replay", "E7", "%s applied a record of term %d at index %d, where the log has one of term %d", r.process, r.term, r.index, term)
		return false
	}
	c, err := command.Decode(entry.Log.Data)
	if err != nil {
		t.convict("replay", "section 8", "the record at index %d cannot be read: %v", r.index, err)
		return false
	}
	applied, err := t.step(r, c)
	if err != nil && t.second {
		t.second = false
		t.convict("oracle", "all", "%v %v", c.Op.Kind(), err)
	}
	if got := words(applied.Result, applied.Outcomes); got != r.answer || t.pair.Real.Time() != r.time {
		t.convict("replay", "E7", "at index %d (%v) %s came to time %d: %s; played again it comes to time %d: %s",
			r.index, c.Op.Kind(), r.process, r.time, r.answer, t.pair.Real.Time(), got)
	}
	t.judgeGrants(r, applied)
	return true
}

// step applies a record to the state machine, and to the oracle as long as it
// agrees.
func (t *trial) step(r record, c command.Command) (limit.Applied, error) {
	if t.second {
		return t.pair.Apply(r.index, r.term, c)
	}
	return t.pair.Real.Apply(r.index, r.term, c), nil
}
