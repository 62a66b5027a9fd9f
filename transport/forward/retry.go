package forward

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/limitd/limitd/cluster"
	"github.com/limitd/limitd/transport/trace"
)

// errNobodyLeads is why a try was not even begun.
var errNobodyLeads = errors.New("forward: no leader is known")

// op is something that only the leader can do.
type op[T any] struct {
	kind   frameKind
	body   func() [][]byte                      // of the frame, for one try
	local  func(ctx context.Context) (T, error) // where this node leads
	decode func(body []byte) (T, error)         // of the answer
	queues bool                                 // may wait in the queue of a limit, which is no latency of the hop
	again  bool                                 // may be repeated after a try whose outcome is unknown
	judge  func(answer T, possible bool) error  // why it is no answer, where possible tells of an earlier try; nil: it always is
}

// atLeader tries o at the leader until there is an answer, a refusal or ctx
// ends. It never waits longer than pauses after a try, and wakes at once when
// something about leadership changes.
func atLeader[T any](ctx context.Context, n *Node, o op[T]) (T, error) {
	var none T
	possible := false // some try may have been proposed
	var last error
	for pause := time.Duration(0); ; pause = longer(pause) {
		if ctx.Err() != nil {
			return none, giveUp(ctx, possible, last)
		}
		lead := n.current()
		answer, err := tryOnce(ctx, n, o, lead)
		if err == nil && o.judge != nil {
			err = o.judge(answer, possible)
		}
		if err == nil {
			return answer, nil
		}
		last = err
		switch fate := problemOf(err).fate; {
		case fate == fateUnknown && !o.again:
			return none, fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
		case fate == fateUnknown:
			possible = true
		case fate == fateFinal && !possible:
			return none, err
		case fate == fateFinal && !errors.Is(err, ErrOverloaded) && !errors.Is(err, cluster.ErrOverloaded):
			return none, fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
		}
		if n.ctx.Err() != nil {
			return none, closing(possible, err)
		}
		n.rest(ctx, lead, pause)
	}
}

// tryOnce tries o at the leader that lead tells.
func tryOnce[T any](ctx context.Context, n *Node, o op[T], lead leader) (T, error) {
	var none T
	switch {
	case !lead.known:
		return none, &tryError{fateNone, errNobodyLeads}
	case lead.self:
		return o.local(ctx)
	}
	parent, _ := trace.From(ctx)
	begun := time.Now()
	body, err := n.links.call(ctx, lead.address, request{kind: o.kind, body: o.body(), movable: o.again, trace: parent})
	if !o.queues {
		n.cfg.Called(time.Since(begun), outcomeOf(err))
	}
	if err != nil {
		return none, err
	}
	answer, err := o.decode(body)
	if err != nil {
		return none, &tryError{fateUnknown, fmt.Errorf("read the leader's answer: %w", err)}
	}
	return answer, nil
}

// Outcome is how one call over the hop ended, for metrics.
type Outcome string

// The outcomes.
const (
	Answered Outcome = "answered"
	Refused  Outcome = "refused" // for good, by the leader or by a bound here
	Lost     Outcome = "lost"    // with the connection or the leadership, or given up
)

func outcomeOf(err error) Outcome {
	switch {
	case err == nil:
		return Answered
	case problemOf(err).fate == fateFinal:
		return Refused
	}
	return Lost
}

// The pauses between tries are a safety net, for news of leadership that got
// lost or is not enough (a leader that is not open for business yet).
const (
	shortestPause = 5 * time.Millisecond
	longestPause  = 25 * time.Millisecond
)

func longer(pause time.Duration) time.Duration {
	return min(max(2*pause, shortestPause), longestPause)
}

// rest waits for pause, but not beyond ctx, and only while lead is the latest
// news of leadership. The first pause is none: most first failures are a
// connection that broke, or a change that has been heard of meanwhile.
func (n *Node) rest(ctx context.Context, lead leader, pause time.Duration) {
	if pause == 0 {
		return
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-lead.changed:
	case <-ctx.Done():
	case <-n.ctx.Done():
	}
}

// closing is the error of a call that was under way when the node closed.
func closing(possible bool, last error) error {
	if possible {
		return fmt.Errorf("%w: %w: %w", ErrOutcomeUnknown, ErrClosed, last)
	}
	return fmt.Errorf("%w: %w", ErrClosed, last)
}
