package client_test

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/limitd/limitd/client"
	"github.com/limitd/limitd/jepsen/nodes"
)

// BenchmarkGather has callers acquire and release at three nodes of the real
// binary, as the client gathers them and with a request for each:
//
//	go test ./client -run '^$' -bench Gather -benchtime 5000x -count 6
//
// The CPU time of a pair is told for the nodes together and for this process;
// on a busy machine it says more than the rate.
func BenchmarkGather(b *testing.B) {
	cluster := startNodes(b)
	for _, callers := range []int{1, 8, 64, 256} {
		for _, way := range []string{"alone", "gathered"} {
			b.Run(fmt.Sprintf("callers=%d/%s", callers, way), func(b *testing.B) {
				c := leaderClient(b, cluster)
				if way == "alone" {
					c.SetLanes(math.MaxInt32)
				}
				before := used(cluster)
				benchPairs(b, c, callers)
				for i, unit := range []string{"nodes-us/pair", "client-us/pair"} {
					b.ReportMetric(float64((used(cluster)[i]-before[i]).Microseconds())/float64(b.N), unit)
				}
			})
		}
	}
}

// startNodes starts three nodes, and makes the limit that callers use.
func startNodes(b *testing.B) *nodes.Cluster {
	b.Helper()
	binary := filepath.Join(b.TempDir(), "limitd")
	if out, err := exec.Command("go", "build", "-o", binary, "../cmd/limitd").CombinedOutput(); err != nil {
		b.Fatalf("build limitd: %v\n%s", err, out)
	}
	cluster, err := nodes.Start(nodes.Config{Binary: binary, Dir: b.TempDir(), Size: 3})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = cluster.Close() })
	if _, err := leaderClient(b, cluster).PutLimit(b.Context(), "bench", client.LimitSettings{Slots: 1e6}); err != nil {
		b.Fatal(err)
	}
	return cluster
}

func leaderClient(b *testing.B, cluster *nodes.Cluster) *client.Client {
	b.Helper()
	leader, err := cluster.Leader(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	c, err := client.New(client.Config{Addresses: []string{leader.URL()}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = c.Close() })
	return c
}

// used returns the CPU time of all nodes, where /proc tells it, and of this
// process.
func used(cluster *nodes.Cluster) (cpu [2]time.Duration) {
	const tick = 10 * time.Millisecond // of the kernel's accounting
	for _, n := range cluster.Nodes() {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", n.PID()))
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		for i := 11; i < min(13, len(fields)); i++ { // utime and stime, see proc(5)
			ticks, _ := strconv.Atoi(fields[i])
			cpu[0] += time.Duration(ticks) * tick
		}
	}
	var own syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &own)
	cpu[1] = time.Duration(own.Utime.Nano() + own.Stime.Nano())
	return cpu
}

// benchPairs has callers acquire and release one slot, b.N times in all.
func benchPairs(b *testing.B, c *client.Client, callers int) {
	b.Helper()
	ctx := context.Background()
	var left atomic.Int64
	left.Store(int64(b.N))
	took := make([][]time.Duration, callers)
	b.ResetTimer()
	var group sync.WaitGroup
	for i := range took {
		group.Go(func() {
			for left.Add(-1) >= 0 {
				begun := time.Now()
				lease, err := c.Acquire(ctx, client.Request{Limits: client.Slots{"bench": 1}})
				took[i] = append(took[i], time.Since(begun))
				if err == nil {
					err = lease.Release(ctx)
				}
				if err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	b.StopTimer()
	all := slices.Concat(took...)
	slices.Sort(all)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "pairs/s")
	b.ReportMetric(float64(all[len(all)/2].Microseconds()), "p50-us")
	b.ReportMetric(float64(all[len(all)*99/100].Microseconds()), "p99-us")
}
