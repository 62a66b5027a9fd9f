package workload

import (
	"context"
	"net/http"
	"time"

	"github.com/limitd/limitd/transport/wire"
)

// watchEvery is how often the nodes are asked who leads.
const watchEvery = 200 * time.Millisecond

// watchCaller is the number of the caller that watches.
const watchCaller = 901

// WatchLeader records who leads, by what the nodes say of the highest term,
// until ctx ends.
func WatchLeader(ctx context.Context, e *Env) {
	c := newCaller(e, watchCaller)
	for term := uint64(0); sleep(ctx, watchEvery); {
		leader, heard := "", false
		for node := range e.URLs {
			asking, cancel := context.WithTimeout(ctx, watchEvery)
			var said wire.Cluster
			err := c.askNode(asking, node, http.MethodGet, "/v1/cluster", &said)
			cancel()
			if err != nil || said.Term < term {
				continue
			}
			heard = true
			if said.Term > term {
				term, leader = said.Term, ""
			}
			if said.Leader != "" {
				leader = said.Leader
			}
		}
		if heard && ctx.Err() == nil {
			e.Record.Leader(leader, term)
		}
	}
}
