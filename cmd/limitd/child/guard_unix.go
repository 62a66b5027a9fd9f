//go:build unix

package child

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Guard is what the second process of Command.Guard does: it kills the process
// group that in names once the time that in grants is over, or in ends. So the
// group does not outlive a runner that was killed, or stopped for too long. in
// has lines of a word, a number and when it was sent (Unix time, ns), because
// it may be read late:
//
//	group 4711 1795704145651929725         the group
//	left 30000000000 1795704145651929725   how long it may still run, ns
//	over 0 1795704145651929725             the group is gone
func Guard(in io.Reader) error {
	group := 0
	end := func() {
		if group > 1 {
			_ = unix.Kill(-group, unix.SIGKILL) // there is nobody to tell
		}
	}
	timer := time.AfterFunc(math.MaxInt64, end)
	defer timer.Stop()
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		var word string
		var n, sent int64
		if _, err := fmt.Sscan(lines.Text(), &word, &n, &sent); err != nil {
			return fmt.Errorf("read an order of the runner: %w", err)
		}
		switch word {
		case "group":
			group = int(n)
		case "left":
			timer.Reset(time.Duration(n) - max(0, time.Since(time.Unix(0, sent))))
		case "over":
			return nil
		}
	}
	end()
	return lines.Err()
}

// guard is the runner's end of the second process. A nil *guard is none.
type guard struct {
	process *exec.Cmd
	orders  io.WriteCloser
	left    time.Duration // as last looked at
}

// startGuard starts the second process, in a session of its own, which no
// terminal sends signals to.
func startGuard(args []string) (*guard, error) {
	if len(args) == 0 {
		return nil, nil
	}
	g := &guard{process: exec.Command(args[0], args[1:]...)}
	g.process.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	var err error
	if g.orders, err = g.process.StdinPipe(); err != nil {
		return nil, err
	}
	if err := g.process.Start(); err != nil {
		return nil, fmt.Errorf("start the guard: %w", err)
	}
	return g, nil
}

// order sends a line. A guard that is gone does not stop the command: then only
// the runner ends it.
func (g *guard) order(word string, n int64) {
	if g != nil {
		_, _ = fmt.Fprintf(g.orders, "%s %d %d\n", word, n, time.Now().UnixNano())
	}
}

// watch tells the guard how much is left, but for a margin, where that has
// become more: by itself it becomes less.
func (g *guard) watch(left, margin time.Duration) {
	if g == nil {
		return
	}
	if left > g.left {
		g.order("left", int64(max(0, left-margin)))
	}
	g.left = left
}

// close ends the guard.
func (g *guard) close() {
	if g == nil {
		return
	}
	g.order("over", 0)
	g.orders.Close()
	_ = g.process.Wait() // however it ended
}
