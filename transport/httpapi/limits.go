package httpapi

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
	"github.com/limitd/limitd/transport/httpapi/strict"
	"github.com/limitd/limitd/transport/wire"
)

// listLimits serves GET /v1/limits.
func (c *call) listLimits() error {
	filter, err := c.limitFilter()
	if err != nil {
		return err
	}
	if !c.caller.Everywhere(command.VerbRead) {
		filter.May = func(name string) bool { return c.caller.May(command.VerbRead, name) }
	}
	page, err := c.page()
	if err != nil {
		return err
	}
	var list []command.Limit
	next := ""
	err = c.read(func(s *limit.State) { list, next = s.Limits(filter, page.after, page.size) })
	if err != nil {
		return err
	}
	out := wire.Limits{Limits: make([]wire.Limit, 0, len(list))}
	for _, l := range list {
		out.Limits = append(out.Limits, limitBody(l))
	}
	if next != "" {
		out.NextPageToken = page.next(next)
	}
	return c.json(http.StatusOK, out)
}

// limitFilter reads prefix and label.
func (c *call) limitFilter() (limit.LimitFilter, error) {
	f := limit.LimitFilter{Prefix: c.query.Get("prefix")}
	for _, text := range c.query["label"] {
		key, value, ok := strings.Cut(text, "=")
		if !ok || key == "" {
			return f, invalid([]wire.FieldError{{Field: "label", Detail: "must be key=value"}})
		}
		f.Labels = append(f.Labels, command.Pair{Key: key, Value: value})
	}
	slices.SortFunc(f.Labels, func(x, y command.Pair) int { return strings.Compare(x.Key, y.Key) })
	return f, nil
}

// getLimit serves GET /v1/limits/{name}.
func (c *call) getLimit() error {
	if err := c.pathName(); err != nil {
		return err
	}
	var l command.Limit
	var found bool
	if err := c.read(func(s *limit.State) { l, found = s.Limit(c.param) }); err != nil {
		return err
	}
	if !found {
		return c.noLimit(c.param)
	}
	c.header(etagHeader, etag(l.Revision))
	if match, given := parseMatch(c.r.Header.Values("If-None-Match")); given && match.has(l.Revision, true) {
		c.head(http.StatusNotModified)
		return nil
	}
	return c.json(http.StatusOK, limitBody(l))
}

// noLimit tells that there is no limit of that name.
func (c *call) noLimit(name string) error {
	return c.refusal(&command.Problem{Code: command.CodeLimitNotFound, Limit: name})
}

// createLimit serves POST /v1/limits.
func (c *call) createLimit() error {
	var u command.UpdateLimit
	err := c.decode(func(r *strict.Reader) {
		u = readLimit(r, false)
		if u.NewName == nil {
			r.FaultAt("name", "is required")
		}
		requireSlots(r, &u)
	})
	if err != nil {
		return err
	}
	if err := c.may(command.VerbManage, *u.NewName); err != nil {
		return err
	}
	return c.writeLimit(&command.PutLimit{Name: *u.NewName, Settings: newSettings(&u), Mode: command.PutCreate})
}

// putLimit serves PUT /v1/limits/{name}.
func (c *call) putLimit() error {
	if err := c.pathName(); err != nil {
		return err
	}
	var u command.UpdateLimit
	err := c.decode(func(r *strict.Reader) {
		u = readLimit(r, false)
		if u.NewName != nil && *u.NewName != c.param {
			r.FaultAt("name", "differs from the name in the path; PATCH renames a limit")
		}
		requireSlots(r, &u)
	})
	if err != nil {
		return err
	}
	put := &command.PutLimit{Name: c.param, Settings: newSettings(&u), Mode: command.PutReplace}
	if values := c.r.Header.Values("If-None-Match"); len(values) > 0 {
		if match, _ := parseMatch(values); !match.any {
			return invalid([]wire.FieldError{{Field: "If-None-Match", Detail: "a write knows only *: the limit must not exist"}})
		}
		put.Mode = command.PutAbsent
	}
	return c.conditionally(func(revision *uint64) error {
		put.IfRevision = revision
		err := c.writeLimit(put)
		var p *wire.Problem
		if put.Mode == command.PutAbsent && errors.As(err, &p) && p.Code == wire.CodeRevisionMismatch {
			p.Hint = "leave If-None-Match out to replace its settings"
		}
		return err
	})
}

func requireSlots(r *strict.Reader, u *command.UpdateLimit) {
	if u.Slots == nil {
		r.FaultAt("slots", "is required")
	}
}

// newSettings returns the settings that u asks for, with the defaults of a new
// limit for the rest.
func newSettings(u *command.UpdateLimit) command.LimitSettings {
	s := command.LimitSettings{
		Slots: *u.Slots, Active: true,
		Rate: value(u.Rate), Shadow: value(u.Shadow), Numbered: value(u.Numbered),
		Grace: value(u.Grace), Description: value(u.Description),
	}
	if u.Active != nil {
		s.Active = *u.Active
	}
	if u.Labels != nil {
		s.Labels = u.Labels.Set
	}
	return s
}

func value[T any](p *T) (zero T) {
	if p == nil {
		return zero
	}
	return *p
}

// patchLimit serves PATCH /v1/limits/{name}.
func (c *call) patchLimit() error {
	if err := c.pathName(); err != nil {
		return err
	}
	var u command.UpdateLimit
	if err := c.decode(func(r *strict.Reader) { u = readLimit(r, true) }, wire.TypeMergePatch); err != nil {
		return err
	}
	if err := c.refuseIfNoneMatch(); err != nil {
		return err
	}
	if u.NewName != nil {
		if err := c.may(command.VerbManage, *u.NewName); err != nil {
			return err
		}
	}
	u.Name = c.param
	return c.conditionally(func(revision *uint64) error {
		u.IfRevision = revision
		return c.writeLimit(&u)
	})
}

// writeLimit runs op and answers with the limit as it is then.
func (c *call) writeLimit(op command.Op) error {
	result, err := c.write(op)
	if err != nil {
		return err
	}
	l, ok := result.(*command.Limit)
	if !ok {
		return unexpected(result)
	}
	c.header(etagHeader, etag(l.Revision))
	if !l.Created {
		return c.json(http.StatusOK, limitBody(*l))
	}
	c.header("Location", "/v1/limits/"+url.PathEscape(l.Name))
	return c.json(http.StatusCreated, limitBody(*l))
}

// write runs op under the request's idempotency key or a new id. A refusal
// comes back as a problem.
func (c *call) write(op command.Op) (command.Result, error) {
	id, err := c.writeID()
	if err != nil {
		return nil, err
	}
	return c.writeUnder(id, op)
}

// writeUnder runs op under id; "": it is not remembered.
func (c *call) writeUnder(id string, op command.Op) (command.Result, error) {
	answer, err := c.run(id, op)
	if err != nil {
		return nil, err
	}
	if p, ok := answer.Result.(*command.Problem); ok {
		w := c.refusal(p)
		w.Errors = clashing(op, w)
		return nil, w
	}
	return answer.Result, nil
}

// clashing names the setting for which the state machine refuses a limit: of what the
// body alone tells the reader has told, and what is left is at odds with numbered.
func clashing(op command.Op, p *wire.Problem) []wire.FieldError {
	field := "numbered"
	switch op := op.(type) {
	case *command.PutLimit:
	case *command.UpdateLimit:
		if op.Numbered == nil && op.Slots != nil && *op.Slots > wire.MaxOrdinals {
			field = "slots"
		}
	default:
		return nil
	}
	if p.Code != wire.CodeInvalidRequest {
		return nil
	}
	return []wire.FieldError{{Field: field, Detail: p.Detail}}
}

// deleteLimit serves DELETE /v1/limits/{name}.
func (c *call) deleteLimit() error {
	if err := c.pathName(); err != nil {
		return err
	}
	if err := c.refuseIfNoneMatch(); err != nil {
		return err
	}
	return c.conditionally(func(revision *uint64) error {
		if _, err := c.write(&command.DeleteLimit{Name: c.param, IfRevision: revision}); err != nil {
			return err
		}
		return c.empty()
	})
}

// resetLimit serves POST /v1/limits/{name}/reset.
func (c *call) resetLimit() error {
	if err := c.pathName(); err != nil {
		return err
	}
	if err := c.decodeOptional(noFields); err != nil {
		return err
	}
	result, err := c.write(&command.ResetLimit{Name: c.param})
	if err != nil {
		return err
	}
	freed, ok := result.(*command.Freed)
	if !ok {
		return unexpected(result)
	}
	return c.json(http.StatusOK, wire.Freed{Freed: freed.Slots, Replayed: freed.Replayed})
}
