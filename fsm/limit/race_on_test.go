//go:build race

package limit_test

// slower is how much longer the race detector may take.
const slower = 8
