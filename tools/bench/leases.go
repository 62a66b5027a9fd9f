package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/limitd/limitd/cmd/limitd/bench"
	"github.com/limitd/limitd/jepsen/nodes"
	"github.com/limitd/limitd/tools/bench/load"
)

// leases measures what the leases that were made take: heap, the stall of a
// snapshot, a restart.
func (g grown) leases(ctx context.Context) error {
	n := g.growth.most
	heap, err := g.heap(ctx)
	if err != nil {
		return err
	}
	each := heap / float64(n)
	calm, err := g.longest(ctx, nil)
	if err != nil {
		return err
	}
	size := int64(0)
	stall, err := g.longest(ctx, func() error {
		size, err = backup(ctx, "http://"+g.full.Leader)
		return err
	})
	if err != nil {
		return err
	}
	took, how, err := g.restart(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(g.out, "\n%d leases: %.0f B of the leader's heap each. One caller's longest write, of %v: %.1f ms, and %.1f ms beside a snapshot of %.1f MiB. A node that is stopped and started is ready after %.2f s (%s).\n",
		n, each, snapshotLook, 1e3*calm.Seconds(), 1e3*stall.Seconds(), float64(size)/(1<<20), took.Seconds(), how)
	g.aim(aim{what: fmt.Sprintf("%d leases: B of heap each", n), bound: 200, atMost: true, measured: load.Series{each}})
	g.aim(aim{what: fmt.Sprintf("%d leases: s to restart a node", n), bound: 3, atMost: true, measured: load.Series{took.Seconds()}})
	return nil
}

// heap returns how much more live heap the leader of the full cluster has than
// that of the empty one, bytes.
func (g grown) heap(ctx context.Context) (float64, error) {
	full, err := liveHeap(ctx, "http://"+g.full.Leader)
	if err != nil {
		return 0, err
	}
	empty, err := liveHeap(ctx, "http://"+g.empty.Leader)
	return full - empty, err
}

// liveHeap returns what the last collection of a node left, bytes: the next one
// is due at twice that (GOGC is 100).
func liveHeap(ctx context.Context, base string) (float64, error) {
	next, err := bench.Metric(ctx, http.DefaultClient, base, "go_memstats_next_gc_bytes")
	return next / 2, err
}

func get(ctx context.Context, url string) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		_ = response.Body.Close()
		return nil, fmt.Errorf("%s: %w: %s", url, errRefused, response.Status)
	}
	return response.Body, nil
}

// backup reads a snapshot of the whole state and returns its size.
func backup(ctx context.Context, base string) (int64, error) {
	body, err := get(ctx, base+"/v1/snapshot")
	if err != nil {
		return 0, err
	}
	defer body.Close()
	return io.Copy(io.Discard, body)
}

// snapshotLook is how long a stall is looked for.
const snapshotLook = 5 * time.Second

// longest returns the longest write of one caller, while something else is done.
func (g grown) longest(ctx context.Context, beside func() error) (time.Duration, error) {
	done := make(chan error, 1)
	go func() { // joined below
		if beside == nil {
			done <- nil
			return
		}
		time.Sleep(snapshotLook / 4)
		done <- beside()
	}()
	r, err := load.Run(ctx, load.Plan{Callers: 1, For: snapshotLook, Open: newOneByOne(g.full.Leader, freeLimit, "0s")})
	if wrong := <-done; wrong != nil {
		return 0, wrong
	}
	if err != nil {
		return 0, err
	}
	return r.Latency(100), nil
}

// restart stops a follower and returns how long it takes to be ready again, and from what.
func (g grown) restart(ctx context.Context) (time.Duration, string, error) {
	var node *nodes.Node
	for _, n := range g.full.Nodes.Nodes() {
		if n.HTTP == g.full.Follower {
			node = n
		}
	}
	how := g.awaitSnapshot(ctx, node.Dir())
	if err := g.full.Nodes.Stop(node); err != nil {
		return 0, "", err
	}
	start := time.Now()
	if err := g.full.Nodes.Restart(node); err != nil {
		return 0, "", err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := node.WaitReady(ctx); err != nil {
		return 0, "", err
	}
	return time.Since(start), how, nil
}

// By default a node looks every two to four minutes whether more than 65,536
// entries have come since its last snapshot.
const (
	snapshotEntries = 65_536
	snapshotWithin  = 5 * time.Minute
)

// awaitSnapshot waits for the snapshot that a node makes of its leases by itself,
// where there are enough of them.
func (g grown) awaitSnapshot(ctx context.Context, dir string) string {
	if g.growth.most < snapshotEntries {
		return "from its log"
	}
	since, end := time.Now(), time.Now().Add(snapshotWithin)
	for time.Now().Before(end) && ctx.Err() == nil {
		found, _ := filepath.Glob(filepath.Join(dir, "snapshots", "*"))
		for _, name := range found {
			if info, err := os.Stat(name); err == nil && !strings.HasSuffix(name, ".tmp") && info.ModTime().After(since) {
				return "from a snapshot and the log behind it"
			}
		}
		time.Sleep(time.Second)
	}
	return "from its log, no snapshot came"
}
