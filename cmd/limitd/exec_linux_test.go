package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestExecIsAJobOfItsShell sits at a terminal: a command under limitd exec reads
// what is typed, Ctrl-Z gives the terminal back to the shell, fg takes up both
// again, and Ctrl-C ends the command.
func TestExecIsAJobOfItsShell(t *testing.T) {
	node := startAgent(t)
	if code := run([]string{"limit", "create", "db", "--slots", "1", "--address", node}, testWorld()); code != exitOK {
		t.Fatalf("limit create: %d", code)
	}
	at := sitAtShell(t, "LIMITD_ADDR="+node)
	at.types("set -m; echo $((40+1)) for job control\n", "41 for job control")
	at.types("limitd exec db -- sed 's/^/read: /'\none\n", "read: one")
	at.types("\x1a", "Stopped")
	at.types("echo the shell says $((40+2))\n", "the shell says 42")
	at.types("fg\n", "limitd exec db -- sed")
	at.types("two\n", "read: two")
	at.types("\x04", "$ ")
	at.types("echo code $?\n", "code 0")
	at.types("limitd exec db -- sed 's/^/read: /'\nthree\n", "read: three")
	at.types("\x03", "$ ")
	at.types("echo code $?\n", "code 130")
	// In a pipeline it leaves the terminal to whoever reads it.
	at.types("limitd exec db -- echo $((40+4)) | { cat; read line </dev/tty; echo \"read: $line\"; }\n", "44")
	at.types("four\n", "read: four")
	at.types("exit\n", "")
}

// seat is a terminal with a shell.
type seat struct {
	t    *testing.T
	tty  *os.File
	seen string // and not expected yet
}

// sitAtShell runs an interactive shell on a terminal of its own.
func sitAtShell(t *testing.T, env string) *seat {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	master := os.NewFile(uintptr(fd), "terminal") // with deadlines
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	shell := exec.Command("sh", "-i")
	shell.Env = append(os.Environ(), env, "PS1=$ ", "ENV=", "TERM=dumb")
	shell.Stdin, shell.Stdout, shell.Stderr = slave, slave, slave
	shell.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	err = shell.Start()
	slave.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		master.Close() // which hangs up on whoever is still there
		_ = shell.Wait()
	})
	return &seat{t: t, tty: master}
}

// types sends keys, and reads until the expected text has come.
func (s *seat) types(keys, expected string) {
	s.t.Helper()
	if err := s.tty.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.tty.WriteString(keys); err != nil {
		s.t.Fatal(err)
	}
	buffer := make([]byte, 4096)
	for !strings.Contains(s.seen, expected) {
		n, err := s.tty.Read(buffer)
		if s.seen += string(buffer[:n]); err != nil {
			s.t.Fatalf("typed %q, expected %q: %v; seen:\n%s", keys, expected, err, s.seen)
		}
	}
	_, s.seen, _ = strings.Cut(s.seen, expected)
}
