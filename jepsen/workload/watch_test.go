package workload

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/limitd/limitd/transport/wire"
)

// TestAllNodesStartedAnew has nodes that all tell the term that they know of: as
// long as none was started anew meanwhile, that is proof that nobody has led in a
// later one.
func TestAllNodesStartedAnew(t *testing.T) {
	for name, c := range map[string]struct {
		restart time.Duration // 0: none
		want    time.Duration // until when the leader led for sure
	}{
		"none was":               {0, 1800 * time.Millisecond},
		"one was, in this term":  {900 * time.Millisecond, 800 * time.Millisecond},
		"one was, before it led": {100 * time.Millisecond, 1800 * time.Millisecond},
	} {
		synctest.Test(t, func(t *testing.T) {
			e := scripted(&script{answers: []any{wire.Cluster{Leader: "n1", Term: 3, Nodes: make([]wire.Node, 3)}}})
			e.Starts = func() int {
				if c.restart > 0 && e.Record.Now() >= c.restart {
					return 4
				}
				return 3
			}
			ctx, cancel := context.WithTimeout(t.Context(), 1900*time.Millisecond)
			defer cancel()
			WatchLeader(ctx, e)
			leaders := e.Record.History().Leaders
			if len(leaders) != 1 || leaders[0].Until != c.want {
				t.Errorf("%s: %+v, want until %s", name, leaders, c.want)
			}
		})
	}
}
