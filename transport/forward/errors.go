package forward

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/limitd/limitd/cluster"
	"github.com/limitd/limitd/fsm/limit"
)

var (
	// ErrNoLeader says that no leader took the request in time. Nothing was
	// ever proposed: effect none.
	ErrNoLeader = errors.New("forward: no leader took the request in time")
	// ErrOutcomeUnknown says that the request was sent, and that no answer came
	// in time: it may have happened, may happen yet, or never. The same id
	// finds out.
	ErrOutcomeUnknown = errors.New("forward: the outcome is not known")
	// ErrOverloaded says that too many requests are under way between this
	// node and the leader. This one was not proposed: effect none.
	ErrOverloaded = errors.New("forward: too many requests are under way to the leader")
	// ErrClosed says that this node is closing, and nothing was proposed.
	ErrClosed = errors.New("forward: the node is closing")
	// ErrRefused says that the other node will not carry out the request. Its
	// text says why. Effect none.
	ErrRefused = errors.New("forward: refused")
)

// Faults of a hop, which the retry loop sees.
var (
	errLinkClosed = errors.New("forward: the connection to the node is closed")
	errSilent     = errors.New("forward: the node has not been heard of")
	errMoved      = errors.New("forward: another node leads now")
	errMalformed  = errors.New("forward: the request cannot be read")
)

// fate says what may have become of a try that gave no answer.
type fate int

const (
	fateNone    fate = iota // it was not proposed: try again
	fateUnknown             // it may have been: try the same again where repeating is safe
	fateFinal               // it was refused for good, without effect
)

// tryError is a try without an answer, and what may have become of it.
type tryError struct {
	fate fate
	err  error
}

func (e *tryError) Error() string { return e.err.Error() }
func (e *tryError) Unwrap() error { return e.err }

// problemCode says, in a problem frame, why a request got no answer. Numbers
// are never reused.
type problemCode byte

const (
	problemUnknown     problemCode = 1
	problemNotLeader   problemCode = 2
	problemNoLeader    problemCode = 3
	problemShutdown    problemCode = 4
	problemOverloaded  problemCode = 5
	problemTooBig      problemCode = 6
	problemNoSuchNode  problemCode = 7
	problemLastVoter   problemCode = 8
	problemMalformed   problemCode = 9
	problemRefused     problemCode = 10
	problemDamaged     problemCode = 11
	problemNewer       problemCode = 12
	problemTooFew      problemCode = 13
	problemNoSuccessor problemCode = 14
	problemSameName    problemCode = 20
	problemRole        problemCode = 21
	problemRulesBehind problemCode = 15
)

// problem is a row of the table of what can go wrong with a try.
type problem struct {
	code problemCode
	fate fate
	err  error
}

// problems returns the table, by which an error travels between nodes. The
// first row that matches counts: ErrOutcomeUnknown wraps its cause.
func problems() [18]problem {
	return [...]problem{
		{problemUnknown, fateUnknown, cluster.ErrOutcomeUnknown},
		{problemNotLeader, fateNone, cluster.ErrNotLeader},
		{problemNoLeader, fateNone, cluster.ErrNoLeader},
		{problemShutdown, fateNone, cluster.ErrShutdown},
		{problemOverloaded, fateFinal, ErrOverloaded},
		{problemOverloaded, fateFinal, cluster.ErrOverloaded}, // by the leader; read back as the row before
		{problemTooBig, fateFinal, cluster.ErrTooBig},
		{problemNoSuchNode, fateFinal, cluster.ErrNoSuchNode},
		{problemLastVoter, fateFinal, cluster.ErrLastVoter},
		{problemMalformed, fateFinal, errMalformed},
		{problemRefused, fateFinal, ErrRefused},
		{problemDamaged, fateFinal, limit.ErrDamaged},
		{problemNewer, fateFinal, limit.ErrNewer},
		{problemTooFew, fateFinal, cluster.ErrTooFewVoters},
		{problemNoSuccessor, fateFinal, cluster.ErrNoSuccessor},
		{problemSameName, fateFinal, cluster.ErrSameName},
		{problemRole, fateFinal, cluster.ErrRole},
		{problemRulesBehind, fateFinal, cluster.ErrRulesBehind},
	}
}

// problemOf returns err's row. What is not in the table may have happened.
func problemOf(err error) problem {
	var t *tryError
	if errors.As(err, &t) {
		return problem{fate: t.fate}
	}
	for _, p := range problems() {
		if errors.Is(err, p.err) {
			return p
		}
	}
	return problem{problemUnknown, fateUnknown, err}
}

// readProblem returns the error that a problem frame's body stands for.
func readProblem(body []byte) error {
	if len(body) == 0 {
		return &tryError{fateUnknown, errFrame}
	}
	text := string(body[1:])
	for _, p := range problems() {
		if p.code == problemCode(body[0]) {
			return &tryError{p.fate, &told{text: text, err: p.err}}
		}
	}
	return &tryError{fateUnknown, fmt.Errorf("problem %d at the node asked: %s", body[0], text)}
}

// told is an error in the words of the node that met it, which name err already.
type told struct {
	text string
	err  error
}

func (t *told) Error() string {
	if strings.Contains(t.text, t.err.Error()) {
		return t.text
	}
	return fmt.Sprintf("%v (says the node asked: %s)", t.err, t.text)
}

func (t *told) Unwrap() error { return t.err }

// giveUp is the error of a call whose ctx ended: possible tells whether any
// try may have been proposed, last what the last try met.
func giveUp(ctx context.Context, possible bool, last error) error {
	verdict := ErrNoLeader
	if possible {
		verdict = ErrOutcomeUnknown
	}
	if last == nil || errors.Is(last, context.Cause(ctx)) {
		return fmt.Errorf("%w: %w", verdict, context.Cause(ctx))
	}
	return fmt.Errorf("%w: %w (the last try: %w)", verdict, context.Cause(ctx), last)
}
