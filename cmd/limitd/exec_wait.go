package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/limitd/limitd/transport/wire"
)

// waitReport says what an exec waits for, in the background.
type waitReport struct {
	x     *execution
	notes chan wire.Waiting // holds the newest
	lines atomic.Int32      // said so far
}

const (
	// silenceTime is how long nothing is said while no node answers.
	silenceTime = 2 * time.Second
	// reportEvery is how often, at most, it is said what is waited for.
	reportEvery = 5 * time.Second
)

func newWaitReport(x *execution) *waitReport {
	return &waitReport{x: x, notes: make(chan wire.Waiting, 1)}
}

// note takes what a node tells about the wait; only the newest counts.
func (r *waitReport) note(w wire.Waiting) {
	select {
	case <-r.notes:
	default:
	}
	r.notes <- w
}

// said tells whether anything was.
func (r *waitReport) said() bool { return r.lines.Load() > 0 }

// run reports until ctx ends.
func (r *waitReport) run(ctx context.Context) {
	silence := time.NewTimer(silenceTime)
	defer silence.Stop()
	last, at := "", time.Time{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-silence.C:
			r.say(fmt.Sprintf("no answer yet, or no leader (%s); giving up after %s", strings.Join(r.x.api.bases, ", "), spanText(r.x.timeout)))
		case w := <-r.notes:
			silence.Stop()
			if key := fmt.Sprint(w.Position, w.BlockedBy); key != last && time.Since(at) >= reportEvery {
				last, at = key, time.Now()
				r.say(r.text(ctx, w))
			}
		}
	}
}

func (r *waitReport) say(line string) {
	r.lines.Add(1)
	r.x.say(line)
}

// text says what stands in the way, and who has it: "waiting for gpu: 4 of 4
// slots held, 3 ahead, oldest held 12m by etl@w7 (pid 4711); about 3m0s to go".
func (r *waitReport) text(ctx context.Context, w wire.Waiting) string {
	var parts []string
	for _, b := range w.BlockedBy {
		part := fmt.Sprintf("%s: %d of %s held", b.Name, b.Occupied, slots(b.Slots))
		if b.Ahead > 0 {
			part += fmt.Sprintf(", %d ahead", b.Ahead)
		}
		parts = append(parts, part+r.oldest(ctx, b.Name))
	}
	text := fmt.Sprintf("waiting at place %d of the queue", w.Position)
	if len(parts) > 0 {
		text = "waiting for " + strings.Join(parts, "; ")
	}
	if w.EstimatedWait != nil && maybeSpan(w.EstimatedWait) != "0s" {
		text += "; about " + maybeSpan(w.EstimatedWait) + " to go"
	}
	return text
}

// oldest names the oldest holder of a limit, or nobody.
func (r *waitReport) oldest(ctx context.Context, limit string) string {
	quick := *r.x.api
	quick.timeout = time.Second
	page, err := read[wire.Holders](quick.call(ctx, http.MethodGet, limitPath(limit, "/holders?page_size=1&consistency=stale"), nil))
	if err != nil || len(page.Holders) == 0 {
		return ""
	}
	h := page.Holders[0]
	return fmt.Sprintf(", oldest held %s by %s", spanText(time.Since(h.GrantedAt)), holderText(h))
}

// holderText names a holder, by its lease where nobody said who it is.
func holderText(h wire.Holder) string {
	switch owner := ownerText(h.Owner); {
	case owner != noOwner:
		return owner
	case h.Token != 0:
		return fmt.Sprintf("lease %d, whose owner is not named", h.Token)
	}
	return "somebody who is not named"
}
