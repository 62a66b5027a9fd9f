package limit_test

import (
	"time"

	"golang.org/x/sys/unix"
)

// cpuTime returns how much processor time the calling thread has used, which does
// not grow while others run. The caller locks its goroutine to the thread.
func cpuTime() time.Duration {
	var used unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &used); err != nil {
		panic(err)
	}
	return time.Duration(used.Nano())
}
