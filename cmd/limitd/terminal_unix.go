//go:build unix

package main

import (
	"os/signal"
	"syscall"
)

// ignoreTerminalStop keeps a process in the background from being stopped when
// it reads the terminal: its reads fail instead.
func ignoreTerminalStop() { signal.Ignore(syscall.SIGTTIN) }
