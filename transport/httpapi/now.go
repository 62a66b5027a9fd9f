//go:build !limitd_next

package httpapi

// routesToCome are routes that only a build with the tag limitd_next has
// (fsm/command/next.go).
func routesToCome() []route { return nil }
