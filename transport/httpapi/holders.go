package httpapi

import (
	"net/http"

	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
	"github.com/limitd/limitd/transport/httpapi/strict"
	"github.com/limitd/limitd/transport/wire"
)

// numberedPage reads the page of a list about the limit in the path.
func (c *call) numberedPage() (p page, after uint64, err error) {
	if err = c.pathName(); err != nil {
		return p, 0, err
	}
	if p, err = c.page(); err != nil {
		return p, 0, err
	}
	after, err = p.afterNumber()
	return p, after, err
}

// listHolders serves GET /v1/limits/{name}/holders.
func (c *call) listHolders() error {
	p, after, err := c.numberedPage()
	if err != nil {
		return err
	}
	var list []limit.Holder
	var found bool
	err = c.read(func(s *limit.State) { list, found = s.Holders(c.param, after, p.size+1) })
	if err != nil {
		return err
	}
	if !found {
		return c.noLimit(c.param)
	}
	list, more := cut(list, p.size)
	out := wire.Holders{Holders: holders(list)}
	if more {
		out.NextPageToken = p.nextNumber(list[len(list)-1].Token)
	}
	return c.json(http.StatusOK, out)
}

func holders(list []limit.Holder) []wire.Holder {
	out := make([]wire.Holder, len(list))
	for i, h := range list {
		out[i] = wire.Holder{
			Kind: holderKind(h.Kind), ID: h.ID, Token: h.Token, Slots: h.Slots, Ordinals: h.Ordinals,
			Owner: owner(h.Owner), GrantedAt: wallTime(h.GrantedWall),
		}
		if h.Kind == limit.HolderLease || h.Kind == limit.HolderGrace {
			out[i].ExpiresIn = wire.Duration(h.ExpiresIn).Ptr()
		}
	}
	return out
}

func holderKind(k limit.HolderKind) string {
	switch k {
	case limit.HolderAnonymous:
		return wire.HolderAnonymous
	case limit.HolderRate:
		return wire.HolderRate
	case limit.HolderGrace:
		return wire.HolderGrace
	}
	return wire.HolderLease
}

// listQueue serves GET /v1/limits/{name}/queue.
func (c *call) listQueue() error {
	p, after, err := c.numberedPage()
	if err != nil {
		return err
	}
	var list []limit.Waiter
	var found bool
	err = c.read(func(s *limit.State) { list, found = s.Queue(c.param, after, p.size+1) })
	if err != nil {
		return err
	}
	if !found {
		return c.noLimit(c.param)
	}
	list, more := cut(list, p.size)
	out := wire.Queue{Waiters: make([]wire.Waiter, len(list))}
	for i, w := range list {
		out.Waiters[i] = wire.Waiter{
			ID: w.ID, Position: w.Position, Slots: w.Slots, Owner: owner(w.Owner),
			WaitingFor: wire.Duration(w.WaitingFor), DeadlineIn: wire.Duration(w.DeadlineIn),
			ParkedOn: c.readable(w.ParkedOn), Protected: w.Protected, Parted: w.Parted, EstimatedWait: known(w.EstimatedWait),
		}
	}
	if more {
		out.NextPageToken = p.nextNumber(list[len(list)-1].Age)
	}
	return c.json(http.StatusOK, out)
}

// readable returns the limit's name, or "" where the caller may not read that limit.
func (c *call) readable(name string) string {
	if c.caller.May(command.VerbRead, name) {
		return name
	}
	return ""
}

// explain serves POST /v1/explain.
func (c *call) explain() error {
	var entries []command.Entry
	if err := c.decode(func(r *strict.Reader) { entries = readExplain(r) }); err != nil {
		return err
	}
	for _, e := range entries {
		if err := c.may(command.VerbRead, e.Name); err != nil {
			return err
		}
	}
	var x limit.Explanation
	if err := c.read(func(s *limit.State) { x = s.Explain(entries) }); err != nil {
		return err
	}
	out := wire.Explanation{
		WouldGrant: x.WouldGrant, EstimatedWait: known(x.EstimatedWait), Quarantine: positive(x.Quarantine),
		Limits: make([]wire.ExplainedLimit, len(x.Limits)),
	}
	for i, l := range x.Limits {
		out.Limits[i] = wire.ExplainedLimit{
			Name: l.Name, Slots: l.Slots, Occupied: l.Occupied, Needed: l.Needed, Ahead: l.Ahead,
			FreeIn: known(l.FreeIn), Quarantined: l.Quarantined, Holders: holders(l.Holders),
		}
	}
	if x.Problem != nil {
		out.Problem = c.refusal(x.Problem)
		c.pointAt(out.Problem, x.Problem, entries)
		out.Problem.RequestID = c.id
	}
	return c.json(http.StatusOK, out)
}

func readExplain(r *strict.Reader) (entries []command.Entry) {
	if !r.Object() {
		return nil
	}
	mode, limits := command.Concurrency, false
	for r.Field() {
		switch string(r.Key()) {
		case "limits":
			entries, limits = readEntries(r, nil), true
		case "mode":
			mode = readMode(r)
		default:
			r.Unknown("limits", "mode")
		}
	}
	if !limits {
		r.FaultAt("limits", "is required")
	}
	settleModes(entries, mode)
	return entries
}
