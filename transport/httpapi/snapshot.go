package httpapi

import (
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
	"github.com/limitd/limitd/transport/wire"
)

// saveSnapshot serves GET /v1/snapshot: a stream that may be long.
func (c *call) saveSnapshot() error {
	w := &lateWriter{call: c}
	ctx, cancel := c.limited()
	defer cancel()
	err := c.api.cfg.Snapshots.Save(ctx, w)
	switch {
	case err == nil && c.status == 0:
		w.begin() // an empty snapshot cannot be, but would be told as it is
	case err != nil && c.status == 0:
		return c.backendError(err, wire.CodeNoLeader)
	case err != nil:
		c.api.cfg.Logger.Warn("a snapshot broke off while it was sent", "request_id", c.id, "err", err)
		panic(http.ErrAbortHandler) // the caller must not take it for whole
	}
	return nil
}

// lateWriter begins the answer with its first byte, so that an error before it
// can still be told as a problem. Each write has its own time limit.
type lateWriter struct{ call *call }

func (w *lateWriter) begin() {
	w.call.header("Content-Type", wire.TypeSnapshot)
	w.call.header("Content-Disposition", `attachment; filename="limitd.snapshot"`)
	w.call.head(http.StatusOK)
}

// Write sends b.
func (w *lateWriter) Write(b []byte) (int, error) {
	if w.call.status == 0 {
		w.begin()
	}
	if w.call.r.Method == http.MethodHead {
		return len(b), nil
	}
	w.call.hurry()
	return w.call.w.Write(b)
}

// restoreSnapshot serves PUT /v1/snapshot. The caller's timeout is for finding
// a leader; a large snapshot takes the time that it takes.
func (c *call) restoreSnapshot() error {
	if err := c.checkType([]string{wire.TypeSnapshot}); err != nil {
		return err
	}
	if err := c.read(func(*limit.State) {}); err != nil {
		return err
	}
	longest, err := c.longestTTL()
	if err != nil {
		return err
	}
	c.placed = false // the answer is true of the restored state
	body := &slowReader{c}
	err = c.api.cfg.Snapshots.Restore(c.r.Context(), body, longest)
	switch {
	case err == nil:
		return c.empty()
	case errors.Is(err, limit.ErrDamaged), errors.Is(err, limit.ErrNewer), c.api.cfg.Classify(err) == wire.CodeMembershipRefused:
		p := wire.NewProblem(wire.CodeInvalidRequest, err.Error()) // here, or by the leader
		p.Hint = "send a snapshot as GET /v1/snapshot gave it"
		return p
	}
	return c.backendError(err, wire.CodeOutcomeUnknown)
}

// longestTTL reads the parameter longest_ttl: how long leases can run that are not
// in the snapshot. Left out it is the longest that any lease can have.
func (c *call) longestTTL() (time.Duration, error) {
	text := c.query.Get("longest_ttl")
	if text == "" {
		return wire.MaxTTL, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 || d > wire.MaxTTL {
		return 0, invalid([]wire.FieldError{{Field: "longest_ttl", Detail: `takes a duration of 0s to 24h, such as "5m"; 0s: no holder of before is at work`}})
	}
	return d, nil
}

// endQuarantine serves DELETE /v1/cluster/quarantine.
func (c *call) endQuarantine() error {
	if _, err := c.write(&command.EndQuarantine{}); err != nil {
		return err
	}
	return c.empty()
}

// quarantined adds to an acquire that got nothing, yet or at all, why limits
// without decay grant nothing, where that is so.
func (c *call) quarantined(o outcome) {
	var left int64
	c.glance(func(s *limit.State) { left = s.Quarantine() })
	if left == 0 {
		return
	}
	d := wire.Duration(left).Ptr()
	switch body := o.body.(type) {
	case *wire.Waiting:
		body.Quarantine = d
	default:
		o.problem.Quarantine = d
		o.problem.Detail += "; a backup was restored: limits without decay grant nothing while holders of before may be at work"
		o.problem.Hint = "see docs/operations.md; where none of them is at work: limitd snapshot end-quarantine"
	}
}

// slowReader reads a long body; each read has its own time limit.
type slowReader struct{ call *call }

// Read reads into b.
func (r *slowReader) Read(b []byte) (int, error) {
	r.call.limitBody(time.Now().Add(r.call.api.cfg.Timeouts.Body))
	n, err := r.call.r.Body.Read(b)
	if errors.Is(err, io.EOF) {
		r.call.limitBody(time.Time{})
	}
	return n, err
}
