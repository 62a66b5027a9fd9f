package command

import "fmt"

// Result is what Apply answers to a record: one of *Granted, *Denied, *Waiting,
// *Released, *Renewed, *Cancelled, *Limit, *Limits, *Freed, *Done,
// *SettingsNow, *ACLPolicy, *ACLToken, *NotRun or *Problem. It travels between nodes, and is kept in
// snapshots for as long as its request is remembered.
type Result interface {
	resultKind() resultKind
	encode(*Encoder)
	decode(*Decoder)
}

type resultKind uint8

const (
	resultDone resultKind = iota + 1
	resultNotRun
	resultProblem
	resultGranted
	resultDenied
	resultWaiting
	resultReleased
	resultRenewed
	resultCancelled
	resultLimit
	resultLimits
	resultFreed
	resultSettings
	resultACLPolicy
	resultACLToken
)

func newResult(k resultKind) Result {
	switch k {
	case resultDone:
		return new(Done)
	case resultNotRun:
		return new(NotRun)
	case resultProblem:
		return new(Problem)
	case resultGranted:
		return new(Granted)
	case resultDenied:
		return new(Denied)
	case resultWaiting:
		return new(Waiting)
	case resultReleased:
		return new(Released)
	case resultRenewed:
		return new(Renewed)
	case resultCancelled:
		return new(Cancelled)
	case resultLimit:
		return new(Limit)
	case resultLimits:
		return new(Limits)
	case resultFreed:
		return new(Freed)
	case resultSettings:
		return new(SettingsNow)
	case resultACLPolicy:
		return new(ACLPolicy)
	case resultACLToken:
		return new(ACLToken)
	}
	return nil
}

// EncodeResult writes r.
func EncodeResult(e *Encoder, r Result) {
	e.Byte(byte(r.resultKind()))
	r.encode(e)
}

// DecodeResult reads what EncodeResult wrote. The decoder holds the error of a
// kind that is not known.
func DecodeResult(d *Decoder) Result {
	k := resultKind(d.Byte())
	r := newResult(k)
	if r == nil {
		if d.err == nil {
			d.err = fmt.Errorf("%w: result %d", ErrUnknown, k)
		}
		return nil
	}
	r.decode(d)
	return r
}

// Replay returns r marked as a repetition of an earlier answer.
func Replay(r Result) Result {
	switch r := r.(type) {
	case *Granted:
		c := *r
		c.Replayed = true
		return &c
	case *Denied:
		c := *r
		c.Replayed = true
		return &c
	case *Released:
		c := *r
		c.Replayed = true
		return &c
	case *Cancelled:
		c := *r
		c.Replayed = true
		return &c
	case *Limit:
		c := *r
		c.Replayed = true
		return &c
	case *Freed:
		c := *r
		c.Replayed = true
		return &c
	case *Problem:
		c := *r
		c.Replayed = true
		return &c
	case *ACLPolicy:
		c := *r
		c.Replayed = true
		return &c
	case *ACLToken:
		c := *r
		c.Replayed = true
		return &c
	case *Done:
		return &Done{Replayed: true}
	}
	return r
}
