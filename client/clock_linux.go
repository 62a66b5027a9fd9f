package client

import (
	"syscall"
	"time"
	"unsafe"
)

// Clocks of Linux, by their numbers in clock_gettime(2).
const (
	clockMonotonicRaw = 4 // runs on untouched by NTP; stands still while the machine sleeps
	clockBoottime     = 7 // runs on while the machine sleeps
)

// systemClocks returns what reads this machine's clocks: the time since boot
// with sleep counted, and the raw hardware clock. A kernel that lacks one gets
// that of Go instead.
func systemClocks() func() Clocks {
	started := time.Now()
	return func() Clocks {
		boot, ok1 := gettime(clockBoottime)
		raw, ok2 := gettime(clockMonotonicRaw)
		if !ok1 || !ok2 {
			return goClocks(started)
		}
		return Clocks{boot, raw}
	}
}

func gettime(clock uintptr) (ns int64, ok bool) {
	var ts syscall.Timespec
	_, _, errno := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clock, uintptr(unsafe.Pointer(&ts)), 0)
	return ts.Nano(), errno == 0
}
