package rig

import (
	"testing"
	"time"
)

func TestCPUTime(t *testing.T) {
	const stat = "4711 (a (b) c) S 1 2 3 4 5 6 7 8 9 10 25 17 14 15 16"
	if got := cpuTime(stat); got != 420*time.Millisecond {
		t.Errorf("cpu time %v", got)
	}
}

func TestFsync(t *testing.T) {
	if d, err := Fsync(t.TempDir()); d <= 0 || err != nil {
		t.Errorf("fsync takes %v, %v", d, err)
	}
}
