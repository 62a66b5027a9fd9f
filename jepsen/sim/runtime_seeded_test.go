//go:build simdet

package sim_test

import "runtime"

// seedRuntime gives the runtime the chance that it draws from inside a bubble:
// the order of select, of maps and of timers. The function is in the overlay of
// jepsen/sim/det.
func seedRuntime(seed uint64) { runtime.SimSeed(seed) }
