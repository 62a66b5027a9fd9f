package cluster

import (
	"context"
	"slices"
	"time"

	"github.com/limitd/limitd/fsm/command"
)

const (
	// interestEvery is how often the interest of open calls is renewed.
	interestEvery = 5 * time.Second
	// interestChunk is how many waiters one record names: ten bytes each at
	// worst, so that it stays below command.MaxSize.
	interestChunk = 20_000
)

// interestLoop keeps the places of all open calls alive, by one record every
// five seconds for all of them. Those that were left in between are named once
// more: they lapse their linger, and up to five seconds, after their last call.
func (t *tenure) interestLoop() {
	tick := time.NewTicker(interestEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			t.showInterest()
		case <-t.ctx.Done():
			return
		}
	}
}

func (t *tenure) showInterest() {
	for ages := range slices.Chunk(t.r.calls.ages(), interestChunk) {
		t.interest(t.ctx, ages)
	}
}

// interest proposes one record for the waiters of these ages.
func (t *tenure) interest(ctx context.Context, ages []uint64) {
	record := command.Encode(command.Command{Op: &command.Interest{Ages: ages}})
	if _, err := t.r.propose(ctx, record); err != nil && ctx.Err() == nil {
		t.r.log.Warn("interest in waiting calls was not renewed", "calls", len(ages), "err", err)
	}
}
