package bench

import (
	"context"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/limitd/limitd/transport/wire"
)

// watched is one limit with what its callers know for certain: who has been
// granted a slot and has not yet sent the release holds it.
type watched struct {
	name string
	held atomic.Int64
	peak atomic.Int64
}

func (l *watched) granted() {
	now := l.held.Add(1)
	for peak := l.peak.Load(); now > peak && !l.peak.CompareAndSwap(peak, now); peak = l.peak.Load() {
	}
}

// pairs has the callers acquire and release, each time a limit by chance.
func (r *run) pairs(ctx, calls context.Context) *Report {
	callers, elapsed := r.work(ctx, func(c *caller, due time.Time) {
		c.pair(calls, r.limits[mathrand.IntN(len(r.limits))], due)
	})
	report := newReport(r.Options, callers, elapsed)
	report.judgeTokens(callers)
	report.judgePeak(r.limits)
	return report
}

// pair acquires a slot of l and releases it. The acquire's latency counts from
// the instant at which it was due.
func (c *caller) pair(ctx context.Context, l *watched, due time.Time) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var grant wire.Grant
	if err := c.call(ctx, http.MethodPost, "/v1/acquire", c.run.request(l, 1, ""), &grant); err != nil {
		c.fail(fmt.Errorf("acquire: %w", err))
		return
	}
	c.acquire.add(time.Since(due))
	l.granted()
	c.tokens = append(c.tokens, grant.Token)
	time.Sleep(c.run.Hold)
	l.held.Add(-1) // from the sending of the release on, the slot may be another's
	sent := time.Now()
	if err := c.giveBack(ctx, grant.Token); err != nil {
		c.fail(err)
		return
	}
	c.release.add(time.Since(sent))
	c.done++
}

func (c *caller) giveBack(ctx context.Context, token uint64) error {
	var released wire.Released
	err := c.call(ctx, http.MethodPost, "/v1/release", wire.ReleaseRequest{Token: token}, &released)
	switch {
	case err != nil:
		return fmt.Errorf("release: %w", err)
	case !released.Released:
		return fmt.Errorf("release of token %d: %s", token, released.Reason)
	}
	return nil
}

// judgeTokens looks for a token that two grants have.
func (r *Report) judgeTokens(callers []*caller) {
	var tokens []uint64
	for _, c := range callers {
		tokens = append(tokens, c.tokens...)
	}
	slices.Sort(tokens)
	grants := len(tokens)
	twice := grants - len(slices.Compact(tokens))
	r.Check.saw("%d grants", grants)
	if grants == 0 {
		r.Check.wrong("nothing was granted")
	}
	if twice > 0 {
		r.Check.wrong("%d tokens were given twice", twice)
	}
}

// judgePeak compares how many slots of a limit were held at once with those it has.
func (r *Report) judgePeak(limits []*watched) {
	peak := int64(0)
	for _, l := range limits {
		peak = max(peak, l.peak.Load())
	}
	r.Check.saw("at most %d of %d slots of a limit held at once", peak, r.Slots)
	if peak > r.Slots {
		r.Check.wrong("%d slots were held at once of a limit that has %d", peak, r.Slots)
	}
}
