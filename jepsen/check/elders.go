package check

import (
	"slices"
	"time"
)

// elder is an acquire that may be older than another one on a limit.
type elder struct {
	*act
	left int64 // it stands in the queue no more at this cluster time, for certain
}

// elders are those of every limit, each list made once and in the order in
// which they may have come.
type elders struct {
	facts    *facts
	patience time.Duration
	of       map[string][]elder // by limit
}

func newElders(f *facts, patience time.Duration) *elders {
	return &elders{facts: f, patience: patience, of: make(map[string][]elder)}
}

// protected returns an index from which on a waiter is protected for certain,
// if it still waits then.
func (q *elders) protected(w *waiter) uint64 {
	since := w.since
	at := q.patient(since)
	lists := q.lists(w)
	for x := next(lists); x != nil && x.earliest <= min(at, w.arrivedBy); x = next(lists) {
		if x.ID != w.id && x.left > since { // beyond all time, where that is not known
			since = x.left
			at = q.patient(since)
		}
	}
	return at
}

// patient is the index at which the patience is over, for certain, of who
// became the oldest at an instant.
func (q *elders) patient(since int64) uint64 {
	return q.facts.mustPass(addTime(since, int64(q.patience)))
}

// lists returns the elders on each limit that a waiter asked for.
func (q *elders) lists(w *waiter) (lists [][]elder) {
	for _, name := range w.names() {
		list, known := q.of[name]
		if !known {
			list = q.on(q.facts.limit(name))
			q.of[name] = list
		}
		lists = append(lists, list)
	}
	return lists
}

// on lists all who waited on a limit.
func (q *elders) on(l *limit) (list []elder) {
	for _, a := range l.asks {
		r := q.facts.asked[a.ID]
		if a.Wait == 0 || r != nil && r.firstWait() != a {
			continue
		}
		_, left := q.facts.timeAfter(q.facts.over(a))
		list = append(list, elder{act: a, left: left})
	}
	slices.SortStableFunc(list, func(x, y elder) int { return compare(x.earliest, y.earliest) })
	return list
}

// next takes from several lists, in place, the one that may have come first; nil
// where all are empty.
func next(lists [][]elder) (first *elder) {
	from := 0
	for i, list := range lists {
		if len(list) > 0 && (first == nil || list[0].earliest < first.earliest) {
			first, from = &list[0], i
		}
	}
	if first != nil {
		lists[from] = lists[from][1:]
	}
	return first
}
