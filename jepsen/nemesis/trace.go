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

// tracer injects into the system calls of a node's process, by strace.
type tracer struct {
	cmd *exec.Cmd
	log string
}

// syncs are the system calls by which a node makes sure.
const syncs = "fdatasync,fsync"

// attachTime is how long strace may take to take hold of a process, and to let
// it go: a busy machine makes it wait.
const attachTime = 20 * time.Second

// trace returns when every thread of the node is in strace's hands.
func trace(ctx context.Context, n *nodes.Node, inject string) (*tracer, error) {
	pid := n.PID()
	t := &tracer{log: n.Dir() + ".strace"}
	t.cmd = exec.Command("strace", "-qq", "-f", "-p", fmt.Sprint(pid), "-e", "trace="+syncs, "-e", "signal=none",
		"-e", "inject="+syncs+":"+inject, "-o", t.log)
	t.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := t.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start strace: %w", err)
	}
	attaching, cancel := context.WithTimeout(ctx, attachTime)
	defer cancel()
	for !t.attached(pid) {
		if !sleep(attaching, 10*time.Millisecond) {
			t.stop()
			return nil, errors.New("strace could not take hold of the process: may this user trace it?")
		}
	}
	return t, nil
}

// attached tells whether all threads of the process are traced by it, or some
// call was struck already.
func (t *tracer) attached(pid int) bool {
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
func (t *tracer) struck() int {
	b, _ := os.ReadFile(t.log) // none yet: none was
	return bytes.Count(b, []byte("(INJECTED)")) + bytes.Count(b, []byte("(DELAYED)"))
}

// stop lets the process alone and tells how many calls were struck.
func (t *tracer) stop() (struck int) {
	_ = t.cmd.Process.Signal(syscall.SIGINT)
	late := time.AfterFunc(attachTime, func() { _ = t.cmd.Process.Kill() })
	defer late.Stop()
	_ = t.cmd.Wait()
	struck = t.struck()
	_ = os.Remove(t.log)
	return struck
}
