// Package planted turns one planted bug on. Only the patched copies of limitd's
// sources that jepsen/mutants builds import it; no other build holds it.
//
//	if planted.On("floor-fractions") { l.frac = 0 }
//
// One build carries all bugs; the environment variable LIMITD_PLANTED, read
// once at the start, names the one that acts. Where it names none, such a build
// behaves as a clean one.
package planted

import "os"

// Variable is the environment variable that names the bug.
const Variable = "LIMITD_PLANTED"

var chosen = os.Getenv(Variable)

// On tells whether the bug of that name acts.
func On(name string) bool { return chosen == name }
