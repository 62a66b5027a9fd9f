package workload

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/limitd/limitd/client"
	"github.com/limitd/limitd/jepsen/history"
	"github.com/limitd/limitd/transport/wire"
)

// holder is a program that uses the Go client, and lives and dies with it.
type holder struct {
	*caller
	store *resource
	gate  *gate
	lib   *client.Client

	trouble int // one in how many looks it loses contact, or is stopped; 0: never
}

// newHolder starts the program of a caller.
func newHolder(c *caller, store *resource) (*holder, error) {
	h := &holder{caller: c, store: store, gate: &gate{to: c.env.HTTP, record: c.env.Record}}
	return h, h.start()
}

// start makes a client library anew, as a new process does.
func (h *holder) start() error {
	var seed [32]byte
	for i := range seed {
		seed[i] = byte(h.chance.Uint32())
	}
	cfg := client.Config{
		Addresses: h.env.URLs, Transport: h.gate, Rand: &lockedRand{from: rand.NewChaCha8(seed)},
		Owner: &wire.Owner{Name: "holder", PID: int64(h.number)}, Hold: h.between(time.Second, 8*time.Second),
	}
	if h.env.Clocks != nil {
		cfg.Clocks = h.env.Clocks(h.number)
	}
	var err error
	h.lib, err = client.New(cfg)
	return err
}

// lockedRand is chance that the library's goroutines share.
type lockedRand struct {
	mu   sync.Mutex
	from *rand.ChaCha8
}

// Read fills b.
func (r *lockedRand) Read(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.from.Read(b)
}

// acquire acquires through the library, and records that as one call. The
// lease is nil where there is none.
func (h *holder) acquire(ctx context.Context, r client.Request) (*client.Lease, history.Op) {
	op := history.Op{Client: h.number, Kind: history.Acquire, Ask: history.Ask{ID: r.ID, Wait: r.Wait, TTL: r.TTL}}
	own := make(client.Slots, len(r.Limits))
	for name, n := range r.Limits {
		own[h.ownName(name)] = n
		op.Limits = append(op.Limits, history.Want{Name: h.ownName(name), Slots: n})
	}
	r.Limits = own
	op = h.env.Record.Call(op)
	lease, err := h.lib.Acquire(ctx, r)
	if err != nil {
		op.Abandoned = ctx.Err() != nil
		readError(err, &op)
		h.env.Record.Return(op)
		return nil, op
	}
	op.Outcome, op.ID, op.Token, op.Waited = history.OK, lease.ID(), lease.Token(), lease.Waited()
	op.ExpiresIn, op.Granted = lease.TTL(), granted(lease.Limits())
	h.env.Record.Return(op)
	return lease, op
}

// readError notes what the library made of a call.
func readError(err error, op *history.Op) {
	op.Outcome, op.Detail, op.RetryAfter = history.Unknown, err.Error(), -1
	var e *client.Error
	if !errors.As(err, &e) {
		return
	}
	op.Status, op.Code, op.RetryAfter = e.Status, string(e.Code), e.RetryAfter
	if e.Effect != wire.EffectNone || e.Code == client.ErrLeaseLost { // the latter was granted, and ended
		return
	}
	op.Outcome = history.OK
	if e.Status == 0 { // the library's own word: nothing was sent
		op.Outcome = history.Refused
	}
	for _, b := range e.BlockedBy {
		op.Ahead = max(op.Ahead, b.Ahead)
	}
}

// release releases through the library, which does not tell what came of it.
func (h *holder) release(ctx context.Context, lease *client.Lease) {
	op := h.env.Record.Call(history.Op{Client: h.number, Kind: history.Release, Ask: history.Ask{Tokens: []uint64{lease.Token()}}})
	op.Outcome = history.OK
	if err := lease.Release(ctx); err != nil {
		op.Abandoned = h.gate.lost(op.Call)
		readError(err, &op)
	}
	h.env.Record.Return(op)
}
