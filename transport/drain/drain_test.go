package drain_test

import (
	"context"
	"testing"

	"github.com/limitd/limitd/transport/drain"
)

func TestGate(t *testing.T) {
	var gate drain.Gate
	ctx, cancel := context.WithCancel(t.Context())
	left, ok := gate.Enter(func() { t.Error("a wait that was over is ended") })
	if !ok || !left.Leave() || left.Leave() {
		t.Error("a wait that ends by itself is not told so once")
	}
	pass, ok := gate.Enter(cancel)
	if !ok || gate.Count() != 1 || gate.Draining() {
		t.Fatalf("%d open", gate.Count())
	}
	gate.Drain()
	gate.Drain()
	if ctx.Err() == nil || pass.Leave() || gate.Count() != 0 || !gate.Draining() {
		t.Error("the wait was not ended")
	}
	if _, ok := gate.Enter(cancel); ok {
		t.Error("a drained gate lets in")
	}
}
