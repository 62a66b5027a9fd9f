package prefect

import (
	"context"
	"time"

	"github.com/limitd/limitd/fsm"
	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
	"github.com/limitd/limitd/transport/drain"
)

// HeaderWait is a request's own say in how long it is held: "0s" is answered at
// once.
const HeaderWait = "Limitd-Wait"

const (
	// comeAgain is what a client is told whose place is kept for it.
	comeAgain = 10 * time.Millisecond
	// lapse is how long it is kept: for the round trip, and a client that is slow.
	lapse = 5 * time.Second
	// provisional is how long a lease runs that is granted to one who waited, until
	// this node has heard of it: should the node die before, its slots are free
	// again soon, and not only after the minutes that the client asked for.
	provisional = 10 * time.Second
	// spare keeps the deadline of a place behind the ends of hold and lapse.
	spare = 15 * time.Second
	// giveBackTime bounds the giving back of what a client never heard of.
	giveBackTime = 5 * time.Second
)

// readWait reads how long the increment may be held.
func (c *call) readWait(q *increment) error {
	text := c.r.Header.Get(HeaderWait)
	if text == "" {
		return nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 || d > MaxHold {
		return &failure{kind: badHeader, text: HeaderWait + " must be a duration of 0s to 40s"}
	}
	q.hold = d
	return nil
}

// wait runs an increment, and stays for its outcome until its hold is over.
//
// What fits is tried for at once, so that it costs one record. What waits is
// granted a lease for a moment only, whatever was asked for, until this node has
// heard of it: should the node die before, nobody is granted anything for long.
func (c *call) wait(q *increment) (fsm.Answer, error) {
	fits, rules := c.look(q)
	if q.hold == 0 || fits {
		answer, err := c.begin(q, 0)
		if _, denied := answer.Result.(*command.Denied); err != nil || !denied || q.hold == 0 {
			return answer, err
		}
	}
	q.op.Wait = int64(q.hold + lapse + spare)
	q.op.Family = c.family()
	if q.op.TTL = int64(provisional); rules >= command.KindDisown.Rules() {
		q.op.Anonymous = false
	}
	// A limit that is deleted meanwhile is one that is missing: the rest is asked
	// for again.
	for end := time.Now().Add(q.hold); ; {
		answer, err := c.begin(q, max(0, time.Until(end)))
		p, _ := answer.Result.(*command.Problem)
		if err != nil || p == nil || p.Code != command.CodeLimitDeleted {
			return answer, err
		}
	}
}

// look guesses by this node's own state whether the increment will be granted at
// once, and tells the rules in force.
func (c *call) look(q *increment) (fits bool, rules uint64) {
	fits, rules = true, 0 // where the state cannot be read, a try will tell
	_ = c.api.cfg.Backend.ReadAt(c.r.Context(), 0, func(s *limit.State) { fits, rules = s.Fits(q.op.Entries), s.Rules() })
	return fits, rules
}

// begin runs the increment under a new id, and keeps it open for hold.
func (c *call) begin(q *increment, hold time.Duration) (answer fsm.Answer, err error) {
	if q.id, err = c.api.newID(); err != nil {
		return answer, err
	}
	q.sent = time.Now()
	ctx, cancel := context.WithTimeout(c.r.Context(), hold+tryTime)
	defer cancel()
	var pass *drain.Pass
	if hold > 0 {
		var open bool
		if pass, open = c.api.cfg.Gate.Enter(cancel); !open {
			return fsm.Answer{}, c.shuttingDown()
		}
		defer pass.Leave()
	}
	cmd := command.Command{Header: command.Header{ID: q.id}, Op: &q.op}
	answer, err = c.api.cfg.Backend.Run(ctx, cmd, hold)
	drained := pass != nil && !pass.Leave()
	switch _, waits := answer.Result.(*command.Waiting); {
	case err == nil && !waits:
		return answer, nil
	case err == nil || drained && c.r.Context().Err() == nil:
		answer, err = c.part(q)
		if _, waits = answer.Result.(*command.Waiting); drained && waits {
			return answer, c.shuttingDown() // another node finds the place by its family
		}
	}
	if err != nil {
		c.giveBack(q)
		return answer, c.backendError(err)
	}
	return answer, nil
}

// part keeps the place of a waiting increment for the client that comes again,
// and returns how it stands then: a grant may have been quicker.
func (c *call) part(q *increment) (fsm.Answer, error) {
	ctx, cancel := c.limited()
	defer cancel()
	answer, err := c.api.cfg.Backend.Run(ctx, command.Command{Op: &command.Part{ID: q.id, Lapse: int64(lapse)}}, 0)
	if err != nil {
		return fsm.Answer{}, err
	}
	err = c.api.cfg.Backend.ReadAt(ctx, answer.Index, func(s *limit.State) {
		result, known := s.Acquire(q.id)
		if !known {
			result = &command.Problem{Code: command.CodeCancelled}
		}
		answer = fsm.Answer{Result: result, Index: s.Index(), Time: s.Time()}
	})
	return answer, err
}

// giveBack takes back an increment whose outcome its client will never hear: its
// wait is cancelled, its slots are freed, and it is barred from coming later.
// Tokens of a rate come back by decay.
func (c *call) giveBack(q *increment) {
	c.api.fresh.forget(q.id)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.r.Context()), giveBackTime)
	defer cancel()
	if err := c.api.takeBack(ctx, q); err != nil {
		c.api.cfg.Logger.Warn("an increment whose client has gone could not be taken back; its lease will end it, and slots without a lease stay",
			"id", q.id, "leased", q.leased, "err", err)
	}
}

func (a *API) takeBack(ctx context.Context, q *increment) error {
	answer, err := a.cfg.Backend.Run(ctx, command.Command{Op: &command.Cancel{ID: q.id}}, 0)
	if done, _ := answer.Result.(*command.Cancelled); err != nil || done == nil || done.Cancelled || !q.nameless {
		return err
	}
	var back []command.Entry
	err = a.cfg.Backend.ReadAt(ctx, answer.Index, func(s *limit.State) {
		result, _ := s.Acquire(q.id)
		if g, granted := result.(*command.Granted); granted {
			back = counted(g)
		}
	})
	if err != nil || len(back) == 0 {
		return err
	}
	id, err := a.newID()
	if err != nil {
		return err
	}
	_, err = a.cfg.Backend.Run(ctx, command.Command{Header: command.Header{ID: id}, Op: &command.Decrement{Entries: back}}, 0)
	return err
}

// counted returns what a grant without a lease occupies.
func counted(g *command.Granted) (list []command.Entry) {
	for _, l := range g.Limits {
		if l.Counted {
			list = append(list, command.Entry{Name: l.Name, Slots: l.Slots})
		}
	}
	return list
}
