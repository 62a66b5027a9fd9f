//go:build unix

package child

import (
	"context"
	"os"
	"os/signal"
	"slices"
	"syscall"
)

// Signals are those that reach this process from when they are caught, and are
// meant for a command that may not have begun yet.
type Signals struct{ caught chan os.Signal }

// Catch begins to catch signals. Those that this process was told to ignore, by
// nohup for instance, stay ignored, by the command too.
func Catch() *Signals {
	s := &Signals{make(chan os.Signal, 16)}
	for _, one := range caught() {
		if !signal.Ignored(one) {
			signal.Notify(s.caught, one)
		}
	}
	return s
}

// Stop catches no more.
func (s *Signals) Stop() { signal.Stop(s.caught) }

// catchStop catches Ctrl-Z as well, which can be handed on only once there is a
// command.
func (s *Signals) catchStop() {
	if !signal.Ignored(syscall.SIGTSTP) {
		signal.Notify(s.caught, syscall.SIGTSTP)
	}
}

// Ending waits for a signal that asks a process to end, and returns its exit
// code, or 0 where ctx ends first.
func (s *Signals) Ending(ctx context.Context) (code int) {
	for {
		select {
		case <-ctx.Done():
			return 0
		case one := <-s.caught:
			if n := one.(syscall.Signal); slices.Contains(ending(), n) {
				return 128 + int(n)
			}
		}
	}
}

func ending() []syscall.Signal {
	return []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT}
}

func caught() []syscall.Signal {
	return append(ending(), syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH, syscall.SIGCONT)
}

// toGroup tells whether a signal is for all of the command's process group, as
// the terminal's are; programs give the others a meaning of their own.
func toGroup(s syscall.Signal) bool {
	return s != syscall.SIGUSR1 && s != syscall.SIGUSR2 && s != syscall.SIGHUP
}
