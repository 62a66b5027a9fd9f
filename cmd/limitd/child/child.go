// Package child runs a command that may only run while something lasts, such
// as a lease: it ends the command, and all that the command started, before
// that is over.
//
//	signals := child.Catch()
//	defer signals.Stop()
//	outcome, err := child.Run(child.Command{
//		Args: []string{"make", "deploy"}, Signals: signals,
//		Left: lease.Left, Grace: 10 * time.Second, Margin: time.Second,
//	})
//
// What it promises, on Unix: the command runs in a process group of its own. It
// is asked to end (SIGTERM) when no more than Grace and Margin are left, and
// killed (SIGKILL) with its group when no more than Margin is. It does not outlive its
// runner: on Linux the kernel kills it when the runner dies, and a second
// process, the guard, kills the group when the runner dies, or is stopped for
// too long. Run returns when nothing is left of the group. Signals that reach
// the runner reach the command; a command that wants the terminal gets it, and
// Ctrl-Z stops both.
//
// Where there are no process groups, only the command itself is ended, and at
// once, without being asked.
package child

import (
	"os"
	"time"
)

// Command says what to run, and for how long it may.
type Command struct {
	Args []string // program and arguments; the program is looked up in PATH
	Env  []string // "KEY=value"; nil: that of this process
	// Stdin, Stdout and Stderr are the command's. nil: those of this process.
	Stdin, Stdout, Stderr *os.File
	// Signals are handed on to the command. Not nil.
	Signals *Signals
	// Left tells for how long the command may still run, by a look at clocks. It
	// is asked ten times a second and more.
	Left func() time.Duration
	// Grace is how long the command has between being asked to end and being
	// killed, Margin how long before nothing is left it is killed: a kill takes
	// time, the more so on a busy machine.
	Grace, Margin time.Duration
	// Guard is how a second process is started that calls Guard on its standard
	// input. nil: nobody kills what the command started when this process is
	// killed, and nothing at all where this process is stopped.
	Guard []string
	// Say tells people what happens, in a line. nil: nobody is told.
	Say func(line string)
}

// Outcome is how a command ended.
type Outcome struct {
	Code  int  // its exit code; 128 + the signal that killed it
	Ended bool // Run ended it, because too little was left
}

// lookEvery is how often Left is asked: timers stand still while the machine
// sleeps, and clocks may not.
const lookEvery = 100 * time.Millisecond

func (c Command) withDefaults() Command {
	c.Stdin, c.Stdout, c.Stderr = orFile(c.Stdin, os.Stdin), orFile(c.Stdout, os.Stdout), orFile(c.Stderr, os.Stderr)
	if c.Env == nil {
		c.Env = os.Environ()
	}
	if c.Say == nil {
		c.Say = func(string) {}
	}
	return c
}

func orFile(f, otherwise *os.File) *os.File {
	if f == nil {
		return otherwise
	}
	return f
}
