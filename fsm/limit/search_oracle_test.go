package limit_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/limitd/limitd/fsm/limit"
)

// TestSearchOracle walks through the smallest scopes once more with the oracle
// beside a state machine that lives on, and compares after every record: the
// answer, the waits that ended, and all that public reads show.
func TestSearchOracle(t *testing.T) {
	for _, s := range compared(*searchFull) {
		t.Run(s.name, func(t *testing.T) {
			s.ways, s.exact, s.tag = false, true, false
			w := s.open(t)
			w.first(t)
			states, edges := compare(t, w)
			t.Logf("%-60s %8d states %9d edges  closed", s.name, states, edges)
		})
	}
}

func compared(full bool) []scope {
	list := []scope{one(1, 2), counted(2), grace(1)}
	if slower == 1 {
		list = append(list, one(2, 2))
	}
	if full {
		list = append(list, interest(2), ring(2), one(2, 3), two(1, 1, 2), followedTwo(2), judged(), decay(2))
	}
	for i := range list {
		list[i].parted = min(list[i].parted, 1)
	}
	return list
}

// pairing is a state and how it was reached.
type pairing struct {
	*both
	path []string
}

// compare visits every state of w, on every edge with both.
func compare(t *testing.T, w *world) (states, edges int) {
	var sc limit.Scene
	w.base.real.Scene(&sc)
	seen := map[string]bool{string(w.key(nil, &sc)): true}
	queue := []pairing{{both: w.base}}
	for ; states < len(queue); states++ {
		at := queue[states]
		queue[states] = pairing{}
		at.real.Scene(&sc)
		w.key(nil, &sc)
		for _, m := range w.moves(nil, &sc) {
			edges++
			next := at.fork(t, fmt.Sprint(m))
			c := w.command(&sc, m, w.set(&sc, m), fmt.Sprint("n", at.index))
			if _, err := next.apply(c); err != nil {
				t.Fatalf("state %d of %s: after\n\t%s\n%v", states, w.name, strings.Join(next.path, "\n\t"), err)
			}
			var after limit.Scene
			next.real.Scene(&after)
			if key := string(w.key(nil, &after)); !seen[key] {
				seen[key] = true
				queue = append(queue, next)
			}
		}
	}
	return states, edges
}

// fork copies both, the real one by way of a snapshot.
func (p pairing) fork(t *testing.T, move string) pairing {
	real, err := clone(p.real)
	if err != nil {
		t.Fatal(err)
	}
	b := &both{real: real, model: p.model.Clone(), index: p.index, term: p.term}
	return pairing{both: b, path: append(p.path[:len(p.path):len(p.path)], move)}
}
