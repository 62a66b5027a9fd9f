//go:build linux

package main

import (
	"context"
	"fmt"
	"net/http"
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

	mu      sync.Mutex
	term    uint64
	leader  string
	since   time.Duration   // when it was first seen to lead in that term
	heard   map[string]word // by node, the last
	doubted uint64          // the newest term in which a node died of which nobody knows what it had seen
	dead    map[string]bool
	ended   []error
}

// word is what a node, asked at an instant, said of the term up to which it had
// applied the log.
type word struct {
	at   time.Duration
	term uint64
	pid  int           // of its process
	died time.Duration // when that process had ended; 0: it lives, as far as is known
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
	asked, pid := w.record.Now(), n.PID()
	if _, err := n.Must(ctx, http.MethodGet, "/v1/cluster", nil, &c); err != nil {
		w.bury(n)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if c.Leader == n.Name && c.Term > w.term {
		w.term, w.leader, w.since = c.Term, c.Leader, w.record.Now()
		w.record.Leader(c.Leader, c.Term)
	}
	w.hear(n.Name, word{at: asked, term: c.Term, pid: pid})
	if at, ok := w.unopposed(max(len(w.stage.Cluster.Nodes()), len(c.Nodes))); ok {
		w.record.StillLeads(at, w.term)
	}
}

// hear takes a node's word. One that was started anew has forgotten what it had
// applied in its life before, and may have led a later term then, unless that was
// over when the present leader was seen. w.mu is held.
func (w *watch) hear(name string, now word) {
	before, known := w.heard[name]
	if known && before.pid != now.pid && (before.died == 0 || before.died >= w.since) {
		w.doubted = w.term
	}
	w.heard[name] = now
}

// bury notes when the process of a node that gave no answer ended, if it did.
func (w *watch) bury(n *nodes.Node) {
	end, dead := n.Ended()
	w.mu.Lock()
	defer w.mu.Unlock()
	if last, known := w.heard[n.Name]; dead && known && last.died == 0 {
		last.died = w.record.Now() - time.Since(end.At)
		w.heard[n.Name] = last
	}
}

// unopposed returns an instant at which no member, asked then or later, had
// applied anything of a later term than that of the leader: nobody had answered
// out of one. False: not all have said so. w.mu is held.
func (w *watch) unopposed(members int) (time.Duration, bool) {
	if w.doubted == w.term || len(w.heard) < members {
		return 0, false
	}
	at := w.record.Now()
	for _, x := range w.heard {
		if x.term > w.term {
			return 0, false
		}
		at = min(at, x.at)
	}
	return at, true
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
