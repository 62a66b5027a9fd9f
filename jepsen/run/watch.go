//go:build linux

package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/limitd/limitd/jepsen/history"
	"github.com/limitd/limitd/jepsen/nemesis"
	"github.com/limitd/limitd/jepsen/nodes"
	"github.com/limitd/limitd/transport/wire"
)

// watch sees who leads, and whether a node ends that no fault has ended.
type watch struct {
	stage  *nemesis.Stage
	record *history.Recorder

	mu     sync.Mutex
	term   uint64
	leader string
	heard  map[string]word // by node, the last
	dead   map[string]bool
	ended  []error
}

// word is what a node, asked at an instant, said of the term.
type word struct {
	at   time.Duration
	term uint64
}

// watchEvery is how often each node is asked.
const watchEvery = 100 * time.Millisecond

func (w *watch) leads() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.leader
}

// deaths returns the ends that nothing explains.
func (w *watch) deaths() []error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ended
}

// run watches until ctx ends.
func (w *watch) run(ctx context.Context) {
	w.dead, w.heard = make(map[string]bool), make(map[string]word)
	var all sync.WaitGroup
	for _, n := range w.stage.Cluster.Nodes() {
		all.Go(func() {
			for ctx.Err() == nil {
				w.ask(ctx, n)
				w.look(ctx, n)
				time.Sleep(watchEvery)
			}
		})
	}
	all.Wait()
}

// ask notes whether the node leads, by its own word. It may be wrong about
// that for a moment; of two the one with the higher term is right.
func (w *watch) ask(ctx context.Context, n *nodes.Node) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	var c wire.Cluster
	asked := w.record.Now()
	if _, err := n.Must(ctx, http.MethodGet, "/v1/cluster", nil, &c); err != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if c.Leader == n.Name && c.Term > w.term {
		w.term, w.leader = c.Term, c.Leader
		w.record.Leader(c.Leader, c.Term)
	}
	w.heard[n.Name] = word{asked, c.Term}
	if at, ok := w.unopposed(max(len(w.stage.Cluster.Nodes()), len(c.Nodes))); ok {
		w.record.StillLeads(at, w.term)
	}
}

// unopposed returns an instant at which most of the members, or later, knew of no
// later term than that of the leader; false where so many have not been heard.
// w.mu is held.
func (w *watch) unopposed(members int) (time.Duration, bool) {
	var at []time.Duration
	for _, x := range w.heard {
		if x.term <= w.term {
			at = append(at, x.at)
		}
	}
	if 2*len(at) <= members {
		return 0, false
	}
	slices.Sort(at)
	return at[len(at)-1-members/2], true
}

// look notes the end of a node that no fault explains, once for each. One that
// ended late by a fault that is mended is started again.
func (w *watch) look(ctx context.Context, n *nodes.Node) {
	dead, err := w.stage.Tend(context.WithoutCancel(ctx), n)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil && !w.dead[n.Name] {
		w.ended = append(w.ended, fmt.Errorf("at %s: %w", w.record.Now().Round(time.Millisecond), err))
	}
	w.dead[n.Name] = dead && err != nil
}
