//go:build faultclock

package main

import (
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
)

// faultClock lets a test step this process's wall clock: SIGUSR1 sets it an
// hour forward, SIGUSR2 an hour back. It exists only in builds of make
// faultclock, whose overlay adds time.FaultWall to package time.
func faultClock() {
	steps := make(chan os.Signal, 16)
	signal.Notify(steps, syscall.SIGUSR1, syscall.SIGUSR2)
	go func() {
		for s := range steps {
			by := int64(time.Hour)
			if s == syscall.SIGUSR2 {
				by = -by
			}
			atomic.AddInt64(&time.FaultWall, by)
		}
	}()
}
