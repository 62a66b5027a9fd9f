package workload

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
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

// enough is how many calls the tests wait for: what is rare must have come.
const enough = 400

// play runs a workload until it has made enough calls, and returns its history.
func play(t *testing.T, e *Env, w Workload) *history.History {
	t.Helper()
	if err := w.Setup(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	busy, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var group sync.WaitGroup
	group.Go(func() { WatchLeader(busy, e) })
	group.Go(func() {
		for sleep(busy, 100*time.Millisecond) {
			if len(e.Record.History().Ops) >= enough {
				cancel()
			}
		}
	})
	if err := w.Run(busy, e); err != nil {
		t.Fatal(err)
	}
	group.Wait()
	Finish(t.Context(), e)
	h := e.Record.History()
	h.Run.Workload = w.Name // by which exactness is judged where somebody always waits
	return h
}

// tally counts what happened in a history: "acquire ok granted".
func tally(h *history.History) map[string]int {
	n := make(map[string]int)
	for _, o := range h.Ops {
		key := string(o.Kind) + " " + string(o.Outcome)
		switch {
		case o.IsGrant() && o.Replayed:
			key += " replayed"
		case o.IsGrant():
			key += " granted"
		case o.Abandoned:
			key += " abandoned"
		case o.Code != "":
			key += " " + o.Code
		case o.Reason != "":
			key += " " + o.Reason
		}
		n[key]++
	}
	n["belief"], n["write"], n["leader"] = len(h.Beliefs), len(h.Writes), len(h.Leaders)
	return n
}

// judge has all checkers look at a history, and sees to it that it ended clean.
func judge(t *testing.T, h *history.History) {
	t.Helper()
	for _, v := range check.All(h) {
		for _, x := range v.Violations[:min(3, len(v.Violations))] {
			t.Errorf("%s %s: %s (of %d)", x.Checker, x.Rule, x.What, len(v.Violations))
			for _, o := range h.Ops {
				if slices.Contains(x.Ops, o.Number) {
					t.Logf("%+v", o)
				}
			}
		}
	}
	if h.Final == nil || h.Final.Error != "" || len(h.Final.Nodes) != 1 || h.Final.Index == 0 || h.Final.Patience != 10*time.Second {
		t.Errorf("the state at the end: %+v", h.Final)
	}
	for _, o := range h.Ops {
		// One with a code was refused for good after a try that may come yet, and
		// was cancelled then.
		if o.Outcome != history.OK && !o.Abandoned && (o.Code == "" || o.Astray == 0) {
			t.Errorf("a call without an answer, though the node lives: %+v", o)
		}
	}
}

// TestWorkloads runs every workload against one real node for a moment, and
// looks whether what it is meant to bring about comes about.
func TestWorkloads(t *testing.T) {
	meant := map[string][]string{
		"semaphore":       {"acquire ok granted", "acquire ok denied", "release ok", "read_id ok", "read_limit ok"},
		"multi":           {"acquire ok granted", "acquire ok denied", "cancel ok"},
		"leases":          {"acquire ok granted", "acquire ok denied", "acquire ok wait_expired", "release ok", "belief", "write"},
		"rate-oversupply": {"acquire ok granted"},
		"rate":            {"acquire ok granted", "acquire ok denied", "acquire ok wait_expired", "release ok"},
		"queue":           {"acquire ok granted", "cancel ok", "release ok"},
		"retries":         {"acquire ok granted", "acquire ok replayed", "acquire ok lease_ended", "acquire ok cancelled", "renew ok", "release ok unknown"},
		"admin":           {"acquire ok granted", "put ok", "release ok"},
		"numbered":        {"acquire ok granted", "acquire ok denied"},
		"renewals":        {"acquire ok granted", "renew ok", "release ok"},
		"mixed":           {"acquire ok granted", "acquire ok denied", "renew ok", "put ok", "belief"},
		"patience":        {"acquire ok granted", "acquire ok denied", "acquire ok wait_expired", "read_limit ok", "release ok"},
		"prefect-routes":  {"prefect ok", "belief", "acquire ok granted", "release ok"},
	}
	for _, w := range All() {
		t.Run(w.Name, func(t *testing.T) {
			t.Parallel()
			h := play(t, startNode(t), w)
			n := tally(h)
			t.Logf("%d operations: %v", len(h.Ops), n)
			judge(t, h)
			if last := len(h.Leaders) - 1; last < 0 || h.Leaders[last].Until <= h.Leaders[last].At {
				t.Errorf("nobody was asked whether it still leads: %+v", h.Leaders)
			}
			for _, key := range append(meant[w.Name], "leader") {
				if n[key] == 0 {
					t.Errorf("it never came to %q", key)
				}
			}
			if len(h.Ops) < enough || meant[w.Name] == nil {
				t.Errorf("%d operations; it is meant to bring about %v", len(h.Ops), meant[w.Name])
			}
		})
	}
}

// lossy is a network that loses requests and answers, and carries some twice.
type lossy struct {
	to http.RoundTripper

	mu     sync.Mutex
	chance *rand.Rand // guarded by mu
}

var errLost = errors.New("the network lost it")

// draw tells true in one of n cases.
func (l *lossy) draw(n int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.chance.IntN(n) == 0
}

func (l *lossy) RoundTrip(r *http.Request) (*http.Response, error) {
	if l.draw(12) {
		return nil, errLost
	}
	if r.GetBody != nil && l.draw(12) {
		twice := r.Clone(r.Context())
		twice.Body, _ = r.GetBody()
		if answer, err := l.to.RoundTrip(twice); err == nil {
			_ = answer.Body.Close()
		}
	}
	answer, err := l.to.RoundTrip(r)
	if err == nil && l.draw(12) {
		_ = answer.Body.Close()
		return nil, errLost
	}
	return answer, err
}

// TestLossyNetwork has callers ask again and again: all get their answer, and
// what they are told agrees.
func TestLossyNetwork(t *testing.T) {
	for _, name := range []string{"semaphore", "retries", "queue", "leases", "renewals", "admin", "mixed"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := startNode(t)
			e.HTTP = &lossy{to: e.HTTP, chance: rand.New(rand.NewPCG(1, 2))}
			w, ok := Named(name)
			if !ok {
				t.Fatal("no such workload")
			}
			h := play(t, e, w)
			again := 0
			for _, o := range h.Ops {
				if o.Astray > 0 {
					again++
				}
			}
			t.Logf("%d operations, %d asked again: %v", len(h.Ops), again, tally(h))
			if again == 0 && name != "leases" { // the Go client does not tell
				t.Error("nothing was lost")
			}
			judge(t, h)
		})
	}
}
