//go:build linux

package nemesis

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/limitd/limitd/jepsen/nodes"
)

// Tracer injects into the system calls of a node's process, by strace.
type Tracer struct {
	cmd *exec.Cmd
	log string
}

// Syncs are the system calls by which a node makes sure.
const Syncs = "fdatasync,fsync"

// attachTime is how long strace may take to take hold of a process, and to let
// it go: a busy machine makes it wait.
const attachTime = 20 * time.Second

// Trace injects into some system calls of a node, as strace's "-e inject" has it. It
// returns when every thread of the node is in strace's hands.
func Trace(ctx context.Context, n *nodes.Node, calls, inject string) (*Tracer, error) {
	pid := n.PID()
	t := &Tracer{log: n.Dir() + ".strace"}
	t.cmd = exec.Command("strace", "-qq", "-f", "-p", fmt.Sprint(pid), "-e", "trace="+calls, "-e", "signal=none",
		"-e", "inject="+calls+":"+inject, "-o", t.log)
	t.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := t.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start strace: %w", err)
	}
	attaching, cancel := context.WithTimeout(ctx, attachTime)
	defer cancel()
	for !t.attached(pid) {
		if !sleep(attaching, 10*time.Millisecond) {
			t.Stop()
			return nil, errors.New("strace could not take hold of the process: may this user trace it?")
		}
	}
	return t, nil
}

// attached tells whether all threads of the process are traced by it, or some
// call was struck already.
func (t *Tracer) attached(pid int) bool {
	if t.struck() > 0 {
		return true
	}
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	held := fmt.Appendf(nil, "\nTracerPid:\t%d\n", t.cmd.Process.Pid)
	for _, f := range threads {
		if b, err := os.ReadFile(f); err == nil && !bytes.Contains(b, held) {
			return false
		}
	}
	return len(threads) > 0
}

// struck tells how many calls were injected into.
func (t *Tracer) struck() int {
	b, _ := os.ReadFile(t.log) // none yet: none was
	return bytes.Count(b, []byte("(INJECTED)")) + bytes.Count(b, []byte("(DELAYED)"))
}

// Stop lets the process alone and tells how many calls were struck.
func (t *Tracer) Stop() (struck int) {
	_ = t.cmd.Process.Signal(syscall.SIGINT)
	late := time.AfterFunc(attachTime, func() { _ = t.cmd.Process.Kill() })
	defer late.Stop()
	_ = t.cmd.Wait()
	struck = t.struck()
	_ = os.Remove(t.log)
	return struck
}
