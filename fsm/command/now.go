//go:build !limitd_next

package command

// ToCome is how many rules versions this build knows beyond those of this
// version of limitd: 1 with the tag limitd_next, which plays the next (next.go).
const ToCome = 0

// newOpToCome returns an empty operation of a kind that only such a build knows.
func newOpToCome(Kind) Op { return nil }
