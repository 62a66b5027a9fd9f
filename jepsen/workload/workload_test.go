package workload

import (
	"context"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/limitd/limitd/cmd/limitd/config"
	"github.com/limitd/limitd/cmd/limitd/daemon"
	"github.com/limitd/limitd/jepsen/check"
	"github.com/limitd/limitd/jepsen/history"
)

// startNode starts a node in memory, and returns where callers work at it.
func startNode(t *testing.T) *Env {
	t.Helper()
	cfg := config.Dev()
	cfg.HTTP.Address, cfg.Peer.Address, cfg.Gossip.Address = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	node, err := daemon.Start(t.Context(), cfg, daemon.Deps{
		Logger: hclog.NewNullLogger(), Version: "test", Fatal: func(err error) { t.Errorf("fatal: %v", err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 100}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		if err := node.Close(context.Background()); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	started := time.Now()
	run := history.Run{Instrument: "real", Seed: 7, Nodes: 1, MaxBackdate: 100 * time.Millisecond, Remember: time.Minute}
	return &Env{
		URLs: []string{"http://" + node.HTTPAddress()}, HTTP: transport, Seed: run.Seed,
		Record: history.NewRecorder(run, func() time.Duration { return time.Since(started) }),
	}
}

// play runs a workload for a while and returns its history.
func play(t *testing.T, e *Env, w Workload, d time.Duration) *history.History {
	t.Helper()
	if err := w.Setup(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	busy, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	if err := w.Run(busy, e); err != nil {
		t.Fatal(err)
	}
	Finish(t.Context(), e)
	return e.Record.History()
}

// tally counts what happened in a history: "acquire ok", "release ok expired".
func tally(h *history.History) map[string]int {
	n := make(map[string]int)
	for _, o := range h.Ops {
		key := string(o.Kind) + " " + string(o.Outcome)
		switch {
		case o.IsGrant():
			key += " granted"
		case o.Code != "":
			key += " " + o.Code
		case o.Reason != "":
			key += " " + o.Reason
		}
		n[key]++
	}
	return n
}

// judge has all checkers look at a history.
func judge(t *testing.T, h *history.History) {
	t.Helper()
	for _, v := range check.All(h) {
		if len(v.Violations) == 0 {
			continue
		}
		t.Errorf("%s: %d violations", v.Checker.Name, len(v.Violations))
		for _, x := range v.Violations[:min(3, len(v.Violations))] {
			t.Errorf("%s %s: %s", x.Checker, x.Rule, x.What)
			for _, o := range h.Ops {
				if slices.Contains(x.Ops, o.Number) {
					t.Logf("%+v", o)
				}
			}
		}
	}
}

// TestWorkloads runs every workload against one real node for a moment, and
// looks whether its history is what it is meant to be.
func TestWorkloads(t *testing.T) {
	for _, w := range All() {
		t.Run(w.Name, func(t *testing.T) {
			h := play(t, startNode(t), w, 2*time.Second)
			t.Logf("%d operations, %d beliefs, %d writes: %v; final %+v", len(h.Ops), len(h.Beliefs), len(h.Writes), tally(h), h.Final)
			judge(t, h)
		})
	}
}
