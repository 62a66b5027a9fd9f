package forward

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/limitd/limitd/cluster"
	"github.com/limitd/limitd/fsm"
	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
)

// errNotRun says that a record came back without having been run.
var errNotRun = errors.New("forward: the record was not run")

// Run carries out cmd at the leader and returns what it got. An acquire that
// has to wait is kept open for at most hold (0: not at all), and is answered
// by *command.Waiting when that is over. Header.Accepted is set here, unless
// the caller did. cmd must have an id, or be harmless to repeat.
//
// The same record is tried until there is an answer or ctx ends. Then, or where
// it was refused: ErrNoLeader, ErrOverloaded, ErrClosed or cluster.ErrTooBig
// (nothing was proposed: effect none), or ErrOutcomeUnknown. Beside either it
// wraps ctx's cause: ask for context.Canceled first. When ctx ends the leader
// is told, and drops an open wait.
func (n *Node) Run(ctx context.Context, cmd command.Command, hold time.Duration) (fsm.Answer, error) {
	if cmd.Accepted == 0 {
		var err error
		if cmd.Accepted, err = n.now(ctx); err != nil {
			return fsm.Answer{}, err
		}
	}
	if a, early, err := n.beforeItsTime(ctx, cmd.Op.Kind()); early || err != nil {
		return a, err
	}
	record := command.Encode(cmd)
	if len(record) > command.MaxSize {
		return fsm.Answer{}, fmt.Errorf("%w: %d bytes, at most %d", cluster.ErrTooBig, len(record), command.MaxSize)
	}
	end := time.Now().Add(hold)
	left := func() time.Duration { return min(hold, max(0, time.Until(end))) }
	return atLeader(ctx, n, op[fsm.Answer]{
		kind:   frameRun,
		queues: hold > 0,
		again:  true,
		body:   func() [][]byte { return runBody(left(), record) },
		local:  func(ctx context.Context) (fsm.Answer, error) { return n.cfg.Replica.Run(ctx, record, left()) },
		decode: decodeAnswer,
		judge:  settles,
	})
}

// beforeItsTime returns the refusal of a record of a kind that came with rules
// which are not in force: an older leader could not even read it. A node that may
// be behind looks again before it says so.
func (n *Node) beforeItsTime(ctx context.Context, kind command.Kind) (a fsm.Answer, early bool, err error) {
	look := func(s *limit.State) {
		p := kind.NotInForce(s.Rules())
		early = p != nil
		a = fsm.Answer{Result: p, Index: s.Index(), Time: s.Time()}
	}
	if kind.Rules() <= 1 { // of the first version: known to all
		return a, false, nil
	}
	if n.cfg.Replica.View(look); !early {
		return a, false, nil
	}
	_, err = n.Read(ctx, false, look)
	return a, early, err
}

// now is this node's lower bound of cluster time. A node that has none yet,
// having just started, gets one with the record of a read: under the time 0 an
// unknown id would be taken for one of long ago, and refused.
func (n *Node) now(ctx context.Context) (int64, error) {
	now, known := n.cfg.Replica.Now()
	if known {
		return now, nil
	}
	if err := n.Refresh(ctx); err != nil {
		return 0, err
	}
	now, _ = n.cfg.Replica.Now()
	return now, nil
}

// settles tells why answer settles nothing, nil where it does. possible: an
// earlier try may have been run.
func settles(answer fsm.Answer, possible bool) error {
	switch r := answer.Result.(type) {
	case *command.NotRun:
		return &tryError{fateNone, errNotRun}
	case *command.Problem:
		// "Too old" says that nothing is remembered of the id, which is no word
		// about an earlier try.
		if r.Code == command.CodeTooOld && possible {
			return &tryError{fateFinal, r}
		}
	}
	return nil
}
