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
// until ctx ends; and how long no later term had one, as far as that is sure: by
// what all of them say. A node that ends and is started anew has forgotten what it
// had applied, and may have led a later term before: nothing is sure any more in a
// term in which one ended.
func WatchLeader(ctx context.Context, e *Env) {
	c := newCaller(e, watchCaller)
	for w := (watch{caller: c}); sleep(ctx, watchEvery); {
		began := e.Record.Now()
		if !w.look(ctx) || ctx.Err() != nil {
			continue
		}
		e.Record.Leader(w.leader, w.term)
		if w.answers == w.members && w.ends == e.ends() {
			e.Record.StillLeads(began, w.term)
		}
	}
}

// watch is what the nodes said at the last look.
type watch struct {
	*caller
	term             uint64 // the highest ever heard of
	leader           string // that a node of that term knows; "": none
	answers, members int
	ends             int // of nodes, before that term was first heard of
}

// look asks all nodes. It returns whether one of them is of the highest term.
func (w *watch) look(ctx context.Context) (heard bool) {
	w.leader, w.answers, w.members = "", 0, len(w.env.URLs)
	ends := w.env.ends()
	for node := range w.env.URLs {
		asking, cancel := context.WithTimeout(ctx, watchEvery)
		var said wire.Cluster
		err := w.askNode(asking, node, http.MethodGet, "/v1/cluster", &said)
		cancel()
		if err != nil {
			continue
		}
		w.answers, w.members = w.answers+1, max(w.members, len(said.Nodes))
		if said.Term < w.term {
			continue
		}
		heard = true
		if said.Term > w.term {
			w.term, w.leader, w.ends = said.Term, "", ends
		}
		if said.Leader != "" {
			w.leader = said.Leader
		}
	}
	return heard
}
