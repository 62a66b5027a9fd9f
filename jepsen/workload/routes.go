package workload

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/limitd/limitd/jepsen/history"
	"github.com/limitd/limitd/transport/wire"
)

// prefectAnonymous is the limit of those who speak Prefect's older routes: its
// slots have no lease.
const prefectAnonymous = "pa"

// How clients of Prefect's routes call.
const (
	routesUnder   = "/api/v2/concurrency_limits/"
	routesHold    = 27 * time.Second // a node keeps them waiting for 25 s, and parts then
	routesTime    = 62 * time.Second // after which a client gives up
	leaseDuration = 60               // s; the shortest that Prefect knows
	// onTheWay is how long a call that nobody waits for may still be at work.
	onTheWay = 30 * time.Second
)

// routesWorkload is callers who speak Prefect's routes as its clients do. Unlike
// those clients they do not repeat what the cluster cannot tell from a new
// request, a decrement without a lease.
func routesWorkload() Workload {
	return Workload{
		Name: "prefect-routes", What: "callers take slots by Prefect's routes, with leases and without, and tokens of a rate, beside callers of the semaphore",
		Setup: func(ctx context.Context, e *Env) error {
			if err := setup(semaphoreLimits()...)(ctx, e); err != nil {
				return err
			}
			one := *e
			one.Lanes = 1 // as those of Prefect's own client
			return setup(plain(PrefectSlots, 2), plain(prefectAnonymous, 2), decaying(PrefectRate, 5, 5, time.Second))(ctx, &one)
		},
		Run: func(ctx context.Context, e *Env) error {
			var lost atomic.Bool
			steps := []step{leasedStep, leasedStep, anonymousStep(&lost), anonymousStep(&lost), tokenStep}
			err := crew(15, func(i int) step {
				if i%3 == 0 {
					return semaphoreStep
				}
				return func(ctx context.Context, c *caller) { pick(c, steps...)(ctx, c) }
			})(ctx, e)
			if lost.Load() || e.Record.Has(history.Restore) { // a backup brings back who held a slot then
				finish, cancel := finishing(ctx)
				defer cancel()
				sleep(finish, onTheWay)
				newCaller(e, setupCaller).reset(finish, prefectAnonymous)
			}
			return err
		},
	}
}

// incrementBody is what the clients send for slots: the same bytes each time, by
// which a node finds the place of one that comes again.
type incrementBody struct {
	Names         []string `json:"names"`
	Slots         int64    `json:"slots"`
	Mode          string   `json:"mode"`
	LeaseDuration float64  `json:"lease_duration,omitempty"` // s
}

// decrementBody gives slots back.
type decrementBody struct {
	Names            []string `json:"names,omitempty"`
	Slots            int64    `json:"slots,omitempty"`
	OccupancySeconds float64  `json:"occupancy_seconds,omitempty"`
	LeaseID          string   `json:"lease_id,omitempty"`
}

// leasedStep holds a slot under a lease. Now and then it goes away while it waits.
func leasedStep(ctx context.Context, c *caller) {
	call, cancel := ctx, context.CancelFunc(func() {})
	if c.oneIn(10) {
		call, cancel = context.WithTimeout(ctx, c.between(time.Millisecond, time.Second))
	}
	defer cancel()
	op, answer := c.increment(call, "increment-with-lease", PrefectSlots, incrementBody{Mode: wire.ModeConcurrency, LeaseDuration: leaseDuration})
	var lease struct {
		ID string `json:"lease_id"`
	}
	if op.Outcome != history.OK || json.Unmarshal(answer, &lease) != nil {
		return
	}
	c.believe(ctx, op)
	c.routes(ctx, history.Want{}, "decrement-with-lease", decrementBody{LeaseID: lease.ID})
}

// anonymousStep holds a slot without a lease. Where nobody knows what became of
// a call, it says that slots may be lost.
func anonymousStep(lost *atomic.Bool) step {
	return func(ctx context.Context, c *caller) {
		op, _ := c.increment(ctx, "increment", prefectAnonymous, incrementBody{Mode: wire.ModeConcurrency})
		lost.Store(lost.Load() || op.Astray > 0)
		if op.Outcome != history.OK {
			return
		}
		held := c.believe(ctx, op)
		q := request{
			method: http.MethodPost, path: routesUnder + "decrement",
			body: decrementBody{Names: []string{prefectAnonymous}, Slots: 1, OccupancySeconds: held.Seconds()},
		}
		answer, _, err := c.send(ctx, q, c.chance.IntN(len(c.env.URLs)))
		lost.Store(lost.Load() || err != nil || answer.StatusCode != http.StatusOK)
	}
}

// tokenStep takes a token of a rate.
func tokenStep(ctx context.Context, c *caller) {
	c.increment(ctx, "increment", PrefectRate, incrementBody{Mode: wire.ModeRateLimit})
}

// believe holds a slot for a while, and returns for how long. Now and then that is
// longer than the lease on which one who waited has it at first.
func (c *caller) believe(ctx context.Context, op history.Op) time.Duration {
	while := c.upTo(300 * time.Millisecond)
	if c.oneIn(40) {
		while = c.between(11*time.Second, 13*time.Second)
	}
	sleep(ctx, while)
	b := history.Belief{Client: c.number, From: op.Return, To: c.env.Record.Now()}
	for _, w := range op.Limits {
		b.Granted = append(b.Granted, history.Granted{Name: w.Name, Slots: w.Slots, Counted: true})
	}
	c.env.Record.Belief(b)
	return b.To - b.From
}

// increment asks for a slot of a limit.
func (c *caller) increment(ctx context.Context, route, limit string, body incrementBody) (history.Op, []byte) {
	body.Names, body.Slots = []string{limit}, 1
	return c.routes(ctx, history.Want{Name: limit, Slots: 1, Rate: body.Mode == wire.ModeRateLimit}, route, body)
}

// routes makes one call as Prefect's clients do: it sends the same again while the
// answer is to come again, or none came, until its time is over or ctx ends. It
// records a call for slots, w, and any that met an error.
func (c *caller) routes(ctx context.Context, w history.Want, route string, body any) (op history.Op, answer []byte) {
	op = history.Op{Client: c.number, Kind: history.Prefect, Call: c.env.Record.Now(), Outcome: history.Refused}
	if w.Name != "" {
		op.Limits = []history.Want{w}
	}
	q := request{method: http.MethodPost, path: routesUnder + route, body: body, hold: routesHold}
	for again := true; again; {
		again, answer = c.route(ctx, q, &op)
		again = again && ctx.Err() == nil && c.env.Record.Now()-op.Call < routesTime
	}
	op.Return = c.env.Record.Now()
	if op.Outcome == history.Refused || op.Outcome == history.Unknown && ctx.Err() != nil { // it is the caller that left
		op.Outcome, op.Code = history.Refused, "timeout"
	}
	if w.Name != "" || op.Outcome == history.Unknown {
		c.env.Record.Told(op)
	}
	return op, answer
}

// route sends q once, and tells whether it is to be sent again, after a pause.
func (c *caller) route(ctx context.Context, q request, op *history.Op) (again bool, body []byte) {
	node := c.chance.IntN(len(c.env.URLs))
	op.Tries, op.Node, op.Status, op.Detail = op.Tries+1, fmt.Sprintf("n%d", node+1), 0, ""
	answer, body, err := c.send(ctx, q, node)
	if err != nil {
		op.Astray, op.Outcome, op.Detail = op.Astray+1, history.Unknown, err.Error()
		sleep(ctx, c.between(100*time.Millisecond, time.Second))
		return true, nil
	}
	op.Status = answer.StatusCode
	switch answer.StatusCode {
	case http.StatusOK, http.StatusNoContent:
		op.Outcome = history.OK
		return false, body
	case http.StatusLocked, http.StatusServiceUnavailable:
		after, _ := strconv.ParseFloat(answer.Header.Get("Retry-After"), 64)
		sleep(ctx, time.Duration(after*float64(time.Second))+c.upTo(50*time.Millisecond))
		return true, nil
	}
	op.Outcome, op.Detail = history.Unknown, answer.Status+": "+string(body)
	return false, nil
}
