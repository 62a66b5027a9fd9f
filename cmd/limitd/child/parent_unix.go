//go:build unix && !linux

package child

import "syscall"

// dieWithParent does nothing: the guard alone sees to it.
func dieWithParent(*syscall.SysProcAttr) {}

// adoptOrphans does nothing: orphans are looked for once in a while.
func adoptOrphans() {}
