//go:build unix

package child

import (
	"fmt"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// Run runs c until nothing is left of its process group. Its error says why
// the command could not be started.
func Run(c Command) (Outcome, error) {
	r := &running{c: c.withDefaults(), changes: make(chan change), tty: openTerminal()}
	defer r.tty.close()
	var err error
	if r.guard, err = startGuard(c.Guard); err != nil {
		return Outcome{}, err
	}
	defer r.guard.close()
	if err := r.start(); err != nil {
		return Outcome{}, err
	}
	r.loop()
	r.tty.takeBack(r.group)
	if r.killed {
		r.tty.mend()
	}
	return r.outcome, nil
}

// running is a command under way.
type running struct {
	c       Command
	tty     *terminal
	guard   *guard
	group   int         // the command's process group, and its process id
	changes chan change // closed when no process of the group is this one's child

	outcome Outcome
	ended   time.Time // when the command did; others of its group may live on
	killed  bool      // by a signal
	asked   time.Time // when it was asked to end; zero: it was not
	said    bool      // that others of the group live on
	stopped bool      // as a job of the shell, together with this process
	wanted  bool      // the terminal, when it was stopped
}

// change is what wait(2) told of one process.
type change struct {
	pid    int
	status unix.WaitStatus
}

// start starts the command in a group of its own.
func (r *running) start() error {
	command := exec.Command(r.c.Args[0], r.c.Args[1:]...)
	command.Env, command.Stdin, command.Stdout, command.Stderr = r.c.Env, r.c.Stdin, r.c.Stdout, r.c.Stderr
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	dieWithParent(command.SysProcAttr)
	adoptOrphans()
	r.guard.watch(r.c.Left(), r.c.Margin)
	started := make(chan error)
	go r.wait(command, started)
	if err := <-started; err != nil {
		return err
	}
	r.c.Signals.catchStop()
	if term.IsTerminal(int(r.c.Stdin.Fd())) && term.IsTerminal(int(r.c.Stdout.Fd())) {
		r.tty.give(r.group) // the person at it means the command; else it gets it when it asks
	}
	return nil
}

// wait starts the command and tells what becomes of its group, as long as its
// members are this process's children. The kernel takes the thread that started
// a command for its parent, and kills the command when that thread ends: so
// this one thread has to last as long as the command.
func (r *running) wait(command *exec.Cmd, started chan<- error) {
	runtime.LockOSThread()
	err := command.Start()
	if err != nil {
		started <- err
		return
	}
	r.group = command.Process.Pid
	r.guard.order("group", int64(r.group))
	_ = command.Process.Release() // it is waited for by wait4, which tells of stops as well
	started <- nil
	defer close(r.changes)
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-r.group, &status, unix.WUNTRACED, nil)
		switch err {
		case nil:
			r.changes <- change{pid, status}
		case unix.EINTR:
		default:
			return
		}
	}
}

// loop goes on until the group is gone.
func (r *running) loop() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	changes := r.changes
	for {
		select {
		case c, open := <-changes:
			if !open {
				changes = nil
			} else if c.pid == r.group {
				r.changed(c.status)
			}
		case s := <-r.c.Signals.caught:
			r.signalled(s.(syscall.Signal))
		case <-timer.C:
		}
		if !r.ended.IsZero() && changes == nil && gone(r.group) {
			return
		}
		timer.Reset(r.look())
	}
}

// changed notes what became of the command.
func (r *running) changed(s unix.WaitStatus) {
	switch {
	case s.Exited():
		r.ended, r.outcome.Code = time.Now(), s.ExitStatus()
	case s.Signaled():
		r.ended, r.outcome.Code, r.killed = time.Now(), 128+int(s.Signal()), true
		if s.Signal() == unix.SIGKILL && r.c.Left() <= r.c.Margin {
			r.outcome.Ended = true // the guard was faster
		}
	case s.Stopped():
		r.stop(s.StopSignal())
	}
}

// look ends the command if it is time, and returns when to look again.
func (r *running) look() time.Duration {
	left := r.c.Left()
	r.guard.watch(left, r.c.Margin)
	patience := left - r.c.Grace - r.c.Margin // until it is asked to end
	if !r.asked.IsZero() {
		patience = r.c.Grace - time.Since(r.asked) // until it is killed
	}
	switch {
	case left <= r.c.Margin, !r.asked.IsZero() && patience <= 0:
		r.end(unix.SIGKILL)
		return lookEvery / 10
	case r.asked.IsZero() && patience <= 0:
		r.asked, patience = time.Now(), r.c.Grace
		r.end(unix.SIGTERM)
		r.send(unix.SIGCONT) // what is stopped cannot end
	case !r.said && !r.ended.IsZero() && time.Since(r.ended) > time.Second:
		r.said = true
		r.c.Say(fmt.Sprintf("%s has ended; waiting for what it left in the background", r.c.Args[0]))
	}
	return max(time.Millisecond, min(lookEvery, left-r.c.Margin, patience))
}

// end sends the group a signal because too little is left.
func (r *running) end(s unix.Signal) {
	r.outcome.Ended = true
	r.send(s)
}

// send sends a signal to the group, or to the command alone.
func (r *running) send(s unix.Signal) {
	to := -r.group
	if r.ended.IsZero() && !toGroup(s) {
		to = r.group
	}
	if err := unix.Kill(to, s); err == unix.EPERM {
		r.c.Say(fmt.Sprintf("may not send %s to %s, which runs as somebody else", unix.SignalName(s), r.c.Args[0]))
	}
}
