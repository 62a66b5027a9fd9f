package httpapi

import (
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/limitd/limitd/fsm/limit"
	"github.com/limitd/limitd/transport/wire"
)

// saveSnapshot serves GET /v1/snapshot: a stream that may be long.
func (c *call) saveSnapshot() error {
	w := &lateWriter{call: c}
	err := c.api.cfg.Snapshots.Save(c.r.Context(), w)
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
	_ = http.NewResponseController(w.call.w).SetWriteDeadline(time.Now().Add(writeTimeout))
	return w.call.w.Write(b)
}

// restoreSnapshot serves PUT /v1/snapshot.
func (c *call) restoreSnapshot() error {
	if err := c.checkType([]string{wire.TypeSnapshot}); err != nil {
		return err
	}
	body := &slowReader{body: c.r.Body, deadline: http.NewResponseController(c.w)}
	defer body.done()
	err := c.api.cfg.Snapshots.Restore(c.r.Context(), body)
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

// slowReader reads a long body; each read has its own time limit.
type slowReader struct {
	body     io.Reader
	deadline *http.ResponseController
}

// Read reads into b.
func (r *slowReader) Read(b []byte) (int, error) {
	_ = r.deadline.SetReadDeadline(time.Now().Add(bodyTimeout))
	return r.body.Read(b)
}

func (r *slowReader) done() { _ = r.deadline.SetReadDeadline(time.Time{}) }
