package prefect

import (
	"errors"
	"net/http"
	"time"

	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
	"github.com/limitd/limitd/transport/decay"
	"github.com/limitd/limitd/transport/prefect/lax"
	"github.com/limitd/limitd/transport/wire"
)

const mostListed = 200 // limits that one answer lists

// filterLimits serves POST /filter: the limits ordered by name.
func (c *call) filterLimits() error {
	form := lax.Parameters(c.body, "limit", "offset")
	limitOf, offset := form.Int("limit", lax.Optional), form.Int("offset", lax.Optional, lax.AtLeast(0))
	if err := check(form); err != nil {
		return err
	}
	n, skipped := mostListed, 0
	switch {
	case limitOf == nil:
	case *limitOf > mostListed:
		return &failure{kind: refused, text: "Invalid limit: must be less than or equal to 200."}
	case *limitOf < 0:
		return &failure{kind: refused, text: "Invalid limit: must be greater than or equal to 0."}
	default:
		n = int(*limitOf)
	}
	if offset != nil {
		skipped = int(*offset)
	}
	var list []command.Limit
	if err := c.read(func(s *limit.State) { list = c.visible(s, skipped, n) }); err != nil {
		return err
	}
	out := make([]limitBody, len(list))
	for i, l := range list {
		out[i] = showLimit(l)
	}
	c.json(http.StatusOK, out)
	return nil
}

// visible returns at most n of the limits that the caller may read, ordered by
// name, without the first skipped.
func (c *call) visible(s *limit.State, skipped, n int) (list []command.Limit) {
	if c.caller.Everywhere(command.VerbRead) {
		return s.LimitsFrom(skipped, n)
	}
	for from := 0; from < mostLooked && len(list) < n; from += mostListed {
		page := s.LimitsFrom(from, mostListed)
		for _, l := range page {
			switch {
			case len(list) == n || !c.caller.May(command.VerbRead, l.Name):
			case skipped > 0:
				skipped--
			default:
				list = append(list, l)
			}
		}
		if len(page) < mostListed {
			break
		}
	}
	return list
}

// mostLooked is how many limits one list looks at, so that Apply does not wait
// for a client that may read hardly any.
const mostLooked = 10_000

// read reads the state as it is now.
func (c *call) read(read func(*limit.State)) error {
	ctx, cancel := c.limited()
	defer cancel()
	if err := c.api.cfg.Backend.Read(ctx, read); err != nil {
		return c.backendError(err)
	}
	return nil
}

// named reads the limit that the path names, by its id or its name, for a caller
// who needs this verb on it. One who may not read a limit is told the same as where
// there is none.
func (c *call) named(verb command.Verb) (l command.Limit, err error) {
	id, why := lax.ParseUUID(c.param)
	if why != "" {
		if err := c.may(verb, c.param); err != nil {
			return l, err
		}
	}
	found := false
	err = c.read(func(s *limit.State) {
		if why == "" {
			l, found = s.LimitByID(id)
		} else {
			l, found = s.Limit(c.param)
		}
	})
	switch {
	case err != nil:
		return l, err
	case !found || why == "" && !c.caller.May(command.VerbRead, l.Name):
		return l, &failure{kind: noLimit}
	}
	return l, c.mayUnnamed(verb, "this limit", l.Name)
}

// getLimit serves GET /{id_or_name}.
func (c *call) getLimit() error {
	if foreign, err := c.isForeignParam(); err != nil || foreign {
		return c.passOnUnless(err)
	}
	l, err := c.named(command.VerbRead)
	if err != nil {
		return err
	}
	c.json(http.StatusOK, showLimit(l))
	return nil
}

// createLimit serves POST /. A limit that exists only because an acquire named it
// is no obstacle.
func (c *call) createLimit() error {
	form := lax.Model(c.document())
	f := readFields(form, lax.Optional)
	if err := check(form); err != nil {
		return err
	}
	if err := c.may(command.VerbManage, *f.name); err != nil {
		return err
	}
	put := &command.PutLimit{Name: *f.name, Mode: command.PutCreate, Settings: command.LimitSettings{
		Slots: *f.limit, Active: f.active == nil || *f.active, Rate: command.Rate{Text: "0/s"},
	}}
	if f.decay != nil {
		put.Settings.Rate = *f.decay
	}
	l, err := c.writeLimit(put)
	if isKind(err, conflict) {
		l, err = c.takeOver(put)
	}
	if err != nil {
		return err
	}
	if f.occupied != nil && *f.occupied > 0 {
		if l, err = c.occupy(l, *f.occupied); err != nil {
			return err
		}
	}
	c.json(http.StatusCreated, showCreated(l))
	return nil
}

func isKind(err error, k kind) bool {
	var f *failure
	return errors.As(err, &f) && f.kind == k
}

// takeOver gives an implicit limit the settings of put.
func (c *call) takeOver(put *command.PutLimit) (l command.Limit, err error) {
	if err := c.read(func(s *limit.State) { l, _ = s.Limit(put.Name) }); err != nil {
		return l, err
	}
	if !l.Implicit {
		return l, &failure{kind: conflict}
	}
	put.Mode, put.IfRevision = command.PutReplace, &l.Revision
	return c.writeLimit(put)
}

// writeLimit runs op and returns the limit as it is then.
func (c *call) writeLimit(op command.Op) (l command.Limit, err error) {
	answer, err := c.run(op)
	if err != nil {
		return l, err
	}
	switch r := answer.Result.(type) {
	case *command.Limit:
		return *r, nil
	case *command.Problem:
		if r.Code == command.CodeRevisionMismatch {
			return l, &failure{kind: conflict}
		}
		return l, refusal(r)
	}
	return l, unexpected(answer.Result)
}

// occupy sets how many slots of a limit are occupied; its leases keep theirs.
func (c *call) occupy(l command.Limit, slots int64) (command.Limit, error) {
	return c.writeLimit(&command.SetActive{Name: l.Name, Slots: slots})
}

// updateLimit serves PATCH /{id_or_name}.
func (c *call) updateLimit() error {
	if foreign, err := c.isForeignParam(); err != nil || foreign {
		return c.passOnUnless(err)
	}
	form := lax.Model(c.document())
	f := readFields(form, lax.Nullable)
	if err := check(form); err != nil {
		return err
	}
	l, err := c.named(command.VerbManage)
	if err != nil {
		return err
	}
	if f.name != nil {
		if err := c.may(command.VerbManage, *f.name); err != nil {
			return err
		}
	}
	if f.nulls {
		return &failure{kind: conflict} // as a database says it that takes no nulls
	}
	if f.changes() || f.occupied == nil { // nothing at all is an edit, too
		if l, err = c.change(l, f); err != nil {
			return err
		}
	}
	if f.occupied != nil {
		slots := *f.occupied
		if f.form {
			slots = min(slots, l.Occupied)
		}
		if _, err = c.occupy(l, slots); err != nil {
			return err
		}
	}
	c.empty()
	return nil
}

// change writes the settings in f to the limit that the path names: l, unless
// it has been changed meanwhile.
func (c *call) change(l command.Limit, f fields) (command.Limit, error) {
	for {
		changed, err := c.writeLimit(&command.UpdateLimit{
			Name: l.Name, IfRevision: &l.Revision,
			NewName: f.name, Slots: f.limit, Active: f.active, Rate: f.decay,
		})
		if !isKind(err, conflict) && !isKind(err, noLimit) {
			return changed, err
		}
		now, rerr := c.named(command.VerbManage)
		if rerr != nil {
			return l, rerr
		}
		if now.Name == l.Name && now.Revision == l.Revision {
			return l, err // the new name is taken
		}
		l = now
	}
}

// deleteLimit serves DELETE /{id_or_name}.
func (c *call) deleteLimit() error {
	if foreign, err := c.isForeignParam(); err != nil || foreign {
		return c.passOnUnless(err)
	}
	for {
		l, err := c.named(command.VerbManage)
		if err != nil {
			return err
		}
		answer, err := c.run(&command.DeleteLimit{Name: l.Name, IfRevision: &l.Revision})
		if err != nil {
			return err
		}
		p, failed := answer.Result.(*command.Problem)
		switch {
		case !failed:
			c.empty()
			return nil
		case p.Code != command.CodeRevisionMismatch && p.Code != command.CodeLimitNotFound:
			return refusal(p)
		}
	}
}

// limitBody is a limit as it is read.
type limitBody struct {
	ID       string  `json:"id"`
	Created  string  `json:"created"`
	Updated  string  `json:"updated"`
	Active   bool    `json:"active"`
	Name     string  `json:"name"`
	Limit    int64   `json:"limit"`
	Occupied int64   `json:"active_slots"`
	Decay    float64 `json:"slot_decay_per_second"`
}

func showLimit(l command.Limit) limitBody {
	return limitBody{
		ID: wire.UUID(l.UUID), Created: stamp(l.CreatedWall), Updated: stamp(l.UpdatedWall), Active: l.Settings.Active,
		Name: l.Name, Limit: l.Settings.Slots, Occupied: l.Occupied, Decay: decay.PerSecond(l.Settings.Rate),
	}
}

// createdBody is a limit as its creation is answered.
type createdBody struct {
	ID        string  `json:"id"`
	Created   string  `json:"created"`
	Updated   string  `json:"updated"`
	Active    bool    `json:"active"`
	Name      string  `json:"name"`
	Limit     int64   `json:"limit"`
	Occupied  int64   `json:"active_slots"`
	Denied    int64   `json:"denied_slots"`
	Decay     float64 `json:"slot_decay_per_second"`
	Occupancy float64 `json:"avg_slot_occupancy_seconds"`
}

// guessedOccupancy is what Prefect's server says of a limit that nobody has used.
const guessedOccupancy = 2 * time.Second

func showCreated(l command.Limit) createdBody {
	b := showLimit(l)
	average := time.Duration(l.AvgOccupancy)
	if average == 0 {
		average = guessedOccupancy
	}
	return createdBody{
		ID: b.ID, Created: b.Created, Updated: b.Updated, Active: b.Active, Name: b.Name, Limit: b.Limit,
		Occupied: b.Occupied, Denied: l.Denied, Decay: b.Decay, Occupancy: average.Seconds(),
	}
}

// stamp writes unix ns, for display.
func stamp(ns int64) string { return time.Unix(0, ns).UTC().Format("2006-01-02T15:04:05.000000Z") }
