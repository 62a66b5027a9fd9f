//go:build linux

package nemesis

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
)

// privateMark tells the process in its own mount namespace that it is there.
const privateMark = "LIMITD_JEPSEN_PRIVATE"

// Private starts this program again in a mount namespace of its own and waits
// for its end: whatever it mounts goes when it ends. It does nothing, and says
// so, without root, and in that namespace.
func Private() (code int, ran bool) {
	if os.Geteuid() != 0 || os.Getenv(privateMark) != "" {
		return 0, false
	}
	self, err := os.Executable()
	if err != nil {
		return 0, false
	}
	runtime.LockOSThread() // Pdeathsig: the child ends when this thread does
	cmd := exec.Command(self, os.Args[1:]...)
	cmd.Env = append(os.Environ(), privateMark+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if err := cmd.Start(); err != nil {
		signal.Stop(signals)
		return 0, false // then without mounts
	}
	go func() { // ends with the process
		for s := range signals {
			_ = cmd.Process.Signal(s)
		}
	}()
	err = cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return max(exit.ExitCode(), 1), true
	}
	return 0, true
}

// IsPrivate tells whether mounts are this process's own.
func IsPrivate() bool { return os.Getenv(privateMark) != "" }
