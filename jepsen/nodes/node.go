package nodes

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// Node is one process, over all its starts.
type Node struct {
	Name   string
	HTTP   string // host:port
	Peer   string // host:port, for the other nodes
	Gossip string // host:port, for retry_join

	member Member
	place  Place
	caller *http.Client
	scheme string
	binary string
	dir    string
	file   string
	log    string

	mu  sync.Mutex
	now *process // nil before the first start
}

// process is one life of a node.
type process struct {
	cmd   *exec.Cmd
	began time.Time
	done  chan struct{} // closed when the process has ended
	err   error         // how it ended
	at    time.Time     // when it ended
}

// URL returns the node's base URL.
func (n *Node) URL() string { return n.scheme + "://" + n.HTTP }

// File returns the node's configuration file.
func (n *Node) File() string { return n.file }

// Dir returns the node's data directory.
func (n *Node) Dir() string { return n.dir }

// Log returns the file that the node's output goes to, over all its starts.
func (n *Node) Log() string { return n.log }

// Use has the node started as another build from its next start on.
func (n *Node) Use(binary string) { n.binary = binary }

func (n *Node) start() error {
	logs, err := os.OpenFile(n.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open the log of %s: %w", n.Name, err)
	}
	defer logs.Close()
	cmd := exec.Command(n.binary, "agent", "-config", n.file)
	cmd.Stdout, cmd.Stderr = logs, logs
	start := n.place.Start
	if start == nil {
		start = (*exec.Cmd).Start
	}
	if err := start(cmd); err != nil {
		return fmt.Errorf("start %s: %w", n.Name, err)
	}
	p := &process{cmd: cmd, began: time.Now(), done: make(chan struct{})}
	go func() { // joined by whoever waits for done: at the latest Close
		p.err = cmd.Wait()
		p.at = time.Now()
		close(p.done)
	}()
	n.mu.Lock()
	n.now = p
	n.mu.Unlock()
	return nil
}

func (n *Node) process() *process {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.now
}

func (p *process) running() bool {
	if p == nil {
		return false
	}
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

func (p *process) signal(name string, s syscall.Signal) error {
	if !p.running() {
		return fmt.Errorf("%s is not running", name)
	}
	return p.cmd.Process.Signal(s)
}

func (n *Node) kill() {
	if p := n.process(); p != nil {
		_ = p.signal(n.Name, syscall.SIGKILL)
		<-p.done
	}
}

// Running tells whether the node's process lives.
func (n *Node) Running() bool { return n.process().running() }

// PID returns the id of the node's process; 0 where none lives.
func (n *Node) PID() int {
	if p := n.process(); p.running() {
		return p.cmd.Process.Pid
	}
	return 0
}

// ErrRunning says that a node's process lives.
var ErrRunning = errors.New("nodes: the process runs")

// End is how a process ended.
type End struct {
	Code  int       // its exit code; -1: by a signal
	Began time.Time // when it was started
	At    time.Time // when it ended
}

// Ended returns how the node's last process ended; false: it lives.
func (n *Node) Ended() (End, bool) {
	p := n.process()
	if p.running() {
		return End{}, false
	}
	return End{Code: p.cmd.ProcessState.ExitCode(), Began: p.began, At: p.at}, true
}

// WaitEnd waits until the node's process has ended by itself.
func (n *Node) WaitEnd(ctx context.Context) error {
	select {
	case <-n.process().done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%s has not ended: %w", n.Name, ctx.Err())
	}
}

// WaitReady waits until the node says that it is ready. It returns an error at
// once where the process ends.
func (n *Node) WaitReady(ctx context.Context) error {
	p, last := n.process(), "no answer yet"
	for {
		try, cancel := context.WithTimeout(ctx, 2*time.Second)
		a, err := n.Call(try, http.MethodGet, "/readyz", nil)
		cancel()
		switch {
		case err != nil:
			last = err.Error()
		case a.Status == http.StatusOK:
			return nil
		default:
			last = string(a.Body)
		}
		select {
		case <-p.done:
			return fmt.Errorf("%s ended with code %d", n.Name, p.cmd.ProcessState.ExitCode())
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %s: %w", n.Name, last, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Wipe empties the data directory of a node that does not run. The directory
// itself stays: it may be a mount.
func (n *Node) Wipe() error {
	if n.Running() {
		return fmt.Errorf("wipe %s: %w", n.Name, ErrRunning)
	}
	entries, err := os.ReadDir(n.dir)
	if err != nil {
		return fmt.Errorf("wipe %s: %w", n.Name, err)
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(n.dir, e.Name())); err != nil {
			return fmt.Errorf("wipe %s: %w", n.Name, err)
		}
	}
	return nil
}
