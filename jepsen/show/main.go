// Command show runs the real binary through the scenes that limitd promises to
// survive, and prints what it saw. It exits with 1 where a promise was broken.
//
//	go run ./jepsen/show -bin bin/limitd            all scenes
//	go run ./jepsen/show -bin bin/limitd workers    one of them
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/limitd/limitd/jepsen/nodes"
)

// scene is one thing to see.
type scene struct {
	name, what string
	extra      string                            // HCL for the nodes
	size       int                               // of the cluster to begin with; 0: three
	empty      bool                              // begins with no node
	dress      func(*stage, *nodes.Config) error // readies what the nodes need before they start; nil: nothing
	sealed     bool                              // nobody is told anything at first: run waits for the nodes by itself
	before     bool                              // begins with the version before this one
	run        func(context.Context, *stage) error
}

func scenes() []scene {
	return []scene{
		{name: "workers", what: "64 workers on 5 slots, the leader killed every 5 s", run: workers},
		{name: "rate", what: "10 slots, 50/s under oversupply, no faults: exact", run: rateExact},
		{name: "rate-kill", what: "100 slots, 50/s, the leader killed every 6 s: never one above", run: rateKill},
		{name: "queue", what: "20 waiters through different nodes, the leader killed: granted in order", run: queue},
		{name: "clock", what: "the wall clock of each node stepped by an hour both ways", run: wallClock},
		{name: "failover", what: "SIGKILLs of the leader: time to the first success at a survivor", run: failover},
		{name: "members", what: "1 to 3 to 5 voters and back under load: dead nodes replaced, moved, without a vote, promoted", size: 1, run: members},
		{name: "recover", what: "two of three nodes lost for good: the third goes on alone, and new ones join", run: lostQuorum},
		{name: "strangers", what: "halves that must not found two clusters, and two clusters that must not become one", empty: true, run: strangers},
		{name: "backup", what: "a backup under load, restored into the same cluster and a new one; quarantine, schedule, damaged files", dress: dressBackup, run: backups},
		{name: "security", what: "TLS, gossip keys and tokens: every route, all of them rotated under load, strangers refused, no secret told", dress: dressSecurity, sealed: true, run: security},
		{name: "bounds", what: "callers who want too much, are slow, or have no token or Prefect's kind, beside others: no failed call, nothing left over", dress: dressBounds, sealed: true, run: bounds},
		{name: "disk", what: "disks that are full, read-only, failing, hanging or damaged: code 75, the others go on, the node comes back", dress: dressDisk, run: disks},
		{name: "overload", what: "a flood on one limit beside calls to others; 10,000 waiters and 5,000 connections in little memory", dress: dressOverload, run: overload},
		{name: "metrics", what: "every documented series, profiles for operators alone, traces and JSON in the logs", dress: dressMetrics, run: metrics},
		{name: "rolling", what: "one node after the other restarted under callers at all of them: no failed call", run: rolling},
		{name: "upgrade-first", what: "three nodes become the version to come, the leader first", run: upgrade(0)},
		{name: "upgrade-middle", what: "the same, the leader second", run: upgrade(1)},
		{name: "upgrade-last", what: "the same, the leader last", run: upgrade(2)},
		{name: "upgrade-before", what: "three nodes of a version before this one become this one", before: true, run: upgradeBefore},
		{name: "term", what: "SIGTERM of the leader: no failed call, a short gap", run: term},
	}
}

func main() {
	var b builds
	flag.StringVar(&b.binary, "bin", "bin/limitd", "the limitd binary; for the scene clock, one built by make faultclock")
	flag.StringVar(&b.next, "next", "", "a build with the tag limitd_next, for the scenes of the upgrade")
	flag.StringVar(&b.before, "before", "", "a build of a version before, for the scene upgrade-before")
	scale := flag.Float64("scale", 1, "length of the scenes: 0.2 is a fifth")
	store := flag.String("store", "boltdb", "log store: boltdb or wal")
	flag.Parse()
	if code, ran := private(); ran {
		os.Exit(code)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if !playAll(ctx, b, *store, *scale) {
		os.Exit(1)
	}
}

func playAll(ctx context.Context, b builds, store string, scale float64) bool {
	ok := true
	for _, s := range scenes() {
		if flag.NArg() > 0 && !slices.Contains(flag.Args(), s.name) {
			continue
		}
		fmt.Printf("== %s: %s\n", s.name, s.what)
		start := time.Now()
		err := play(ctx, b, store, scale, s)
		if err != nil {
			ok = false
			fmt.Printf("   FAIL after %.0fs: %v\n", time.Since(start).Seconds(), err)
			continue
		}
		fmt.Printf("   PASS in %.0fs\n", time.Since(start).Seconds())
	}
	return ok
}

func play(ctx context.Context, b builds, store string, scale float64, sc scene) error {
	s, size, err := build(b, store, scale, sc)
	if err != nil {
		return err
	}
	if size > 0 && !sc.sealed {
		err = started(ctx, s.cluster)
	}
	if err == nil {
		err = sc.run(ctx, s)
	}
	if err != nil {
		dumpGoroutines(s.cluster)
	}
	_ = s.cluster.Close()
	if err != nil {
		return fmt.Errorf("%w (data and logs: %s)", err, s.dir)
	}
	return os.RemoveAll(s.dir)
}

// build makes the stage of a scene and starts its nodes; it returns how many.
func build(b builds, store string, scale float64, sc scene) (*stage, int, error) {
	dir, err := os.MkdirTemp("", "limitd-show-"+sc.name+"-")
	if err != nil {
		return nil, 0, fmt.Errorf("make a folder: %w", err)
	}
	if b, err = b.complete(); err != nil {
		return nil, 0, err
	}
	path := b.binary
	if sc.before {
		path = b.before
	}
	if path == "" {
		return nil, 0, errors.New("say -before: a build of a version before this one (make show-upgrade)")
	}
	cfg := nodes.Config{Binary: path, Dir: dir, Size: cmp.Or(sc.size, 3), Extra: fmt.Sprintf("raft { log_store = %q }\n%s", store, sc.extra)}
	if sc.empty {
		cfg.Size = 0
	}
	s := &stage{scale: scale, dir: dir, builds: b}
	if sc.dress != nil {
		if err := sc.dress(s, &cfg); err != nil {
			return nil, 0, err
		}
	}
	s.cluster, err = nodes.Start(cfg)
	return s, cfg.Size, err
}

// dumpGoroutines lets the nodes say in their logs what they were doing.
func dumpGoroutines(c *nodes.Cluster) {
	for _, n := range c.Nodes() {
		_ = c.Signal(n, syscall.SIGQUIT)
	}
	time.Sleep(time.Second)
}

// started waits until every node answers linearizable reads.
func started(ctx context.Context, c *nodes.Cluster) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if _, err := c.Leader(ctx); err != nil {
		return err
	}
	for _, n := range c.Nodes() {
		if err := joined(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

// ready waits until a node says that it is; a node that was started has 8 s.
func ready(ctx context.Context, n *nodes.Node) error {
	ctx, cancel := context.WithTimeout(ctx, 8*time.Second)
	defer cancel()
	return n.WaitReady(ctx)
}
