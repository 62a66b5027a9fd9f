package workload

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/limitd/limitd/transport/wire"
)

// TestANodeEnded has nodes that all tell the term that they know of: as long as
// none has ended meanwhile and was started anew, that is proof that nobody has led
// in a later one.
func TestANodeEnded(t *testing.T) {
	for name, c := range map[string]struct {
		ended time.Duration // 0: none
		want  time.Duration // until when the leader led for sure
	}{
		"none did":               {0, 1800 * time.Millisecond},
		"one did, in this term":  {900 * time.Millisecond, 800 * time.Millisecond},
		"one did, before it led": {100 * time.Millisecond, 1800 * time.Millisecond},
	} {
		synctest.Test(t, func(t *testing.T) {
			e := scripted(&script{answers: []any{wire.Cluster{Leader: "n1", Term: 3, Nodes: make([]wire.Node, 3)}}})
			e.Ends = func() int {
				if c.ended > 0 && e.Record.Now() >= c.ended {
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
