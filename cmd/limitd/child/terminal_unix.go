//go:build unix

package child

import (
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// terminal is the controlling terminal, which one process group has at a time:
// only that one may read it, and its keys send signals to that one. A nil
// *terminal is none.
type terminal struct {
	file  *os.File
	saved *term.State // how it was set before the command had it
	given bool        // to the command, or to one that it handed it to
}

// openTerminal returns the controlling terminal, or nil.
func openTerminal() *terminal {
	f, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return nil
	}
	saved, err := term.GetState(int(f.Fd()))
	if err != nil {
		f.Close()
		return nil
	}
	return &terminal{file: f, saved: saved}
}

func (t *terminal) close() {
	if t != nil {
		t.file.Close()
	}
}

// foreground returns the process group that has the terminal; 0: none.
func (t *terminal) foreground() int {
	group, err := unix.IoctlGetInt(int(t.file.Fd()), unix.TIOCGPGRP)
	if err != nil {
		return 0
	}
	return group
}

// ours tells whether this process's group has the terminal.
func (t *terminal) ours() bool { return t != nil && t.foreground() == unix.Getpgrp() }

// give hands the terminal to a group, where it is this process's to give, and
// tells whether the group has it.
func (t *terminal) give(group int) (has bool) {
	if t != nil && t.given && t.foreground() == group {
		return true // it asked before it had it
	}
	if !t.ours() || unix.IoctlSetPointerInt(int(t.file.Fd()), unix.TIOCSPGRP, group) != nil {
		return false
	}
	t.given = true
	return true
}

// takeBack takes the terminal from the group that it was given to, or from one
// that is no more; not from whom the shell gave it to meanwhile.
func (t *terminal) takeBack(group int) {
	if t == nil || !t.given {
		return
	}
	t.given = false
	if has := t.foreground(); has != group && !gone(has) {
		return
	}
	// Who has not the terminal is stopped for this, unless it ignores it.
	signal.Ignore(syscall.SIGTTOU)
	_ = unix.IoctlSetPointerInt(int(t.file.Fd()), unix.TIOCSPGRP, unix.Getpgrp()) // then the shell takes it
}

// mend sets the terminal as it was, after a command that could not.
func (t *terminal) mend() {
	if t.ours() {
		_ = term.Restore(int(t.file.Fd()), t.saved) // no worse than before
	}
}

// gone tells whether a process group has no member.
func gone(group int) bool { return group <= 0 || unix.Kill(-group, 0) == unix.ESRCH }
