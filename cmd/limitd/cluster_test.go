package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/limitd/limitd/cmd/limitd/bench"
	"github.com/limitd/limitd/jepsen/nodes"
	"github.com/limitd/limitd/transport/wire"
)

// TestThreeNodesOutliveTheirLeaders runs the real binary: three processes from
// three HCL files. While callers acquire and release through all of them, the
// leader is killed, comes back, and another is stopped and comes back. No
// caller may see an error, no limit may be over-granted, and in the end the
// three nodes have one state with nothing occupied.
func TestThreeNodesOutliveTheirLeaders(t *testing.T) {
	c := startCluster(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := c.Leader(ctx); err != nil {
		t.Fatal(err)
	}
	load, stop := context.WithCancel(ctx)
	done := make(chan *bench.Report, 1)
	go func() {
		report, err := bench.Run(load, bench.Options{
			Mode: bench.Pairs, Bases: c.URLs(), Connections: 12, Duration: 40 * time.Second, Limits: 2, Slots: 2, Hold: 2 * time.Millisecond,
		})
		if err != nil {
			t.Errorf("the callers: %v", err)
		}
		done <- report
	}()
	outlive(ctx, t, c, func(n *nodes.Node) error { c.Kill(n); return nil })
	outlive(ctx, t, c, c.Stop)
	stop()
	report := <-done
	if report == nil {
		t.FailNow()
	}
	var text bytes.Buffer
	if err := report.Write(&text); err != nil {
		t.Fatal(err)
	}
	t.Logf("\n%s", text.String())
	if !report.Check.Passed || report.Failed > 0 {
		t.Errorf("the callers met errors, or a limit was over-granted")
	}
	verifyEqual(ctx, t, c)
}

func startCluster(t *testing.T) *nodes.Cluster {
	t.Helper()
	binary, err := exec.LookPath("limitd") // TestMain has put it there
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	c, err := nodes.Start(nodes.Config{Binary: binary, Dir: dir, Size: 3, Extra: "limit \"seeded\" { slots = 3 }\n"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			showLogs(t, c, dir)
		}
	})
	return c
}

// showLogs prints how each node's log ends.
func showLogs(t *testing.T, c *nodes.Cluster, dir string) {
	t.Helper()
	const shown = 8 << 10
	for _, n := range c.Nodes() {
		text, err := os.ReadFile(filepath.Join(dir, n.Name+".log"))
		t.Logf("the log of %s (%v) ends:\n%s", n.Name, err, text[max(0, len(text)-shown):])
	}
}

// outlive ends the leader, waits until the others have a new one, starts it
// again and waits until it is ready.
func outlive(ctx context.Context, t *testing.T, c *nodes.Cluster, end func(*nodes.Node) error) {
	t.Helper()
	leader, err := c.Leader(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := end(leader); err != nil {
		t.Fatalf("end %s: %v", leader.Name, err)
	}
	if _, err := c.Leader(ctx); err != nil {
		t.Fatalf("after the end of %s: %v", leader.Name, err)
	}
	if err := c.Restart(leader); err != nil {
		t.Fatal(err)
	}
	var said nodes.Answer
	err = poll(func() bool {
		said, err = leader.Call(ctx, "GET", "/readyz", nil)
		return err == nil && said.Status == 200
	})
	if err != nil {
		t.Fatalf("%s is not ready again: %v; it says: %s", leader.Name, err, said.Body)
	}
}

// verifyEqual has all nodes digest their state at one record, and looks for
// what is left in it.
func verifyEqual(ctx context.Context, t *testing.T, c *nodes.Cluster) {
	t.Helper()
	var v wire.Verification
	if _, err := c.Nodes()[0].Must(ctx, "POST", "/v1/cluster/verify", nil, &v); err != nil {
		t.Fatal(err)
	}
	if !v.Equal || len(v.Digests) != 3 || len(v.Missing) > 0 {
		t.Errorf("the nodes differ: %+v", v)
	}
	for _, n := range c.Nodes() {
		var limits wire.Limits
		if _, err := n.Must(ctx, "GET", "/v1/limits", nil, &limits); err != nil {
			t.Fatal(err)
		}
		if len(limits.Limits) != 1 || limits.Limits[0].Name != "seeded" || limits.Limits[0].Status.Occupied != 0 {
			t.Errorf("%s shows the limits %+v", n.Name, limits.Limits)
		}
	}
}
