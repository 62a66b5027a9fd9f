package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestAFailingDiskEndsTheProcess runs a node whose files may not grow beyond
// what a shell's ulimit grants. Once a write fails it has to stop at once, with
// its own exit code: going on could apply what was never committed.
func TestAFailingDiskEndsTheProcess(t *testing.T) {
	addresses, err := freeAddresses(3)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	const grow = "ulimit -f 600 && exec limitd \"$@\"" // in blocks of 512 or 1024 bytes, as the shell has it
	node := exec.CommandContext(ctx, "sh", "-c", grow, "sh", "agent", "--name", "n1", "--data-dir", filepath.Join(t.TempDir(), "data"),
		"--http-address", addresses[0], "--peer-address", addresses[1], "--gossip-address", addresses[2])
	var said bytes.Buffer
	node.Stderr = &said
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- node.Wait() }()
	err = fill(addresses[0], ended)
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != exitFailStop || !strings.Contains(said.String(), "Error: stopped: store: a write to the data directory failed") {
		t.Errorf("the node ended with %v and said:\n%s", err, said.String())
	}
}

// TestDamagedFilesAreRefused with the exit code of a failing disk.
func TestDamagedFilesAreRefused(t *testing.T) {
	addresses, err := freeAddresses(3)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "node-id"), []byte("672df220-b2c0-4509-9412-93<8$ebe28\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	node := exec.CommandContext(ctx, "limitd", "agent", "--name", "n1", "--data-dir", dir,
		"--http-address", addresses[0], "--peer-address", addresses[1], "--gossip-address", addresses[2])
	said, err := node.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != exitFailStop || !strings.Contains(string(said), "damaged: empty it") {
		t.Errorf("the node ended with %v and said:\n%s", err, said)
	}
}

// fill makes limits with long descriptions until the node has ended.
func fill(address string, ended <-chan error) error {
	w := world{stdout: io.Discard, stderr: io.Discard, lookup: func(string) (string, bool) { return "", false }}
	long := strings.Repeat("x", 4000)
	for i := 0; ; i++ {
		select {
		case err := <-ended:
			return err
		default:
			run([]string{"limit", "create", fmt.Sprintf("l%d", i), "--slots", "1", "--description", long, "--timeout", "1s", "--address", address}, w)
		}
	}
}
