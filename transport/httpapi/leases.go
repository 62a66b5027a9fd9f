package httpapi

import (
	"net/http"
	"strconv"
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
	out := wire.Leases{Leases: make([]wire.Lease, len(list))}
	for i, l := range list {
		out.Leases[i] = lease(l)
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
		p := &command.Problem{Code: command.CodeLeaseNotFound}
		w := c.refusal(p)
		w.Detail = "no lease has the token " + strconv.FormatUint(token, 10)
		return w
	}
	return c.json(http.StatusOK, lease(l))
}

// forceRelease serves DELETE /v1/leases/{token}.
func (c *call) forceRelease() error {
	token, err := c.pathToken()
	if err != nil {
		return err
	}
	if _, err := c.write(&command.ForceRelease{Token: token}); err != nil {
		return err
	}
	return c.empty()
}
