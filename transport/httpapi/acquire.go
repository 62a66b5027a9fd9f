package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/limitd/limitd/fsm"
	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
	"github.com/limitd/limitd/transport/drain"
	"github.com/limitd/limitd/transport/httpapi/strict"
	"github.com/limitd/limitd/transport/wire"
)

// acquireCall is an acquire as it was asked for.
type acquireCall struct {
	op     command.Acquire
	id     string
	made   bool          // the id was made here, and nobody knows it yet
	hold   time.Duration // the longest silence before a 202
	capped bool          // hold was given
}

// acquire serves POST /v1/acquire.
func (c *call) acquire() error {
	var q acquireCall
	if err := c.decode(q.read); err != nil {
		return err
	}
	if err := c.mayAcquire(q.op.Entries); err != nil {
		return err
	}
	if err := c.nameAcquire(&q); err != nil {
		return err
	}
	answer, err := c.wait(&q)
	if err != nil {
		return err
	}
	return c.answerAcquire(&q, answer)
}

// nameAcquire settles the acquire's id: of the body, of the header
// Idempotency-Key, or a new one.
func (c *call) nameAcquire(q *acquireCall) (err error) {
	switch {
	case q.id == "" && c.key == "":
		q.made = true
		q.id, err = c.api.randomText(idLength)
		return err
	case q.id == "":
		q.id = c.key
	case c.key != "" && c.key != q.id:
		return invalid([]wire.FieldError{{Field: wire.HeaderIdempotencyKey, Detail: "differs from the body's id; one of them is enough"}})
	}
	return nil
}

// patience returns how long the call may stay silent while it waits. Without a
// hold that is somewhat more than the wait, so that its end is still told.
func (q *acquireCall) patience(timeout time.Duration) time.Duration {
	wait := time.Duration(q.op.Wait)
	if q.capped && q.hold < wait {
		return q.hold
	}
	if wait == 0 {
		return 0
	}
	return wait + min(timeout/2, 2*time.Second)
}

// wait runs the acquire, and stays for its outcome. Where the caller hangs up,
// or the node shuts down, an id that nobody knows is taken back.
func (c *call) wait(q *acquireCall) (fsm.Answer, error) {
	hold := q.patience(c.timeout)
	ctx, cancel := context.WithTimeout(c.r.Context(), hold+c.timeout)
	defer cancel()
	var pass *drain.Pass
	if hold > 0 {
		var open bool
		if pass, open = c.api.cfg.Gate.Enter(cancel); !open {
			return fsm.Answer{}, c.shuttingDown(wire.EffectNone)
		}
		defer pass.Leave()
	}
	cmd := command.Command{Header: command.Header{ID: q.id}, Op: &q.op}
	answer, err := c.api.cfg.Backend.Run(ctx, cmd, hold)
	if err == nil {
		c.place(answer.Index, answer.Time)
		return answer, nil
	}
	c.drained = pass != nil && !pass.Leave()
	problem := c.backendError(err, wire.CodeOutcomeUnknown)
	c.explainLost(q, problem)
	return answer, problem
}

// explainLost looks after an acquire whose outcome did not come: it is taken
// back where nobody else can go on with it, and named otherwise.
func (c *call) explainLost(q *acquireCall, problem error) {
	p, told := problem.(*wire.Problem)
	ended := c.drained || c.r.Context().Err() != nil
	if q.made && ended && c.api.abandon(c.r.Context(), q.id) && told {
		p.Effect = wire.EffectNone
		return
	}
	if told {
		p.ID = q.id
	}
}

const abandonTimeout = 10 * time.Second

// abandon takes back an acquire under an id that nobody knows: its wait is
// cancelled, its grant released, and it is barred from coming later. It tells
// whether that is certain.
func (a *API) abandon(ctx context.Context, id string) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abandonTimeout)
	defer cancel()
	_, err := a.cfg.Backend.Run(ctx, command.Command{Op: &command.Cancel{ID: id}}, 0)
	if err != nil {
		a.cfg.Logger.Warn("an acquire whose caller has gone could not be cancelled; its interest or TTL will end it", "id", id, "err", err)
	}
	return err == nil
}

// answerAcquire tells the outcome. A grant or a place under an id that nobody
// knows is given back where no byte of the answer can be written.
func (c *call) answerAcquire(q *acquireCall, answer fsm.Answer) error {
	keeps := q.made && keepsSomething(answer.Result)
	if keeps && c.r.Context().Err() != nil {
		c.api.abandon(c.r.Context(), q.id)
		return errGone
	}
	c.api.metrics.acquired(answer.Result)
	out := c.outcome(answer.Result)
	c.pointAt(out.problem, answer.Result, q.op.Entries)
	c.limitHeaders(answer.Result)
	if out.problem != nil {
		return out.problem
	}
	if err := c.json(out.status, out.body); err != nil {
		return err
	}
	if keeps && http.NewResponseController(c.w).Flush() != nil {
		c.api.abandon(c.r.Context(), q.id)
	}
	return nil
}

// keepsSomething tells whether an acquire that ended so holds slots or a place.
func keepsSomething(r command.Result) bool {
	switch r.(type) {
	case *command.Granted, *command.Waiting:
		return true
	}
	return false
}

// outcome is what an operation is answered, alone or in a batch: a status and
// a body, or a problem.
type outcome struct {
	status  int
	body    any
	problem *wire.Problem
}

// outcome renders the result of an acquire, release, renew or cancel.
func (c *call) outcome(r command.Result) outcome {
	switch r := r.(type) {
	case *command.Granted:
		return outcome{status: http.StatusOK, body: grant(r)}
	case *command.Waiting:
		o := outcome{status: http.StatusAccepted, body: waiting(r)}
		c.quarantined(o)
		return o
	case *command.Denied:
		o := outcome{problem: denied(r)}
		c.quarantined(o)
		return o
	case *command.Released:
		return outcome{status: http.StatusOK, body: released(r)}
	case *command.Renewed:
		return outcome{status: http.StatusOK, body: renewed(r)}
	case *command.Cancelled:
		return outcome{status: http.StatusOK, body: &wire.Cancelled{Cancelled: r.Cancelled, Replayed: r.Replayed}}
	case *command.Problem:
		return outcome{problem: c.refusal(r)}
	}
	return outcome{problem: wire.NewProblem(wire.CodeInternal, unexpected(r).Error())}
}

// pointAt tells which entry of an acquire a refusal is about, and which other
// entries name limits that do not exist either.
func (c *call) pointAt(w *wire.Problem, r command.Result, entries []command.Entry) {
	p, refused := r.(*command.Problem)
	if !refused || p.Limit == "" {
		return
	}
	var lacking []bool
	if p.Code == command.CodeLimitNotFound {
		c.glance(func(s *limit.State) {
			for _, e := range entries {
				_, found := s.Limit(e.Name)
				lacking = append(lacking, !found)
			}
		})
	}
	for i, e := range entries {
		about := *p
		if e.Name != p.Limit {
			if lacking == nil || !lacking[i] {
				continue
			}
			about.Limit = e.Name
		}
		w.Errors = append(w.Errors, wire.FieldError{Field: fmt.Sprintf("limits[%d].%s", i, faultyField(p.Code)), Detail: about.Error()})
	}
}

// faultyField is the field of an acquire's entry that a refusal is about.
func faultyField(code command.Code) string {
	switch code {
	case command.CodeNeverFits:
		return "slots"
	case command.CodeNoDecay:
		return "mode"
	}
	return "name"
}

// acquireStatus serves GET /v1/acquires/{id}.
func (c *call) acquireStatus() error {
	if wrong := wire.CheckID(c.param); wrong != "" {
		return invalid([]wire.FieldError{{Field: "id", Detail: wrong}})
	}
	var result command.Result
	var known bool
	var limits []string
	err := c.read(func(s *limit.State) {
		result, known = s.Acquire(c.param)
		limits, _ = s.LimitsOfRequest(c.param)
	})
	if err != nil {
		return err
	}
	if err := c.may(command.VerbRead, append(limits, limitsOfResult(result)...)...); err != nil {
		return err
	}
	if !known {
		p := wire.NewProblem(wire.CodeAcquireNotFound, "no acquire has the id "+c.param)
		p.Hint = "an id is known while it waits or holds a lease, and for a while after its end (the setting remember)"
		return p
	}
	out := c.outcome(result)
	status := wire.AcquireStatus{ID: c.param, State: wire.StateEnded, Problem: out.problem}
	switch body := out.body.(type) {
	case *wire.Grant:
		status.State, status.Grant = wire.StateGranted, body
	case *wire.Waiting:
		status.State, status.Waiting = wire.StateWaiting, body
	}
	if out.problem != nil {
		out.problem.RequestID = c.id
	}
	return c.json(http.StatusOK, status)
}

// read walks the body of an acquire.
func (q *acquireCall) read(r *strict.Reader) {
	if !r.Object() {
		return
	}
	op := &q.op
	mode, limits := command.Concurrency, false
	for r.Field() {
		switch string(r.Key()) {
		case "id":
			q.id = readID(r)
		case "limits":
			op.Entries, limits = readEntries(r, op.Entries), true
		case "mode":
			mode = readMode(r)
		case "wait":
			op.Wait = int64(r.Duration(0, wire.MaxWait))
		case "hold":
			q.hold, q.capped = r.Duration(0, wire.MaxWait), true
		case "linger":
			op.Linger = int64(r.Duration(time.Second, wire.MaxLinger))
		case "ttl":
			op.TTL = int64(r.Duration(wire.MinTTL, wire.MaxTTL))
		case "owner":
			op.Owner = readOwner(r)
		case "missing":
			op.Missing = command.Missing(r.Enum(wire.MissingError, wire.MissingSkip, wire.MissingCreate))
		default:
			r.Unknown("id", "limits", "mode", "wait", "hold", "linger", "ttl", "owner", "missing")
		}
	}
	if !limits {
		r.FaultAt("limits", "is required")
	}
	settleModes(op.Entries, mode)
}
