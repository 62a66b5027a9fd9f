package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/limitd/limitd/cmd/limitd/bench"
	"github.com/limitd/limitd/tools/bench/load"
	"github.com/limitd/limitd/tools/bench/rig"
)

// leases measures what so many leases of one limit take: heap, the stall of a
// snapshot, a restart.
func (g grown) leases(ctx context.Context) error {
	n := g.growth.most
	if err := errors.Join(seed{limits: 1, leases: n}.plant(ctx, g.full, g.dir), seed{limits: 1, leases: 1}.plant(ctx, g.small, g.dir)); err != nil {
		return err
	}
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
	again, err := g.restart(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(g.out, "\n%d leases, %s: %.0f B of the leader's live heap each. One caller's longest write, of %v: %.1f ms (Apply at most %s), and beside a snapshot of %.1f MiB %.1f ms (Apply at most %s). A node that is stopped and started is ready after %.2f s (%.2f s of CPU), from its snapshot and %d log entries.\n",
		n, g.of(), each, snapshotLook, 1e3*calm.write.Seconds(), calm.apply, float64(size)/(1<<20), 1e3*stall.write.Seconds(), stall.apply, again.took.Seconds(), again.cpu.Seconds(), again.entries)
	g.aim(aim{what: fmt.Sprintf("%d leases, %s: B of heap each", n, g.of()), bound: 200, atMost: true, measured: load.Series{each}})
	g.aim(aim{what: fmt.Sprintf("%d leases, %s: s to restart a node", n, g.of()), bound: 3, atMost: true, measured: load.Series{again.took.Seconds()}})
	return nil
}

// heap returns how much more live heap the leader of the full cluster has than
// that of the small one, bytes.
func (g grown) heap(ctx context.Context) (float64, error) {
	full, err := g.liveHeap(ctx, g.full)
	if err != nil {
		return 0, err
	}
	small, err := g.liveHeap(ctx, g.small)
	return full - small, err
}

// collectedIn is how long a collection may take to come: Go's runtime does one
// every two minutes at least.
const collectedIn = 150 * time.Second

// liveHeap keeps a leader busy until it has collected its garbage twice, and
// returns what the last collection left, bytes: the next one is due at twice that
// (GOGC is 100).
func (g grown) liveHeap(ctx context.Context, s *rig.System) (float64, error) {
	ctx, cancel := context.WithTimeout(ctx, collectedIn)
	defer cancel()
	base := "http://" + s.Leader
	metric := func(name string) (float64, error) { return bench.Metric(ctx, http.DefaultClient, base, name) }
	first, err := metric("go_gc_duration_seconds_count")
	for now := first; err == nil && now < first+2; now, err = metric("go_gc_duration_seconds_count") {
		_, err = load.Run(ctx, load.Plan{Callers: g.growth.callers, For: time.Second, Open: newOneByOne(s.Leader, limitName(0), "0s")})
		if err != nil {
			return 0, err
		}
	}
	if err != nil {
		return 0, err
	}
	next, err := metric("go_memstats_next_gc_bytes")
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

// stall is how long things took at most.
type stall struct {
	write time.Duration // one caller's
	apply string        // of a batch of records in the leader's state machine
}

// longest returns the longest write of one caller, while something else is done.
func (g grown) longest(ctx context.Context, beside func() error) (stall, error) {
	before, err := applied(ctx, "http://"+g.full.Leader)
	if err != nil {
		return stall{}, err
	}
	done := make(chan error, 1)
	go func() { // joined below
		if beside == nil {
			done <- nil
			return
		}
		time.Sleep(snapshotLook / 4)
		done <- beside()
	}()
	r, err := load.Run(ctx, load.Plan{Callers: 1, For: snapshotLook, Open: newOneByOne(g.full.Leader, limitName(0), "0s")})
	if wrong := <-done; wrong != nil {
		return stall{}, wrong
	}
	if err != nil {
		return stall{}, err
	}
	after, err := applied(ctx, "http://"+g.full.Leader)
	return stall{r.Latency(100), after.longestSince(before)}, err
}

// buckets are those of a histogram: how many were at most so long, s as the
// metric writes them, ascending.
type buckets []struct {
	most  string
	count float64
}

// applied reads how long a node's batches took to be applied.
func applied(ctx context.Context, base string) (list buckets, err error) {
	body, err := get(ctx, base+"/metrics")
	if err != nil {
		return nil, err
	}
	defer body.Close()
	lines := bufio.NewScanner(body)
	for lines.Scan() {
		rest, is := strings.CutPrefix(lines.Text(), `limitd_cluster_apply_duration_seconds_bucket{le="`)
		most, count, cut := strings.Cut(rest, `"} `)
		if !is || !cut {
			continue
		}
		n, err := strconv.ParseFloat(count, 64)
		if err != nil {
			return nil, fmt.Errorf("read the metrics: %w", err)
		}
		list = append(list, struct {
			most  string
			count float64
		}{most, n})
	}
	return list, lines.Err()
}

// longestSince returns the bucket of the longest batch since before.
func (b buckets) longestSince(before buckets) string {
	longest, sum := "0", 0.0
	for i := range b {
		if n := b[i].count - before[i].count; n > sum {
			longest, sum = b[i].most+" s", n
		}
	}
	return longest
}

// restart is how a node came back.
type restart struct {
	took, cpu time.Duration
	entries   int // behind its newest snapshot
}

// restart stops a node, a follower where there is one, and starts it again.
func (g grown) restart(ctx context.Context) (r restart, err error) {
	node := g.full.Nodes.Nodes()[0]
	for _, n := range g.full.Nodes.Nodes() {
		if n.HTTP == g.full.Follower {
			node = n
		}
	}
	metric := func(name string) float64 {
		v, _ := bench.Metric(ctx, http.DefaultClient, node.URL(), name) // for the report only
		return v
	}
	r.entries = int(metric("limitd_applied_index") - metric("limitd_cluster_snapshot_index"))
	if err := g.full.Nodes.Stop(node); err != nil {
		return r, err
	}
	start := time.Now()
	if err := g.full.Nodes.Restart(node); err != nil {
		return r, err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := node.WaitReady(ctx); err != nil {
		return r, err
	}
	r.took, r.cpu = time.Since(start), rig.ProcessCPU(node.PID())
	return r, nil
}
