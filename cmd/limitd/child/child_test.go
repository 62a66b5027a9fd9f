//go:build unix

package child

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func forever() time.Duration { return time.Hour }

// shell is a shell's script as a command, and what it says.
func shell(t *testing.T, script string, left func() time.Duration) (Command, *bufio.Reader) {
	t.Helper()
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	signals := Catch()
	t.Cleanup(func() {
		signals.Stop()
		out.Close()
		in.Close()
	})
	return Command{Args: []string{"sh", "-c", script}, Stdout: in, Signals: signals, Left: left}, bufio.NewReader(out)
}

func run(t *testing.T, c Command) Outcome {
	t.Helper()
	outcome, err := Run(c)
	if err != nil {
		t.Fatal(err)
	}
	return outcome
}

func line(t *testing.T, r *bufio.Reader) string {
	t.Helper()
	text, err := r.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(text, "\n")
}

func TestExitCodes(t *testing.T) {
	for script, code := range map[string]int{"exit 0": 0, "exit 7": 7, "kill -TERM $$": 143, "kill -KILL $$": 137} {
		c, _ := shell(t, script, forever)
		if outcome := run(t, c); outcome != (Outcome{Code: code}) {
			t.Errorf("%s: %+v", script, outcome)
		}
	}
	c, _ := shell(t, "", forever)
	c.Args = []string{"no-such-program"}
	if _, err := Run(c); err == nil {
		t.Error("what does not exist was run")
	}
}

// TestAskedAndKilled lets time run out: a command that ends when it is asked is
// not killed, and one that does not is, before nothing is left.
func TestAskedAndKilled(t *testing.T) {
	for script, code := range map[string]int{
		"trap 'echo asked; exit 3' TERM; echo up; while :; do sleep 0.01; done": 3,
		"trap 'echo asked' TERM; echo up; while :; do sleep 0.01; done":         137,
	} {
		var over time.Time // known once the command is up
		up := make(chan struct{})
		c, out := shell(t, script, func() time.Duration {
			select {
			case <-up:
				return time.Until(over)
			default:
				return time.Hour
			}
		})
		c.Grace, c.Margin = 300*time.Millisecond, 100*time.Millisecond
		go func() {
			_, _ = out.ReadString('\n')
			over = time.Now().Add(600 * time.Millisecond)
			close(up)
		}()
		outcome := run(t, c)
		if outcome != (Outcome{Code: code, Ended: true}) || time.Now().After(over.Add(time.Second)) {
			t.Errorf("%s: %+v, %v too late", script, outcome, time.Since(over))
		}
		if said := line(t, out); said != "asked" {
			t.Errorf("%s: said %q", script, said)
		}
	}
}

// TestSignals sends this process signals, which are meant for the command. Under
// nohup, or behind a script's &, a shell cannot trap what was ignored before it.
func TestSignals(t *testing.T) {
	c, out := shell(t, "trap 'echo usr1' USR1; trap 'echo int' INT; trap 'echo hup' HUP; trap 'exit 5' USR2; echo up; while :; do sleep 0.01; done", forever)
	asked := map[syscall.Signal]string{syscall.SIGUSR1: "usr1"}
	for s, said := range map[syscall.Signal]string{syscall.SIGINT: "int", syscall.SIGHUP: "hup"} {
		if !signal.Ignored(s) {
			asked[s] = said
		}
	}
	ended := make(chan Outcome)
	go func() { ended <- run(t, c) }()
	_ = line(t, out)
	for s, want := range asked {
		if err := syscall.Kill(os.Getpid(), s); err != nil {
			t.Fatal(err)
		}
		if said := line(t, out); said != want {
			t.Errorf("%v: said %q", s, said)
		}
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGUSR2); err != nil {
		t.Fatal(err)
	}
	if outcome := <-ended; outcome != (Outcome{Code: 5}) {
		t.Errorf("%+v", outcome)
	}
}

// TestNothingIsLeft waits for what a command leaves in the background.
func TestNothingIsLeft(t *testing.T) {
	c, out := shell(t, "sleep 0.3 & echo $!; exit 4", forever)
	if outcome := run(t, c); outcome != (Outcome{Code: 4}) {
		t.Errorf("%+v", outcome)
	}
	pid, err := strconv.Atoi(line(t, out))
	if err != nil || unix.Kill(pid, 0) != unix.ESRCH {
		t.Errorf("process %d of the group is still there (%v)", pid, err)
	}
}

// TestGuard lets the second process's work be done on a group of its own.
func TestGuard(t *testing.T) {
	for orders, killed := range map[string]bool{
		"group % 1\nleft 9000000000000000000 1\n":             true, // the runner is no more
		"group % 1\nleft 1000000 9000000000000000000\nwait":   true, // its time is over
		"group % 1\nleft 1000000000 1\nwait":                  true, // it was over when this was read
		"group % 1\nleft 9000000000000000000 1\nover 0 1\n":   false,
		"group % 1\nleft 9000000000000000000 1\nleft one 1\n": false,
	} {
		c := exec.Command("sh", "-c", "read line; exit 9")
		c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		in, err := c.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		orders, wait := strings.CutSuffix(strings.ReplaceAll(orders, "%", strconv.Itoa(c.Process.Pid)), "wait")
		from, to := io.Pipe()
		done := make(chan error)
		go func() { done <- Guard(from) }()
		if _, err := io.WriteString(to, orders); err != nil {
			t.Logf("the guard hung up: %v", err)
		}
		if !wait {
			to.Close()
			if err := <-done; (err != nil) != strings.Contains(orders, "one") {
				t.Errorf("%q: %v", orders, err)
			}
		}
		if !killed {
			in.Close()
		}
		_ = c.Wait()
		if got := c.ProcessState.ExitCode() == -1; got != killed {
			t.Errorf("%q: %v", orders, c.ProcessState)
		}
		if wait {
			to.Close()
			<-done
		}
	}
}
