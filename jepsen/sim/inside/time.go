package inside

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/limitd/limitd/jepsen/check"
	"github.com/limitd/limitd/jepsen/sim/disk"
)

// window is how long an offset counts (T2).
const window = int64(10e9)

// judgeTime recomputes for every term the clock that T2 gives its leader: from
// what that process had applied before the first record of its term, and when.
//
// A record is stamped at some instant before it is written first. So no stamp
// may be later than the leader's clock at that writing; and where a leader wrote
// some records, one of them was written nearly at once, so that the latest of
// them shows a clock that has lost time.
//
// A restore begins cluster time anew, so that what a leader stamped before and
// after one is judged like two terms.
func judgeTime(e Evidence, line lineage) (list []check.Violation) {
	for _, s := range e.Archive.Snapshots() {
		if !line.lost(e.Archive, s) {
			e.Witness.installed(s)
		}
	}
	for _, t := range termsOf(e) {
		list = append(list, t.judge(e)...)
	}
	return list[:min(len(list), enough)]
}

// term is what one leader stamped, by index, with no restore in between.
type term struct {
	number  uint64
	records []born
}

// born is a committed record with its birth.
type born struct {
	disk.Birth
	index uint64
	stamp int64
}

// termsOf sorts the committed records by the term in which they were stamped.
func termsOf(e Evidence) (list []term) {
	open := false
	for _, index := range slices.Sorted(maps.Keys(e.Witness.records)) {
		r := e.Witness.records[index]
		if r.burned {
			open = false
		}
		entry, ok := e.Archive.Entry(disk.Place{Index: index, Term: r.term})
		if !ok || r.burned || r.stampedIn != r.term || entry.Process == "" {
			continue
		}
		if n := len(list); !open || list[n-1].number != r.term {
			list, open = append(list, term{number: r.term}), true
		}
		last := &list[len(list)-1]
		last.records = append(last.records, born{Birth: entry.Birth, index: index, stamp: r.stamp})
	}
	return list
}

const (
	// prompt is within what time a leader writes one of its records.
	prompt = int64(600e6)
	// several is how many records a leader must have written to be held to that.
	several = 5
)

func (t term) judge(e Evidence) (list []check.Violation) {
	convict := func(format string, args ...any) {
		list = append(list, check.Violation{Checker: "time", Rule: "T2", What: fmt.Sprintf("term %d, led by %s: ", t.number, t.records[0].Process) + fmt.Sprintf(format, args...)})
	}
	least, most, ok := t.clock(e)
	if !ok {
		return nil // the first term of all: cluster time begins
	}
	shown := int64(math.MinInt64)
	for _, r := range t.records {
		shown = max(shown, r.stamp-r.Mono)
		if over := r.stamp - r.Mono - most; over > 0 {
			convict("the record at index %d was stamped %d ns later than the leader's clock can have been", r.index, over)
			return list
		}
	}
	if lost := least - shown; len(t.records) >= several && lost > prompt {
		convict("its stamps are %d ns behind what the leader knew of cluster time", lost)
	}
	return list
}

// clock returns the bounds of the offset of the leader's clock from its
// machine's. The moment at which it was set lies between the last that the
// process had applied and the first record of its term. What came later does not
// count: a leader may never apply its own records, but get a snapshot after them.
func (t term) clock(e Evidence) (least, most int64, ok bool) {
	first := t.records[0]
	life := e.Witness.lives[first.Process]
	if end := slices.IndexFunc(life, func(m moment) bool { return m.mono > first.Mono || m.record && m.index >= first.index }); end >= 0 {
		life = life[:end]
	}
	before, ok := e.Witness.before(first.index)
	if !ok || len(life) == 0 {
		return 0, 0, false
	}
	last := life[len(life)-1]
	least, most = before.time-first.Mono, before.time-last.mono
	for _, m := range heeded(life) {
		if offset := m.stamp - m.mono; m == last || m.mono >= last.mono-window {
			most = max(most, offset)
			if m == last || m.mono >= first.Mono-window {
				least = max(least, offset)
			}
		}
	}
	return least, most, true
}

// internal is how many entries of raft's own may follow a process's last record
// in a snapshot of its own.
const internal = 64

// restored notes at which cluster time a restore let the log go on.
func (w *Witness) restored(k disk.Kept, time int64) {
	w.records[k.Meta.Index] = record{index: k.Meta.Index, term: k.Meta.Term, time: time, process: k.Process, burned: true}
}

// installed puts a snapshot into the life of the process that wrote it, where it
// came from the leader, or is a backup: it goes beyond what the process had
// applied, or over a restore.
func (w *Witness) installed(s disk.Kept) {
	life, last := w.lives[s.Process], uint64(0)
	at := slices.IndexFunc(life, func(m moment) bool { return m.mono > s.Mono })
	if at < 0 {
		at = len(life)
	}
	for _, m := range life[:at] {
		last = max(last, m.index)
	}
	if s.Meta.Index > last+internal || w.burnedBetween(last, s.Meta.Index) {
		w.lives[s.Process] = slices.Insert(life, at, moment{mono: s.Mono, index: s.Meta.Index})
	}
}

// burnedBetween tells whether a backup was restored after one index, up to
// another that is not far from it.
func (w *Witness) burnedBetween(from, to uint64) bool {
	for index := from + 1; index <= to; index++ {
		if w.records[index].burned {
			return true
		}
	}
	return false
}

// heeded returns the moments whose offsets count: those since the last restore,
// of the newest term.
func heeded(life []moment) (list []moment) {
	newest := uint64(0)
	for _, m := range life {
		switch {
		case !m.record:
			newest, list = 0, nil
		case m.term > newest:
			newest, list = m.term, []moment{m}
		case m.term == newest && m.term != 0:
			list = append(list, m)
		}
	}
	return list
}

// before returns the last record before index.
func (w *Witness) before(index uint64) (r record, ok bool) {
	for index--; index > 0; index-- {
		if r, ok = w.records[index]; ok {
			return r, true
		}
	}
	return r, false
}
