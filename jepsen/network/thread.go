//go:build linux

package network

import (
	"os/exec"
	"runtime"
)

// thread is an operating system's thread that stays where it is put. Processes
// are started from it because they are in its namespace, and because the system
// ends a child whose Pdeathsig is set when the thread that started it ends.
type thread struct {
	work chan func()
	gone chan struct{}
}

// newThread makes one, and runs first in it.
func newThread(first func() error) (*thread, error) {
	t := &thread{work: make(chan func()), gone: make(chan struct{})}
	ready := make(chan error)
	go t.stay(first, ready) // joined by close
	return t, <-ready
}

// stay works until the thread is closed. It is never unlocked: it ends with the
// goroutine.
func (t *thread) stay(first func() error, ready chan<- error) {
	runtime.LockOSThread()
	defer close(t.gone)
	ready <- first()
	for f := range t.work {
		f()
	}
}

// do runs f in the thread.
func (t *thread) do(f func() error) error {
	result := make(chan error)
	t.work <- func() { result <- f() }
	return <-result
}

func (t *thread) start(cmd *exec.Cmd) error { return t.do(cmd.Start) }

// close ends the thread and, with it, what it started.
func (t *thread) close() {
	close(t.work)
	<-t.gone
}
