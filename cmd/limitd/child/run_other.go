//go:build !unix

package child

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"time"
)

// Signals are those that reach this process from when they are caught.
type Signals struct{ caught chan os.Signal }

// Catch begins to catch interrupts, which the system sends to the command too.
func Catch() *Signals {
	s := &Signals{make(chan os.Signal, 16)}
	signal.Notify(s.caught, os.Interrupt)
	return s
}

// Stop catches no more.
func (s *Signals) Stop() { signal.Stop(s.caught) }

// Ending waits for an interrupt and returns its exit code, or 0 where ctx ends
// first.
func (s *Signals) Ending(ctx context.Context) (code int) {
	select {
	case <-ctx.Done():
		return 0
	case <-s.caught:
		return 130
	}
}

// Guard does nothing here.
func Guard(io.Reader) error { return errors.ErrUnsupported }

// Run runs c until it ends. Its error says why it could not be started.
func Run(c Command) (Outcome, error) {
	c = c.withDefaults()
	command := exec.Command(c.Args[0], c.Args[1:]...)
	command.Env, command.Stdin, command.Stdout, command.Stderr = c.Env, c.Stdin, c.Stdout, c.Stderr
	if err := command.Start(); err != nil {
		return Outcome{}, err
	}
	done := make(chan error, 1)
	go func() { done <- command.Wait() }()
	again := time.NewTicker(lookEvery)
	defer again.Stop()
	var outcome Outcome
	for {
		select {
		case err := <-done:
			var exit *exec.ExitError
			if errors.As(err, &exit) {
				outcome.Code = exit.ExitCode()
			}
			return outcome, nil
		case <-again.C:
			if c.Left() <= c.Grace+c.Margin && !outcome.Ended {
				outcome.Ended = true
				if err := command.Process.Kill(); err != nil {
					c.Say("the command cannot be ended: " + err.Error())
				}
			}
		}
	}
}
