package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/limitd/limitd/transport/wire"
)

// CreateLimit makes a limit. Its error is ErrLimitExists where one of that name
// exists; PutLimit does not mind.
func (c *Client) CreateLimit(ctx context.Context, name string, s LimitSettings) (*Limit, error) {
	body := s.request()
	body.Name = name
	return c.writeLimit(ctx, http.MethodPost, "", body, "")
}

// PutLimit makes a limit, or gives the one that exists exactly these settings.
// Leases and queue stay.
func (c *Client) PutLimit(ctx context.Context, name string, s LimitSettings) (*Limit, error) {
	return c.writeLimit(ctx, http.MethodPut, name, s.request(), "")
}

// UpdateLimit reads a limit, has change change it, and writes it back: the
// settings, and the name, by which it is renamed. Where somebody else changed
// the limit meanwhile it begins anew, so change may be called several times.
//
//	_, err := c.UpdateLimit(ctx, "db", func(l *client.Limit) { l.Slots++ })
func (c *Client) UpdateLimit(ctx context.Context, name string, change func(*Limit)) (*Limit, error) {
	for {
		was, err := c.Limit(ctx, name)
		if err != nil {
			return nil, err
		}
		will := *was
		will.Labels = make(map[string]string, len(was.Labels))
		for key, value := range was.Labels {
			will.Labels[key] = value
		}
		change(&will)
		now, err := c.writeLimit(ctx, http.MethodPatch, name, will.patch(was), fmt.Sprintf("%q", fmt.Sprint(was.Revision)))
		if !errors.Is(err, ErrRevision) {
			return now, err
		}
	}
}

// EnableLimit turns a limit on, DisableLimit off: while it is off, nothing of it
// is counted and nobody blocked, and who waits for it is let through.
func (c *Client) EnableLimit(ctx context.Context, name string) (*Limit, error) {
	return c.setActive(ctx, name, true)
}

// DisableLimit turns a limit off. See EnableLimit.
func (c *Client) DisableLimit(ctx context.Context, name string) (*Limit, error) {
	return c.setActive(ctx, name, false)
}

func (c *Client) setActive(ctx context.Context, name string, active bool) (*Limit, error) {
	return c.writeLimit(ctx, http.MethodPatch, name, wire.LimitPatch{Active: &active}, "")
}

// DeleteLimit deletes a limit. Leases on it lose it and keep their others; who
// waits for it gets ErrLimitDeleted.
func (c *Client) DeleteLimit(ctx context.Context, name string) error {
	x, err := c.onLimit(http.MethodDelete, name, "")
	if err != nil {
		return err
	}
	return c.write(ctx, x, nil)
}

// ResetLimit frees all that is occupied, and returns how many slots that were.
// Leases on the limit live on without it: their holders are not told.
func (c *Client) ResetLimit(ctx context.Context, name string) (freed int64, err error) {
	x, err := c.onLimit(http.MethodPost, name, "/reset")
	if err != nil {
		return 0, err
	}
	var out wire.Freed
	err = c.write(ctx, x, &out)
	return out.Freed, err
}

// Limit reads a limit.
func (c *Client) Limit(ctx context.Context, name string, options ...ReadOption) (*Limit, error) {
	x, err := c.onLimit(http.MethodGet, name, "", options...)
	if err != nil {
		return nil, err
	}
	var out wire.Limit
	if err := c.do(ctx, x, &out); err != nil {
		return nil, err
	}
	return limitOf(&out), nil
}

// writeLimit sends body to the limit of that name, "" to all of them, where its
// revision matches.
func (c *Client) writeLimit(ctx context.Context, method, name string, body any, match string) (*Limit, error) {
	x := c.exchange(method, "/v1/limits")
	if method != http.MethodPost {
		var err error
		if x, err = c.onLimit(method, name, ""); err != nil {
			return nil, err
		}
	}
	x.body, x.match = encode(body), match
	var out wire.Limit
	if err := c.write(ctx, x, &out); err != nil {
		return nil, err
	}
	return limitOf(&out), nil
}

// onLimit is an exchange about one limit. A name that no limit can have is
// refused here, because it may mean another path.
func (c *Client) onLimit(method, name, below string, options ...ReadOption) (exchange, error) {
	if wrong := wire.CheckName(name); wrong != "" {
		return exchange{}, invalid(fmt.Sprintf("%q is not the name of a limit: it %s", name, wrong), "")
	}
	x := c.exchange(method, "/v1/limits/"+name+below)
	x.route, x.query = "/v1/limits/{name}"+below, reading(options)
	return x, nil
}

// write sends x, which has one effect however often it is sent.
func (c *Client) write(ctx context.Context, x exchange, out any) error {
	x.key = c.newID()
	return c.do(ctx, x, out)
}

// do sends x until there is an answer, as a call of its own.
func (c *Client) do(ctx context.Context, x exchange, out any) error {
	ctx, over, err := c.calling(ctx)
	if err != nil {
		return err
	}
	defer over()
	return c.persist(ctx, x, out)
}
