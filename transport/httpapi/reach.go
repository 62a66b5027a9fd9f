package httpapi

import (
	"fmt"

	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
)

// Releases, renewals and cancels name a grant by its token, which is a number
// that anybody can guess, or by an id. Who may acquire on some limits only may
// end and renew grants of those alone.
//
// What the state at hand does not know is looked for in one that is up to date.
// A token that was not given even then is refused: it might be given to somebody
// else by the very next record. An id that nobody has used yet is taken, for
// a cancel may overtake its acquire (semantics.md S4): ids that others cannot
// guess, as the client library makes them, are a caller's own.

// mayReach returns an error where the caller may not do this to a grant or a
// place in the queue that op names.
func (c *call) mayReach(verb command.Verb, op command.Op) error {
	if c.caller.Everywhere(verb) {
		return nil
	}
	r := reach{tokens: tokensOf(op), ids: idsOf(op)}
	c.glance(r.look)
	if r.unknown != "" && !c.upToDate {
		if err := c.read(r.look); err != nil {
			return err
		}
		c.upToDate = true
	}
	if r.ungiven != 0 {
		return c.missing(r.ungiven)
	}
	return c.may(verb, r.limits...)
}

// missing tells that no grant has the token.
func (c *call) missing(token uint64) error {
	p := c.refusal(&command.Problem{Code: command.CodeLeaseNotFound})
	p.Detail = fmt.Sprintf("no lease has the token %d", token)
	return p
}

// reach is what is known of grants and places in the queue.
type reach struct {
	tokens  []uint64
	ids     []string
	limits  []string // that they are about
	unknown string   // one that the state does not know
	ungiven uint64   // a token that no grant has had so far
}

func (r *reach) look(s *limit.State) {
	r.limits, r.unknown, r.ungiven = nil, "", 0
	for _, token := range r.tokens {
		names, given := s.LimitsOfGrant(token)
		if r.limits = append(r.limits, names...); !given {
			r.unknown, r.ungiven = fmt.Sprint(token), token
		}
	}
	for _, id := range r.ids {
		names, known := s.LimitsOfRequest(id)
		if r.limits = append(r.limits, names...); !known {
			r.unknown = id
		}
	}
}

func tokensOf(op command.Op) []uint64 {
	switch op := op.(type) {
	case *command.Release:
		if op.Token != 0 {
			return []uint64{op.Token}
		}
	case *command.Renew:
		return op.Tokens
	case *command.ForceRelease:
		return []uint64{op.Token}
	}
	return nil
}

func idsOf(op command.Op) []string {
	switch op := op.(type) {
	case *command.Release:
		if op.ID != "" {
			return []string{op.ID}
		}
	case *command.Renew:
		return op.IDs
	case *command.Cancel:
		return []string{op.ID}
	}
	return nil
}

// limitsOfResult names the limits that the outcome of an acquire tells of.
func limitsOfResult(r command.Result) (names []string) {
	switch r := r.(type) {
	case *command.Granted:
		for _, l := range r.Limits {
			names = append(names, l.Name)
		}
	case *command.Denied:
		for _, b := range r.BlockedBy {
			names = append(names, b.Name)
		}
	case *command.Problem:
		if r.Limit != "" {
			names = []string{r.Limit}
		}
	}
	return names
}
