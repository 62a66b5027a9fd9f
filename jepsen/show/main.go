// Command show runs the real binary through the scenes that limitd promises to
// survive, and prints what it saw. It exits with 1 where a promise was broken.
//
//	go run ./jepsen/show -bin bin/limitd            all scenes
//	go run ./jepsen/show -bin bin/limitd workers    one of them
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/limitd/limitd/jepsen/nodes"
)

// scene is one thing to see.
type scene struct {
	name, what string
	extra      string // HCL for the nodes
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
		{name: "term", what: "SIGTERM of the leader: no failed call, a short gap", run: term},
	}
}

// stage is what a scene plays on.
type stage struct {
	cluster *nodes.Cluster
	scale   float64 // of durations and counts; 1 is the full length
	dir     string
}

// last scales a duration.
func (s *stage) last(d time.Duration) time.Duration { return time.Duration(float64(d) * s.scale) }

// times scales a count, at least 1.
func (s *stage) times(n int) int { return max(1, int(float64(n)*s.scale)) }

func main() {
	binary := flag.String("bin", "bin/limitd", "the limitd binary; for the scene clock, one built by make faultclock")
	scale := flag.Float64("scale", 1, "length of the scenes: 0.2 is a fifth")
	store := flag.String("store", "boltdb", "log store: boltdb or wal")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if !playAll(ctx, *binary, *store, *scale) {
		os.Exit(1)
	}
}

func playAll(ctx context.Context, binary, store string, scale float64) bool {
	ok := true
	for _, s := range scenes() {
		if flag.NArg() > 0 && !slices.Contains(flag.Args(), s.name) {
			continue
		}
		fmt.Printf("== %s: %s\n", s.name, s.what)
		start := time.Now()
		err := play(ctx, binary, store, scale, s)
		if err != nil {
			ok = false
			fmt.Printf("   FAIL after %.0fs: %v\n", time.Since(start).Seconds(), err)
			continue
		}
		fmt.Printf("   PASS in %.0fs\n", time.Since(start).Seconds())
	}
	return ok
}

func play(ctx context.Context, binary, store string, scale float64, s scene) error {
	dir, err := os.MkdirTemp("", "limitd-show-"+s.name+"-")
	if err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	path, err := filepath.Abs(binary)
	if err != nil {
		return fmt.Errorf("find the binary: %w", err)
	}
	extra := fmt.Sprintf("raft { log_store = %q }\n%s", store, s.extra)
	c, err := nodes.Start(nodes.Config{Binary: path, Dir: dir, Size: 3, Extra: extra})
	if err != nil {
		return err
	}
	err = started(ctx, c)
	if err == nil {
		err = s.run(ctx, &stage{cluster: c, scale: scale, dir: dir})
	}
	if err != nil {
		dumpGoroutines(c)
	}
	_ = c.Close()
	if err != nil {
		return fmt.Errorf("%w (data and logs: %s)", err, dir)
	}
	return os.RemoveAll(dir)
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
		if err := ready(ctx, n); err != nil {
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
