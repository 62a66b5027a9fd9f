package limit_test

import (
	"flag"
	"runtime/debug"
	"testing"
	"time"
)

var (
	searchFull   = flag.Bool("search.full", false, "the exhaustive search closes all its scopes: some half an hour of one core")
	searchWalks  = flag.Uint64("search.walks", 2, "how many random walks the keys of each scope are held against")
	searchStates = flag.Int("search.states", 0, "how many states of a scope the exhaustive search visits at most (0: all)")
	searchTime   = flag.Duration("search.time", 24*time.Hour, "how long the exhaustive search may stay in one scope")
)

// TestSearch closes small worlds: it walks through every state that the queue
// can get into in each scope, over every edge: newcomers without end, releases,
// expiries, cancels, lapses, deadlines, parting and taking up, resizing, turning
// on and off, protection, and the passing of time with what it brings. It is the
// real state machine that takes each step. After each, rules that are read
// straight from semantics.md A1 to A4 have to hold (search_rules_test.go): no
// slot over-granted or idle, nobody overtaken, nobody moved more than eight
// times, nobody waiting while nothing is held; and of closed worlds in time, that
// they drain, and that nobody can be kept waiting for ever (search_graph_test.go).
//
// -search.full closes all scopes; docs/queue-search.md tells what was seen.
func TestSearch(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	for _, s := range scopes(*searchFull) {
		t.Run(s.name, func(t *testing.T) {
			start := time.Now()
			r := newSearch(t, &s)
			closed := r.run(t, *searchStates, start.Add(*searchTime))
			found := "not closed"
			if closed {
				var at int32
				var err error
				if found, at, err = r.judge(); err != nil {
					t.Fatalf("state %d of %s: after\n%s%v", at, s.name, r.path(t, at), err)
				}
				found = "closed" + found
			}
			t.Logf("%-60s %8d states %9d edges %6.1f s  %s", s.name, len(r.parents), r.edges, time.Since(start).Seconds(), found)
		})
	}
}
