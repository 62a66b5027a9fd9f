package bench

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/limitd/limitd/transport/wire"
)

// admission is one slot that decay alone gives back, with bounds of the cluster
// time at which it was granted, ns. The grant is not before the newest time that
// any answer told when the acquire was first sent, plus the time that it stood in
// the queue; and not after the time of its answer.
type admission struct {
	token    uint64
	from, to int64
}

// rate has all callers acquire from one limit whose slots only decay gives back.
func (r *run) rate(ctx, calls context.Context) *Report {
	callers, elapsed := r.work(ctx, func(c *caller, due time.Time) { c.admit(calls, r.limits[0], due) })
	report := newReport(r.Options, callers, elapsed)
	report.judgeTokens(callers)
	var all []admission
	for _, c := range callers {
		all = append(all, c.admissions...)
	}
	report.judgeRate(all)
	return report
}

func (c *caller) admit(ctx context.Context, l *watched, due time.Time) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	before := c.run.seen.Load()
	var grant wire.Grant
	if err := c.call(ctx, http.MethodPost, "/v1/acquire", c.run.request(l, 1, wire.ModeRateLimit), &grant); err != nil {
		c.fail(fmt.Errorf("acquire: %w", err))
		return
	}
	c.acquire.add(time.Since(due))
	c.tokens = append(c.tokens, grant.Token)
	c.admissions = append(c.admissions, admission{grant.Token, before + int64(grant.Waited), c.time})
	c.done++
}

// judgeRate looks for a span W of cluster time in which more than slots + decay*W
// were admitted.
func (r *Report) judgeRate(list []admission) {
	if len(list) == 0 {
		return
	}
	narrow(list)
	span := time.Duration(list[len(list)-1].to - list[0].from)
	may := float64(r.Slots) + float64(r.Decay)*span.Seconds()
	r.Check.saw("%d admitted in %v of cluster time, where %.0f are allowed", len(list), span.Round(time.Millisecond), may)
	if first, last, over := overAdmitted(list, r.Slots, r.Decay); over {
		r.Check.wrong("from token %d to token %d more was admitted than %d slots and %v of decay allow",
			list[first].token, list[last].token, r.Slots, time.Duration(list[last].to-list[first].from))
	}
}

// narrow sorts list by tokens, which rise in the order of the grants, and lets
// each admission take the bounds of its neighbours.
func narrow(list []admission) {
	slices.SortFunc(list, func(a, b admission) int { return cmp.Compare(a.token, b.token) })
	for i := 1; i < len(list); i++ {
		list[i].from = max(list[i].from, list[i-1].from)
	}
	for i := len(list) - 2; i >= 0; i-- {
		list[i].to = min(list[i].to, list[i+1].to)
	}
}

// overAdmitted returns the ends of a span with too many admissions. With n the
// admissions before one, n - decay*time at each is compared with the smallest
// before it. All is counted in 10^-9 slots, so that nothing is rounded.
func overAdmitted(list []admission, slots, decay int64) (first, last int, over bool) {
	const unit = 1_000_000_000
	start := list[0].from
	level := func(n int, t int64) int64 { return int64(n)*unit - decay*(t-start) }
	least := level(0, start)
	for i, a := range list {
		if v := level(i, a.from); v < least {
			least, first = v, i
		}
		if level(i+1, a.to)-least > slots*unit+decay { // W counts both end nanoseconds
			return first, i, true
		}
	}
	return 0, 0, false
}
