package limit_test

import (
	"flag"
	"testing"
	"time"
)

var (
	searchFull   = flag.Bool("search.full", false, "the exhaustive search closes all its scopes: an hour or so")
	searchStates = flag.Int("search.states", 0, "how many states of a scope the exhaustive search visits at most (0: all)")
	searchTime   = flag.Duration("search.time", 24*time.Hour, "how long the exhaustive search may stay in one scope")
)

func TestSearch(t *testing.T) {
	for _, s := range scopes() {
		t.Run(s.name, func(t *testing.T) {
			start := time.Now()
			r := newSearch(t, &s)
			closed := r.run(t, *searchStates, start.Add(*searchTime))
			found := "not closed"
			if closed {
				var at int32
				var err error
				if found, at, err = r.judge(); err != nil {
					t.Fatalf("after\n%s%v", r.path(t, at), err)
				}
				found = "closed" + found
			}
			t.Logf("%8d states %9d edges %6.1f s  %s", len(r.parents), r.edges, time.Since(start).Seconds(), found)
		})
	}
}

func scopes() []scope {
	return []scope{
		{name: "1 limit of 1, 3 waiters, every way", limits: []string{"a slots=1"}, held: []string{"a=1"}, callers: []string{"a=1"}, waiters: 3, part: true, ways: true},
		{name: "1 limit of 2, 3 waiters", limits: []string{"a slots=2"}, held: []string{"a=1"}, callers: []string{"a=1", "a=2"}, waiters: 3, part: true},
		{name: "2 limits of 1, 2 waiters", limits: []string{"a slots=1", "b slots=1"}, held: []string{"a=1"}, callers: []string{"a=1", "b=1", "a=1 b=1"}, waiters: 2, part: true},
		{name: "2 limits of 1, 3 waiters", limits: []string{"a slots=1", "b slots=1"}, held: []string{"a=1"}, callers: []string{"a=1", "b=1", "a=1 b=1"}, waiters: 3, part: true},
		{name: "timed 1 limit of 1, 3 waiters", limits: []string{"a slots=1"}, held: []string{"a=1"}, callers: []string{"a=1"}, waiters: 3, timed: time.Second, ttl: 2 * time.Second, patience: 2 * time.Second, tag: true},
	}
}
