package limit_test

import (
	"testing"

	"github.com/limitd/limitd/fsm/command"
)

// TestAReleaseUnderTheIDItNames: the request's own id may be the one that it
// releases or cancels, which nobody knows. It is remembered once, and forgotten
// once.
func TestAReleaseUnderTheIDItNames(t *testing.T) {
	for _, op := range []command.Op{&command.Release{ID: "x"}, &command.Cancel{ID: "x"}} {
		b := newBulk(t, command.LimitSettings{Slots: 1, Active: true})
		b.play("x", op)
		b.now += 61e9
		b.play("", &command.Tick{})
		b.restart()
	}
}
