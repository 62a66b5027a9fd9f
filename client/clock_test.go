package client

import (
	"testing"
	"time"
)

func TestSystemClocksRun(t *testing.T) {
	read := systemClocks()
	before, go1 := read(), time.Now()
	for time.Since(go1) < 2*time.Millisecond {
	}
	took := read().since(before)
	if took < 2*time.Millisecond || took > 10*time.Second {
		t.Errorf("2 ms took %v", took)
	}
}

func TestSinceTakesTheClockThatAdvancedMore(t *testing.T) {
	if d := (Clocks{15, 105}).since(Clocks{10, 90}); d != 15 {
		t.Errorf("%d", d)
	}
	if d := (Clocks{65, 105}).since(Clocks{10, 90}); d != 55 {
		t.Errorf("%d", d)
	}
	started := time.Now()
	before := goClocks(started)
	if d := goClocks(started).since(before); d < 0 || d > time.Second {
		t.Errorf("%v", d)
	}
}
