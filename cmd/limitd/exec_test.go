//go:build unix

package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/limitd/limitd/client"
)

// TestExecEndsItsCommandInTime lets everything happen to limitd exec for which a
// lease is lost. Its command, and what that started, must be dead before the
// cluster grants the slot to somebody else.
func TestExecEndsItsCommandInTime(t *testing.T) {
	node := startAgent(t)
	for name, trouble := range map[string]func(*exec.Cmd, *link) error{
		"killed":  func(c *exec.Cmd, _ *link) error { return c.Process.Kill() },
		"stopped": func(c *exec.Cmd, _ *link) error { return c.Process.Signal(syscall.SIGSTOP) },
		"cut off": func(_ *exec.Cmd, l *link) error { l.cut.Store(true); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			limit := strings.ReplaceAll(name, " ", "-")
			if code := run([]string{"limit", "create", limit, "--slots", "1", "--address", node}, testWorld()); code != exitOK {
				t.Fatalf("limit create: %d", code)
			}
			link := linkTo(t, node)
			c, said, out := startExec(t, limit, link)
			if err := trouble(c, link); err != nil {
				t.Fatal(err)
			}
			granted := acquireElsewhere(t, node, limit)
			if name == "stopped" {
				if err := c.Process.Signal(syscall.SIGCONT); err != nil {
					t.Fatal(err)
				}
			}
			last := lastBeat(t, out)
			t.Logf("the last sign of life was %v before the grant", granted.Sub(last))
			if !last.Before(granted) {
				t.Errorf("the slot was granted while the command ran")
			}
			_ = c.Wait()
			if code := c.ProcessState.ExitCode(); name != "killed" && (code != exitOfExec+exitLeaseLost || !strings.Contains(said.String(), "Error: the lease was lost")) {
				t.Errorf("exit code %d; it said:\n%s", code, said)
			}
		})
	}
}

// startAgent runs a node in a process of its own, and returns its address.
func startAgent(t *testing.T) string {
	t.Helper()
	addresses, err := freeAddresses(3)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	node := exec.CommandContext(ctx, "limitd", "agent", "-dev", "--http-address", addresses[0], "--peer-address", addresses[1], "--gossip-address", addresses[2])
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = node.Wait() // killed
	})
	if err := poll(func() bool { return run([]string{"limit", "list", "--address", addresses[0]}, testWorld()) == exitOK }); err != nil {
		t.Fatal(err)
	}
	return addresses[0]
}

func testWorld() world {
	return world{stdout: io.Discard, stderr: io.Discard, lookup: func(string) (string, bool) { return "", false }}
}

// link is a way to a node that can be cut.
type link struct {
	*httptest.Server
	cut atomic.Bool
}

func linkTo(t *testing.T, node string) *link {
	t.Helper()
	l := &link{}
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: node})
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if l.cut.Load() {
			panic(http.ErrAbortHandler)
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(l.Close)
	return l
}

// startExec runs limitd exec with a shell that runs two beats, and returns once
// one is there.
func startExec(t *testing.T, limit string, l *link) (c *exec.Cmd, said *bytes.Buffer, out *bufio.Reader) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	said = &bytes.Buffer{}
	c = exec.CommandContext(ctx, "limitd", "exec", limit, "--address", l.URL, "--ttl", "4s", "--", "sh", "-c", "trap '' TERM; beat & beat")
	c.Stderr = said
	pipe, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	out = bufio.NewReader(pipe)
	if _, err := out.ReadString('\n'); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	return c, said, out
}

// acquireElsewhere gets the slot, and tells when it did.
func acquireElsewhere(t *testing.T, node, limit string) time.Time {
	t.Helper()
	other, err := client.New(client.Config{Addresses: []string{node}})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := other.Acquire(ctx, client.Request{Limits: client.Slots{limit: 1}, Wait: client.Forever}); err != nil {
		t.Fatal(err)
	}
	return time.Now()
}

// lastBeat reads until all writers are dead.
func lastBeat(t *testing.T, out *bufio.Reader) time.Time {
	t.Helper()
	var last int64
	for {
		text, err := out.ReadString('\n')
		if err == io.EOF {
			return time.Unix(0, last)
		}
		n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		last = max(last, n)
	}
}
