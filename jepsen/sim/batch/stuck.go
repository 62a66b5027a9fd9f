package batch

import (
	"slices"
	"strings"
)

// asleep is what Go's runtime says when no goroutine can go on, nor ever will:
// somebody in the bubble holds a lock while he waits for fake time, which stands
// still as long as others wait for that lock.
const asleep = "all goroutines are asleep - deadlock!"

// stuck tells whether that is how a process ended.
func stuck(out string) bool { return strings.Contains(out, asleep) }

// culprits puts what tells why a process was stuck first: the goroutines of the
// bubble that wait for something that synctest does not know, such as a lock.
func culprits(out string) string {
	parts := strings.Split(out, "\n\n")
	slices.SortStableFunc(parts, func(x, y string) int { return rank(x) - rank(y) })
	return strings.Join(parts, "\n\n")
}

// rank is where a part of the runtime's words stands.
func rank(part string) int {
	first, _, _ := strings.Cut(part, "\n")
	switch {
	case !strings.HasPrefix(first, "goroutine "):
		return 0 // the message itself
	case strings.Contains(first, "synctest bubble") && !strings.Contains(first, "(durable)"):
		return 1
	}
	return 2
}
