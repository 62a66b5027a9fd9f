package check_test

import (
	"math/rand/v2"
	"time"

	"github.com/limitd/limitd/jepsen/history"
)

// heard says that a node had applied, at an instant, a record by which cluster
// time was so far behind real time then.
type heard struct{ at, lag time.Duration }

// elect has another node lead, after some time in which nobody does.
func (w *world) elect() {
	w.shut = w.later(300 * ms)
	w.at(w.shut, w.open)
}

// open lets a new leader begin. It goes on from the time of the state, or from
// what it has heard in the last ten seconds.
func (w *world) open() {
	w.term++
	w.leader = node(w.rng)
	lag := w.now + 1e9 - time.Duration(w.toy.now)
	for _, x := range w.heard[w.leader] {
		if x.at > w.now-10*time.Second && !w.toy.sick("a leader loses the gap", 1) {
			lag = min(lag, x.lag)
		}
	}
	w.lag = max(w.lag, lag)
	clear(w.heard) // what was heard in another term counts no more
}

// whenOpen does something as soon as somebody leads.
func (w *world) whenOpen(do func()) {
	if w.now < w.shut {
		w.at(w.shut+time.Duration(w.rng.Int64N(int64(ms))), func() { w.whenOpen(do) })
		return
	}
	do()
}

func node(rng *rand.Rand) string { return []string{"n1", "n2", "n3"}[rng.IntN(3)] }

// watch notes who leads.
func (w *world) watch() {
	if n := len(w.h.Leaders); n == 0 || w.h.Leaders[n-1].Term != w.term {
		w.h.Leaders = append(w.h.Leaders, history.Leader{At: w.now, Node: w.leader, Term: w.term})
	}
	w.h.Leaders[len(w.h.Leaders)-1].Until = w.now
	if w.now < w.until+8*time.Second {
		w.at(w.now+50*ms, w.watch)
	}
}
