package workload

import (
	"context"
	"fmt"
	"time"

	"github.com/limitd/limitd/client"
	"github.com/limitd/limitd/jepsen/history"
)

// mutexLimit is the limit of one slot that holders exclude each other by.
const mutexLimit = "mutex"

// leasesWorkload is programs that use the Go client to work under leases.
func leasesWorkload() Workload {
	return Workload{
		Name: "leases", What: "programs work under leases of the Go client, stall, crash and lose contact",
		Setup: setup(leasesLimits()...),
		Run: func(ctx context.Context, e *Env) error {
			store := newResource(e.Record)
			return crew(24, func(int) step { return holderStep(ctx, store) })(ctx, e)
		},
	}
}

func leasesLimits() []named {
	return []named{
		plain(mutexLimit, 1), plain("crew", 3),
		{"gpu", history.Settings{Slots: 3, Numbered: true}},
	}
}

// holderStep is the whole life of one process: it takes leases until it
// crashes, or busy ends.
func holderStep(busy context.Context, store *resource) step {
	return func(ctx context.Context, c *caller) {
		h, err := newHolder(c, store)
		if err != nil { // a URL that cannot be read: a bug of the run
			panic(fmt.Sprintf("make a client: %v", err))
		}
		h.trouble = trouble
		for lives := 1 + c.chance.IntN(12); lives > 0 && busy.Err() == nil; lives-- {
			h.hold(ctx)
		}
		_ = h.lib.Close() // returns nil
	}
}

// hold takes one lease, works under it, and gives it back, or crashes.
func (h *holder) hold(ctx context.Context) {
	r := client.Request{
		Limits: client.Slots{pick(h.caller, mutexLimit, "crew", "gpu"): 1},
		Wait:   pick(h.caller, 0, 0, h.upTo(500*time.Millisecond), h.upTo(4*time.Second)), TTL: h.between(time.Second, 3*time.Second),
		Manual: h.oneIn(8),
	}
	if h.oneIn(4) {
		r.ID = h.newID()
	}
	asking, cancel := ctx, func() {}
	if h.oneIn(6) { // somebody is impatient
		asking, cancel = context.WithTimeout(ctx, h.between(50*time.Millisecond, 2*time.Second))
	}
	lease, op := h.acquire(asking, r)
	cancel()
	if lease == nil {
		sleep(ctx, h.between(5*time.Millisecond, 50*time.Millisecond))
		return
	}
	work := h.upTo(30 * time.Millisecond)
	if h.oneIn(16) { // it outlives its TTL
		work = h.between(r.TTL/2, 2*r.TTL)
	}
	h.believe(ctx, lease, op, work)
	h.end(ctx, lease, r)
}

// end gives a lease back, or crashes: then a new process comes, which may know
// the old one's id, and goes on under it.
func (h *holder) end(ctx context.Context, lease *client.Lease, r client.Request) {
	if !h.oneIn(30) {
		h.release(ctx, lease)
		return
	}
	_ = h.lib.Close() // returns nil
	if err := h.start(); err != nil {
		panic(fmt.Sprintf("make a client: %v", err))
	}
	if r.ID == "" || !h.oneIn(2) {
		return
	}
	if again, op := h.acquire(ctx, r); again != nil {
		h.believe(ctx, again, op, h.upTo(100*time.Millisecond))
		h.release(ctx, again)
	}
}

// lookEvery is how often a holder looks whether it still holds its lease.
const lookEvery = 10 * time.Millisecond

// believe works under a lease for a while, or until the holder is told to
// stop, and records the span. The span ends with the last look at the lease
// that said yes: what a holder does, it does after a look.
func (h *holder) believe(ctx context.Context, lease *client.Lease, op history.Op, work time.Duration) {
	now := h.env.Record.Now()
	b := history.Belief{Client: h.number, Token: op.Token, Granted: op.Granted, From: now, To: now}
	end := now + work
	if lease.Err() != nil {
		return // it was over before it could be believed in
	}
	for {
		if err := lease.Err(); err != nil {
			b.Lost = err.Error()
			break
		}
		b.To = now
		if h.troubled() {
			h.gate.lose(h.between(lease.TTL()/2, 2*lease.TTL()))
		}
		stopped := h.stopped(ctx)
		b.Paused = b.Paused || stopped
		if stopped || h.oneIn(6) {
			h.store.write(h.number, op.Token, op.Granted)
		}
		if now >= end || !sleep(ctx, min(lookEvery, end-now)) {
			break
		}
		now = h.env.Record.Now()
	}
	b.Renewals = b.To-b.From > lease.TTL()
	h.env.Record.Belief(b)
}

// stopped stops the holder where the run says so, its library included: after
// a look at the lease, and before the write that it does on the strength of it.
func (h *holder) stopped(ctx context.Context) bool {
	d := h.pauseNow()
	if d > 0 {
		h.gate.stop(d)
		sleep(ctx, d)
	}
	return d > 0
}

// trouble is one in how many looks a holder loses contact, or is stopped.
const trouble = 400

func (h *holder) troubled() bool { return h.trouble > 0 && h.oneIn(h.trouble) }

// pauseNow returns how long the holder is to be stopped now.
func (h *holder) pauseNow() time.Duration {
	switch {
	case h.env.Pause != nil:
		return h.env.Pause(h.number)
	case h.troubled():
		return h.between(200*time.Millisecond, 4*time.Second)
	}
	return 0
}
