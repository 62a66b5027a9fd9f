//go:build !simdet

package sim_test

// seedRuntime does nothing: this runtime draws its own chance, and a second run
// of a seed may differ. jepsen/sim/det builds one that can be seeded.
func seedRuntime(uint64) {}
