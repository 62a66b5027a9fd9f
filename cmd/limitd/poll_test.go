package main

import (
	"errors"
	"time"
)

// errLate says that something did not come about in time.
var errLate = errors.New("it did not come about in 20 s")

// poll asks until done says yes. Processes can be watched in no better way.
func poll(done func() bool) error {
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	again := time.NewTicker(25 * time.Millisecond)
	defer again.Stop()
	for !done() {
		select {
		case <-again.C:
		case <-deadline.C:
			return errLate
		}
	}
	return nil
}
