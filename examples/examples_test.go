// Package examples_test builds the programs beside it, and runs them as they are
// against a cluster in memory.
package examples_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/limitd/limitd/client"
	"github.com/limitd/limitd/client/clienttest"
)

// cluster is what the programs talk to.
type cluster struct {
	*clienttest.Kit
	url string
}

func newCluster(t *testing.T) cluster {
	t.Helper()
	kit := clienttest.New(t)
	server := httptest.NewServer(kit.Handler())
	t.Cleanup(server.Close)
	return cluster{kit, server.URL}
}

// build builds all programs once, and returns where they are.
var build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "limitd-examples-")
	if err != nil {
		return "", err
	}
	out, err := exec.Command("go", "build", "-o", dir+string(filepath.Separator), "./...").CombinedOutput()
	if err != nil {
		return dir, fmt.Errorf("build the examples: %w\n%s", err, out)
	}
	return dir, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, err := build(); err == nil {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

// program returns a program that is yet to be started, and ends with the test.
func (c cluster) program(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	dir, err := build()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	p := exec.CommandContext(ctx, filepath.Join(dir, name), args...)
	p.Env = append(os.Environ(), "LIMITD_ADDR="+c.url)
	return p
}

// output runs a program, and returns the lines that it wrote.
func (c cluster) output(t *testing.T, name string, args ...string) []string {
	t.Helper()
	p := c.program(t, name, args...)
	var errs bytes.Buffer
	p.Stderr = &errs
	out, err := p.Output()
	if err != nil || errs.Len() > 0 {
		t.Fatalf("%s: %v\n%s%s", name, err, out, errs.Bytes())
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

// status returns how a limit stands.
func (c cluster) status(t *testing.T, name string) client.LimitStatus {
	t.Helper()
	l, err := c.Client().Limit(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return l.Status
}

func TestConcurrency(t *testing.T) {
	for _, name := range []string{"concurrency", "concurrency-async"} {
		c := newCluster(t)
		want := map[string]bool{"1 + 2 = 3": true, "2 + 3 = 5": true, "3 + 4 = 7": true, "4 + 5 = 9": true}
		check := func() {
			t.Helper()
			lines := c.output(t, name)
			for _, line := range lines {
				if !want[line] || len(lines) != len(want) {
					t.Errorf("%s wrote %q", name, lines)
				}
			}
		}
		check() // the limit is made, inactive
		if l, err := c.Client().Limit(t.Context(), "database"); err != nil || !l.Inactive || !l.Implicit {
			t.Errorf("the limit is %+v, %v", l, err)
		}
		c.SetLimit("database", client.LimitSettings{Slots: 1})
		check()
		if s := c.status(t, "database"); s.Occupied != 0 {
			t.Errorf("%d slots are left behind", s.Occupied)
		}
	}
}

func TestConcurrencyAsyncTellsWhoHolds(t *testing.T) {
	c := newCluster(t)
	c.SetLimit("database", client.LimitSettings{Slots: 1})
	lease, err := c.Client().Acquire(t.Context(), client.Request{
		Limits: client.Slots{"database": 1}, Owner: &client.Owner{Name: "migration", Host: "w7"},
	})
	if err != nil {
		t.Fatal(err)
	}
	p := c.program(t, "concurrency-async")
	lines := linesOf(t, p)
	if line := <-lines; line != "waiting for migration on w7" {
		t.Errorf("wrote %q", line)
	}
	_ = lease.Release(t.Context())
	for line := range lines {
		if !strings.Contains(line, "=") && line != "waiting for migration on w7" {
			t.Errorf("wrote %q", line)
		}
	}
	if err := p.Wait(); err != nil {
		t.Error(err)
	}
}

// linesOf starts a program, and sends what it writes, line by line.
func linesOf(t *testing.T, p *exec.Cmd) <-chan string {
	t.Helper()
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	lines := make(chan string, 100)
	go func() {
		defer close(lines)
		for scan := bufio.NewScanner(out); scan.Scan(); {
			lines <- scan.Text()
		}
	}()
	return lines
}

func TestRateLimit(t *testing.T) {
	for _, name := range []string{"rate-limit", "rate-limit-async", "rate-limit-loop"} {
		c := newCluster(t)
		c.SetLimit("rate-limited-api", client.LimitSettings{Slots: 1, Rate: "20/s"})
		begun := time.Now()
		made := 0
		for _, line := range c.output(t, name) {
			if line == "Making an HTTP request..." {
				made++
			}
		}
		if took := time.Since(begun); made != 10 || took < 450*time.Millisecond {
			t.Errorf("%s made %d requests in %v", name, made, took)
		}
	}
}

func TestWorkers(t *testing.T) {
	c := newCluster(t)
	c.SetLimit("jobs", client.LimitSettings{Slots: 3})
	done := map[string]int{}
	for _, line := range c.output(t, "workers", "-workers", "10", "-jobs", "30", "-work", "5ms") {
		var job, token int
		if _, err := fmt.Sscanf(line, "job %d done under token %d", &job, &token); err != nil || token == 0 {
			t.Errorf("wrote %q", line)
		}
		done[fmt.Sprint(job)]++
	}
	if s := c.status(t, "jobs"); len(done) != 30 || s.Occupied != 0 {
		t.Errorf("%d jobs were done; %d slots are left behind", len(done), s.Occupied)
	}
}

func TestMiddleware(t *testing.T) {
	c := newCluster(t)
	c.SetLimit("uploads", client.LimitSettings{Slots: 1})
	c.SetLimit("requests", client.LimitSettings{Slots: 3, Rate: "1/h"})
	p := c.program(t, "middleware", "-listen", "127.0.0.1:0")
	lines := linesOf(t, p)
	url, ok := strings.CutPrefix(<-lines, "listening on ")
	if !ok {
		t.Fatal("the program does not tell where it listens")
	}
	for range 3 {
		if status, body, _ := get(t, url); status != http.StatusOK || body != "uploaded\n" {
			t.Errorf("answered %d, %q", status, body)
		}
	}
	status, body, header := get(t, url) // the rate is used up
	if status != http.StatusTooManyRequests || header.Get("Retry-After") == "" || !strings.Contains(body, "wait_expired") {
		t.Errorf("answered %d, %q, %v", status, body, header)
	}
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for range lines {
	}
	if err := p.Wait(); err != nil {
		t.Error(err)
	}
}

func get(t *testing.T, url string) (status int, body string, header http.Header) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(b), answer.Header
}
