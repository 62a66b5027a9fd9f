//go:build unix

package child

import (
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// signalled hands a signal on to the command.
func (r *running) signalled(s syscall.Signal) {
	if s == unix.SIGCONT {
		r.look() // it may be too late to go on
		r.resume()
	}
	r.send(s)
}

// stop answers that the command was stopped. One that asked for the terminal
// gets it, if this process has it; otherwise both stop as one job, so that the
// shell gets the terminal, and the command goes on when the shell lets this
// process go on. While it is stopped nothing is renewed.
func (r *running) stop(s unix.Signal) {
	asks := s == unix.SIGTTIN || s == unix.SIGTTOU
	switch {
	case asks && r.tty.give(r.group):
		r.send(unix.SIGCONT)
	case r.tty == nil, s == unix.SIGSTOP:
		// Not the terminal's doing: whoever stopped it lets it go on.
	case orphaned():
		if !asks { // nobody could let it go on, so the terminal's keys do not stop it
			r.send(unix.SIGCONT)
		}
	default:
		r.stopped, r.wanted = true, asks || r.tty.given
		r.tty.takeBack(r.group)
		// The whole group stops: a script's shell with it. Go keeps its handler
		// of a signal that was ever caught, so this process needs another one.
		signal.Reset(syscall.SIGTSTP)
		_ = unix.Kill(0, unix.SIGTSTP)
		_ = unix.Kill(unix.Getpid(), unix.SIGSTOP)
	}
}

// resume goes on after a stop.
func (r *running) resume() {
	if !r.stopped {
		return
	}
	r.stopped = false
	r.c.Signals.catchStop()
	if r.wanted {
		r.tty.give(r.group)
	}
}

// orphaned tells whether no shell could let this process go on after a stop.
func orphaned() bool {
	mine, err1 := unix.Getsid(0)
	parents, err2 := unix.Getsid(unix.Getppid())
	return err1 != nil || err2 != nil || mine != parents
}
