package prefect

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
	"github.com/limitd/limitd/transport/prefect/lax"
	"github.com/limitd/limitd/transport/wire"
)

const (
	defaultDuration = 300 * time.Second // of a lease
	minDuration     = 60 * time.Second
	maxDuration     = 24 * time.Hour
)

// increment is a request for slots.
type increment struct {
	id     string // of the acquire; a lease's is the lease's
	op     command.Acquire
	hold   time.Duration // how long to be kept waiting
	leased bool          // a lease is asked for
	ttl    int64         // ns that the lease shall run
	sent   time.Time     // before that time began
	// nameless: slots are asked for that a decrement gives back.
	nameless bool
	// implicit tells to list limits that exist because they were named.
	implicit bool
	foreign  bool // it is about limits of the upstream server
}

// increment serves POST /increment: slots without a lease.
func (c *call) increment() error { return c.acquire(false) }

// incrementWithLease serves POST /increment-with-lease.
func (c *call) incrementWithLease() error { return c.acquire(true) }

func (c *call) acquire(leased bool) error {
	q, err := c.readIncrement(leased)
	if err != nil {
		return err
	}
	if q.foreign {
		return c.passOn()
	}
	if err := c.mayAcquire(q.op.Entries); err != nil {
		return err
	}
	if len(q.op.Entries) == 0 && !leased {
		c.json(http.StatusOK, []minimal{})
		return nil
	}
	answer, err := c.wait(q)
	if err != nil {
		return err
	}
	c.api.metrics.acquired(answer.Result)
	switch r := answer.Result.(type) {
	case *command.Granted:
		return c.answerGrant(q, answer.Index, r)
	case *command.Waiting:
		return &failure{kind: locked, after: comeAgain}
	case *command.Denied:
		return &failure{kind: locked, after: c.retryAfter(q, answer.Index, r)}
	case *command.Problem:
		return c.refuse(q, r)
	}
	return unexpected(answer.Result)
}

// readIncrement reads the body of both routes.
func (c *call) readIncrement(leased bool) (*increment, error) {
	q := &increment{leased: leased, hold: c.api.cfg.Hold}
	known := []string{"slots", "names", "mode", "create_if_missing"}
	if leased {
		known = append(known[:3], "lease_duration", "holder")
	}
	form := lax.Parameters(c.body, known...)
	slots, names, mode := readSlots(form)
	if leased {
		q.ttl = withAhead(readDuration(form))
		q.op.TTL = q.ttl
		q.op.Owner = c.owner(readHolder(form))
	} else {
		q.implicit = isTrue(form.Bool("create_if_missing", lax.Optional))
		q.nameless = mode == command.Concurrency
		q.op.Anonymous = q.nameless
		q.op.Owner = c.owner(holder{})
	}
	if err := check(form); err != nil {
		return nil, err
	}
	var err error
	if q.foreign, err = c.isForeign(names...); err != nil || q.foreign {
		return q, err
	}
	q.op.Missing = command.MissingSkip
	if c.api.cfg.CreateMissing && mode == command.Concurrency {
		q.op.Missing = command.MissingCreate
	}
	if q.op.Entries, err = entries(form, names, slots, mode); err != nil {
		return nil, err
	}
	return q, c.readWait(q)
}

// readSlots reads what all increments and decrements have.
func readSlots(form *lax.Object) (slots int64, names []string, mode command.Mode) {
	if n := form.Int("slots", lax.Required, lax.Above(0)); n != nil {
		slots = *n
	}
	names = form.Texts("names", lax.Required)
	if form.Word("mode", lax.Optional, wire.ModeConcurrency, wire.ModeRateLimit) == wire.ModeRateLimit {
		mode = command.RateLimit
	}
	return slots, names, mode
}

// readDuration reads how long a lease runs, in ns.
func readDuration(form *lax.Object) int64 {
	n := form.Number("lease_duration", lax.Optional, lax.AtMost(maxDuration.Seconds()), lax.AtLeast(minDuration.Seconds()))
	if n == nil {
		return int64(defaultDuration)
	}
	return int64(n.Value * float64(time.Second))
}

func isTrue(b *bool) bool { return b != nil && *b }

// entries makes the limits of an acquire of names: each once, as Prefect's
// server looks them up. A name that no limit can have is one that is missing.
func entries(form *lax.Object, names []string, slots int64, mode command.Mode) (list []command.Entry, err error) {
	seen := map[string]bool{}
	for _, name := range names {
		if seen[name] || limit.CheckName(name) != nil {
			continue
		}
		seen[name] = true
		list = append(list, command.Entry{Name: name, Slots: slots, Mode: mode})
	}
	if len(list) > command.MaxEntries {
		form.TooLong("names", command.MaxEntries, len(list))
	}
	return list, check(form)
}

// minimal is a limit as increments and decrements list it.
type minimal struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Limit int64  `json:"limit"`
}

// leaseBody is the answer to an increment with a lease.
type leaseBody struct {
	LeaseID string    `json:"lease_id"`
	Limits  []minimal `json:"limits"`
}

// answerGrant tells of a grant. One that cannot be told is given back.
func (c *call) answerGrant(q *increment, index uint64, g *command.Granted) error {
	list, err := c.listGranted(q, index, g)
	if err == nil {
		err = c.settleLease(q, g)
	}
	if err != nil {
		c.giveBack(q)
		return err
	}
	if c.r.Context().Err() != nil {
		c.giveBack(q)
		return errGone
	}
	if q.leased {
		c.api.fresh.granted(q.id, q.sent, q.ttl)
		c.json(http.StatusOK, leaseBody{q.id, list})
	} else {
		c.json(http.StatusOK, list)
	}
	if http.NewResponseController(c.w).Flush() != nil {
		c.giveBack(q)
	}
	return nil
}

// listGranted lists the limits of a grant. Those that exist only because
// somebody named them are not listed, unless asked for: to a client they are
// missing, so that "strict" keeps its meaning.
func (c *call) listGranted(q *increment, index uint64, g *command.Granted) ([]minimal, error) {
	implicit := map[[16]byte]bool{}
	if !q.implicit && slices.ContainsFunc(g.Limits, isIdle) {
		err := c.api.cfg.Backend.ReadAt(c.r.Context(), index, func(s *limit.State) {
			for _, l := range g.Limits {
				if now, ok := s.LimitByID(l.UUID); ok && now.Implicit {
					implicit[l.UUID] = true
				}
			}
		})
		if err != nil {
			return nil, c.backendError(err)
		}
	}
	list := make([]minimal, 0, len(g.Limits))
	for _, l := range g.Limits {
		if !implicit[l.UUID] {
			list = append(list, minimal{wire.UUID(l.UUID), l.Name, l.Capacity})
		}
	}
	return list, nil
}

// isIdle tells whether a grant may be on an inactive limit; implicit ones are.
func isIdle(l command.GrantedLimit) bool { return !l.Counted && !l.WouldDeny }

// settleLease makes of the lease that was granted what was asked for. Where the
// grant has none, since its slots come back by decay alone, it is one over no
// limit; one that was granted for a moment runs on, or ends without its slots.
func (c *call) settleLease(q *increment, g *command.Granted) error {
	switch {
	case q.leased && !g.Lease:
		return c.leaseOfNothing(q)
	case q.leased && g.TTL < q.ttl:
		return c.confirm(q)
	case !q.leased && g.Lease:
		return c.disown(q)
	}
	return nil
}

// disown makes the slots of a lease those of a client that knows no leases.
func (c *call) disown(q *increment) error {
	answer, err := c.run(&command.Disown{ID: q.id})
	if err != nil {
		return err
	}
	p, failed := answer.Result.(*command.Problem)
	switch {
	case failed && p.Code == command.CodeLeaseNotFound:
		return &failure{kind: locked, after: comeAgain} // the node was too slow
	case failed:
		return refusal(p)
	}
	return nil
}

// confirm lets a lease run as long as was asked for.
func (c *call) confirm(q *increment) error {
	q.sent = time.Now()
	answer, err := c.runUnder("", &command.Renew{IDs: []string{q.id}, TTL: q.ttl})
	if err != nil {
		return err
	}
	renewed, ok := answer.Result.(*command.Renewed)
	switch {
	case !ok:
		return unexpected(answer.Result)
	case renewed.Leases[0].State != command.LeaseHeld:
		return &failure{kind: locked, after: comeAgain} // the node was too slow
	}
	return nil
}

// leaseOfNothing takes a lease over no limit, for a grant that has none: its
// slots come back by decay alone, and the client still has an id to renew.
func (c *call) leaseOfNothing(q *increment) error {
	id, err := c.api.newID()
	if err != nil {
		return err
	}
	q.sent = time.Now()
	answer, err := c.runUnder(id, &command.Acquire{TTL: q.ttl, Owner: q.op.Owner})
	if err != nil {
		return err
	}
	if p, failed := answer.Result.(*command.Problem); failed {
		return refusal(p)
	}
	q.id = id
	return nil
}

// refuse tells why an increment can never succeed.
func (c *call) refuse(q *increment, p *command.Problem) error {
	if p.Code != command.CodeNoDecay {
		return refusal(p)
	}
	names := []string{p.Limit}
	_ = c.api.cfg.Backend.ReadAt(c.r.Context(), 0, func(s *limit.State) { // where it cannot be read, one is named
		names = withoutDecay(s, q.op.Entries, p.Limit)
	})
	return &failure{kind: refused, text: "Only concurrency limits with slot decay can be used for rate limiting. " +
		"The following limits do not have a decay configured: " + quote(strings.Join(names, ","))}
}

// withoutDecay lists the active limits without decay; one is known to be one.
func withoutDecay(s *limit.State, entries []command.Entry, known string) (names []string) {
	for _, e := range entries {
		l, ok := s.Limit(e.Name)
		if e.Name == known || ok && l.Settings.Active && !l.Settings.Shadow && l.Settings.Rate.IsZero() {
			names = append(names, e.Name)
		}
	}
	return names
}

// quote writes a text as Python's repr does.
func quote(text string) string {
	mark := "'"
	if strings.Contains(text, "'") && !strings.Contains(text, `"`) {
		mark = `"`
	}
	return mark + strings.NewReplacer(`\`, `\\`, mark, `\`+mark).Replace(text) + mark
}

// retryAfter returns when a client that was denied at once may try again: exactly
// where decay tells it, and else by how long slots were held on average, as far
// as Prefect's server would let it wait; with limits of both kinds the later of both.
func (c *call) retryAfter(q *increment, index uint64, d *command.Denied) time.Duration {
	after := time.Duration(d.RetryAfter)
	switch {
	case d.Expired:
		return comeAgain
	case after < 0:
		return time.Second
	case after > longestGuess:
		after = c.exactAfter(q, index, d.BlockedBy, after)
	}
	return max(after, comeAgain)
}

const longestGuess = 30 * time.Second

// exactAfter returns how much of after is no guess, and at least longestGuess where
// one of the limits does not decay.
func (c *call) exactAfter(q *increment, index uint64, list []command.Blocker, after time.Duration) time.Duration {
	exact, guessed := time.Duration(0), false
	err := c.api.cfg.Backend.ReadAt(c.r.Context(), index, func(s *limit.State) {
		for _, b := range list {
			if wait, decays := s.DecayAfter(b.Name, q.op.Entries[0].Slots); decays {
				exact = max(exact, time.Duration(wait))
			} else {
				guessed = true
			}
		}
	})
	switch {
	case err != nil:
		return longestGuess
	case !guessed:
		return after
	}
	return max(exact, longestGuess)
}
