package cluster

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// TestAnOpenGateDrains: futures are waited for without shutting anybody out.
func TestAnOpenGateDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g gate
		if err := g.enter(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(time.Second, g.leave)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := g.drain(ctx); err != nil {
			t.Fatal(err)
		}
	})
}
