package httpapi

import (
	"net/http"
	"time"

	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
	"github.com/limitd/limitd/transport/wire"
)

// listLeases serves GET /v1/leases.
func (c *call) listLeases() error {
	filter, err := c.leaseFilter()
	if err != nil {
		return err
	}
	p, err := c.page()
	if err != nil {
		return err
	}
	after, err := p.afterNumber()
	if err != nil {
		return err
	}
	var list []limit.Lease
	next := uint64(0)
	if err := c.read(func(s *limit.State) { list, next = s.Leases(filter, after, p.size) }); err != nil {
		return err
	}
	out := wire.Leases{Leases: make([]wire.Lease, 0, len(list))}
	for _, l := range list {
		if c.caller.Check(command.VerbRead, limitsOf(l)...) == nil {
			out.Leases = append(out.Leases, lease(l))
		}
	}
	if next != 0 {
		out.NextPageToken = p.nextNumber(next)
	}
	return c.json(http.StatusOK, out)
}

// leaseFilter reads limit, owner and older_than.
func (c *call) leaseFilter() (limit.LeaseFilter, error) {
	f := limit.LeaseFilter{Limit: c.query.Get("limit"), Owner: c.query.Get("owner")}
	var faults []wire.FieldError
	if f.Limit != "" {
		if wrong := wire.CheckName(f.Limit); wrong != "" {
			faults = append(faults, wire.FieldError{Field: "limit", Detail: wrong})
		}
	}
	if text := c.query.Get("older_than"); text != "" {
		d, err := time.ParseDuration(text)
		if err != nil || d < 0 {
			faults = append(faults, wire.FieldError{Field: "older_than", Detail: `must be a duration such as "10m"`})
		}
		f.OlderThan = int64(d)
	}
	return f, invalid(faults)
}

// getLease serves GET /v1/leases/{token}.
func (c *call) getLease() error {
	token, err := c.pathToken()
	if err != nil {
		return err
	}
	var l limit.Lease
	var found bool
	if err := c.read(func(s *limit.State) { l, found = s.Lease(token) }); err != nil {
		return err
	}
	if !found {
		return c.missing(token)
	}
	if err := c.may(command.VerbRead, limitsOf(l)...); err != nil {
		return err
	}
	return c.json(http.StatusOK, lease(l))
}

// forceRelease serves DELETE /v1/leases/{token}.
func (c *call) forceRelease() error {
	token, err := c.pathToken()
	if err != nil {
		return err
	}
	op := &command.ForceRelease{Token: token}
	if err := c.mayReach(command.VerbManage, op); err != nil {
		return err
	}
	if _, err := c.write(op); err != nil {
		return err
	}
	return c.empty()
}

// limitsOf names the limits of a lease.
func limitsOf(l limit.Lease) (names []string) {
	for _, g := range l.Limits {
		names = append(names, g.Name)
	}
	return names
}
