package httpapi

import (
	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/transport/httpapi/strict"
	"github.com/limitd/limitd/transport/wire"
)

// release serves POST /v1/release.
func (c *call) release() error {
	var op command.Release
	if err := c.decode(func(r *strict.Reader) { readRelease(r, &op) }); err != nil {
		return err
	}
	return c.perform(&op)
}

// renew serves POST /v1/renew.
func (c *call) renew() error {
	var op command.Renew
	if err := c.decode(func(r *strict.Reader) { readRenew(r, &op) }); err != nil {
		return err
	}
	return c.perform(&op)
}

// cancel serves POST /v1/cancel.
func (c *call) cancel() error {
	var op command.Cancel
	if err := c.decode(func(r *strict.Reader) { readCancel(r, &op) }); err != nil {
		return err
	}
	return c.perform(&op)
}

// perform runs an operation that is harmless to repeat, and so has no id, and
// answers with its outcome.
func (c *call) perform(op command.Op) error {
	if err := c.mayReach(command.VerbAcquire, op); err != nil {
		return err
	}
	answer, err := c.run("", op)
	if err != nil {
		return err
	}
	out := c.outcome(answer.Result)
	if out.problem != nil {
		return out.problem
	}
	return c.json(out.status, out.body)
}

func readRelease(r *strict.Reader, op *command.Release) {
	if !r.Object() {
		return
	}
	given := 0
	for r.Field() {
		switch string(r.Key()) {
		case "token":
			op.Token = uint64(r.Int(1, wire.MaxInteger))
			given++
		case "id":
			op.ID = readID(r)
			given++
		default:
			r.Unknown("token", "id")
		}
	}
	if given != 1 {
		r.FaultAt("token", "exactly one of token and id is required")
	}
}

func readRenew(r *strict.Reader, op *command.Renew) {
	if !r.Object() {
		return
	}
	for r.Field() {
		switch string(r.Key()) {
		case "tokens":
			op.Tokens = readList(r, func() uint64 { return uint64(r.Int(1, wire.MaxInteger)) })
		case "ids":
			op.IDs = readList(r, func() string { return readID(r) })
		case "ttl":
			op.TTL = int64(r.Duration(wire.MinTTL, wire.MaxTTL))
		default:
			r.Unknown("tokens", "ids", "ttl")
		}
	}
	if n := len(op.Tokens) + len(op.IDs); n == 0 || n > wire.MaxRenew {
		r.FaultAt("tokens", "1 to %d tokens and ids must be named", wire.MaxRenew)
	}
	size := 0
	for _, id := range op.IDs {
		size += len(id)
	}
	if size > wire.MaxRenewBytes {
		r.FaultAt("ids", "must not be longer than %d bytes together; use tokens", wire.MaxRenewBytes)
	}
}

func readCancel(r *strict.Reader, op *command.Cancel) {
	if !r.Object() {
		return
	}
	given := false
	for r.Field() {
		switch string(r.Key()) {
		case "id":
			op.ID, given = readID(r), true
		default:
			r.Unknown("id")
		}
	}
	if !given {
		r.FaultAt("id", "is required")
	}
}

// readList reads an array of the items that item reads.
func readList[T any](r *strict.Reader, item func() T) (list []T) {
	if !r.Array() {
		return nil
	}
	for r.Item() {
		list = append(list, item())
	}
	return list
}
