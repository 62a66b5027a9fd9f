package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"

	"github.com/limitd/limitd/fsm"
	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/transport/httpapi/strict"
	"github.com/limitd/limitd/transport/wire"
)

// A batch promises the order of its list, yet each operation is a record of
// its own, and 1,000 commits one after the other take a second. Two operations
// may overlap where nobody can tell which came first:
//
//   - two renews, or two releases or cancels: what is free after both is the
//     same in either order;
//   - two acquires that share neither a limit nor an id, unless one of them
//     may make limits, whose number is bounded.
//
// All others (an acquire beside a release, two acquires of one limit) run one
// after the other. So the list is cut into stretches within which no two
// operations can tell their order; a stretch runs at once, the next one when
// all of it has been answered. A caller that needs no order says unordered.

const batchWorkers = 64 // operations of a batch under way at a time

// operation is one operation of a batch.
type operation struct {
	op      command.Op
	acquire *acquireCall // where it is one
	refused error        // why the caller may not do it
	started bool
	answer  fsm.Answer
	err     error
}

// batch serves POST /v1/batch.
func (c *call) batch() error {
	var list []operation
	unordered := false
	err := c.decode(func(r *strict.Reader) { list, unordered = readBatch(r) })
	if err != nil {
		return err
	}
	if err := c.nameAcquires(list); err != nil {
		return err
	}
	c.judgeAll(list)
	ctx, cancel := context.WithTimeout(c.r.Context(), c.timeout)
	defer cancel()
	for rest := list; len(rest) > 0; {
		n := len(rest)
		if !unordered {
			n = stretch(rest)
		}
		c.runAll(ctx, rest[:n])
		rest = rest[n:]
	}
	if c.r.Context().Err() != nil {
		c.takeBack(list)
		return errGone
	}
	return c.answerBatch(list)
}

// nameAcquires settles the ids of the acquires that have none: made of the
// batch's idempotency key, the same on every node, or new ones.
func (c *call) nameAcquires(list []operation) (err error) {
	for i := range list {
		q := list[i].acquire
		switch {
		case q == nil || q.id != "":
		case c.key != "":
			q.id = c.batchID(i)
		default:
			if q.id, err = c.api.randomText(idLength); err != nil {
				return err
			}
			q.made = true
		}
	}
	return nil
}

// judgeAll asks of each operation whether the caller may do it.
func (c *call) judgeAll(list []operation) {
	if c.caller.Everywhere(command.VerbAcquire) {
		return
	}
	for i := range list {
		if q := list[i].acquire; q != nil {
			list[i].refused = c.mayAcquire(q.op.Entries)
		} else {
			list[i].refused = c.mayReach(command.VerbAcquire, list[i].op)
		}
	}
}

// stretch returns how many operations at the head of list may overlap.
func stretch(list []operation) int {
	if list[0].acquire != nil {
		return acquireStretch(list)
	}
	renews := list[0].op.Kind() == command.KindRenew
	for n, o := range list {
		if o.acquire != nil || (o.op.Kind() == command.KindRenew) != renews {
			return n
		}
	}
	return len(list)
}

// acquireStretch is stretch for a list that begins with an acquire.
func acquireStretch(list []operation) int {
	ids, limits := map[string]bool{}, map[string]bool{}
	for n, o := range list {
		if o.acquire == nil || ids[o.acquire.id] || n > 0 && o.acquire.op.Missing == command.MissingCreate {
			return n
		}
		ids[o.acquire.id] = true
		for _, e := range o.acquire.op.Entries {
			if limits[e.Name] {
				return n
			}
		}
		for _, e := range o.acquire.op.Entries {
			limits[e.Name] = true
		}
		if o.acquire.op.Missing == command.MissingCreate {
			return n + 1
		}
	}
	return len(list)
}

// runAll runs the operations of one stretch, a bounded number at a time. Those
// that the time does not suffice for are not begun.
func (c *call) runAll(ctx context.Context, list []operation) {
	if len(list) == 1 {
		c.runOne(ctx, &list[0])
		return
	}
	var group sync.WaitGroup
	next := make(chan *operation)
	for range min(batchWorkers, len(list)) {
		group.Go(func() {
			for o := range next {
				c.runOne(ctx, o)
			}
		})
	}
	for i := range list {
		next <- &list[i]
	}
	close(next)
	group.Wait()
}

// runOne runs an operation. A panic, which only the goroutine that it happens
// in can catch, is that operation's failure.
func (c *call) runOne(ctx context.Context, o *operation) {
	if o.refused != nil {
		return
	}
	if o.err = ctx.Err(); o.err != nil {
		return
	}
	defer func() {
		if fault := recover(); fault != nil {
			o.err = fmt.Errorf("an operation of a batch panicked: %v", fault)
		}
	}()
	o.started = true
	cmd := command.Command{Op: o.op}
	if o.acquire != nil {
		cmd.ID = o.acquire.id
	}
	o.answer, o.err = c.api.cfg.Backend.Run(ctx, cmd, 0)
}

// takeBack gives back what nobody has been told of.
func (c *call) takeBack(list []operation) {
	var group sync.WaitGroup
	slots := make(chan struct{}, batchWorkers)
	for _, o := range list {
		if o.acquire == nil || !o.acquire.made || !o.started || o.err == nil && !keepsSomething(o.answer.Result) {
			continue
		}
		slots <- struct{}{}
		group.Go(func() {
			c.api.abandon(c.r.Context(), o.acquire.id)
			<-slots
		})
	}
	group.Wait()
}

// answerBatch tells the results in the order of the list.
func (c *call) answerBatch(list []operation) error {
	results := make([]wire.Result, len(list))
	for i := range list {
		o := &list[i]
		out := c.operationOutcome(o)
		if o.err == nil && (!c.placed || o.answer.Index > c.index) {
			c.place(o.answer.Index, o.answer.Time)
		}
		if out.problem != nil {
			out.problem.RequestID = c.id
			out.status, out.body = out.problem.Status, out.problem
		}
		body, err := appendBody(nil, out.body)
		if err != nil {
			return err
		}
		results[i] = wire.Result{Status: out.status, Body: json.RawMessage(body)}
	}
	if err := c.json(http.StatusOK, wire.Batch{Results: results}); err != nil {
		return err
	}
	if http.NewResponseController(c.w).Flush() != nil {
		c.takeBack(list)
	}
	return nil
}

// operationOutcome renders how one operation ended.
func (c *call) operationOutcome(o *operation) outcome {
	switch {
	case o.refused != nil:
		return outcome{problem: c.asProblem(o.refused)}
	case !o.started:
		p := wire.NewProblem(wire.CodeNoLeader, "the batch's time ran out before this operation was begun")
		p.Hint = "send it again, with fewer operations or a longer " + wire.HeaderTimeout
		return outcome{problem: p}
	case o.err != nil:
		out := outcome{problem: c.asProblem(c.backendError(o.err, wire.CodeOutcomeUnknown))}
		if o.acquire != nil {
			out.problem.ID = o.acquire.id
		}
		return out
	}
	out := c.outcome(o.answer.Result)
	if o.acquire != nil {
		c.api.metrics.acquired(o.answer.Result)
		c.pointAt(out.problem, o.answer.Result, o.acquire.op.Entries)
	}
	return out
}

// readBatch walks the body of a batch.
func readBatch(r *strict.Reader) (list []operation, unordered bool) {
	if !r.Object() {
		return nil, false
	}
	for r.Field() {
		switch string(r.Key()) {
		case "operations":
			list = readList(r, func() operation { return readOperation(r) })
		case "unordered":
			unordered = r.Bool()
		default:
			r.Unknown("operations", "unordered")
		}
	}
	if n := len(list); n == 0 || n > wire.MaxOperations {
		r.FaultAt("operations", "must be 1 to %d operations", wire.MaxOperations)
	}
	return list, unordered
}

// takeKey takes an operation's idempotency key for the acquire's id, as
// nameAcquire does with the header.
func (q *acquireCall) takeKey(r *strict.Reader, key string) {
	switch q.id {
	case "":
		q.id = key
	case key:
	default:
		r.FaultAt("key", "differs from the acquire's id; one of them is enough")
	}
}

func readOperation(r *strict.Reader) (o operation) {
	if !r.Object() {
		return o
	}
	given, key := 0, ""
	for r.Field() {
		given++
		switch string(r.Key()) {
		case "acquire":
			o.acquire = new(acquireCall)
			o.acquire.read(r)
			o.op = &o.acquire.op
		case "release":
			op := new(command.Release)
			readRelease(r, op)
			o.op = op
		case "renew":
			op := new(command.Renew)
			readRenew(r, op)
			o.op = op
		case "cancel":
			op := new(command.Cancel)
			readCancel(r, op)
			o.op = op
		case "key":
			key = readID(r)
			given--
		default:
			r.Unknown("acquire", "release", "renew", "cancel", "key")
			given--
		}
	}
	if given != 1 {
		r.Fault("must be exactly one of acquire, release, renew, cancel")
	}
	if o.acquire != nil && key != "" {
		o.acquire.takeKey(r, key)
	}
	return o
}
