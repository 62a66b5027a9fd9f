package limit_test

import (
	"flag"
	"runtime/debug"
	"testing"
	"time"
)

var (
	searchFull   = flag.Bool("search.full", false, "the exhaustive search closes all its scopes: an hour or so")
	searchStates = flag.Int("search.states", 0, "how many states of a scope the exhaustive search visits at most (0: all)")
	searchTime   = flag.Duration("search.time", 24*time.Hour, "how long the exhaustive search may stay in one scope")
)

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
