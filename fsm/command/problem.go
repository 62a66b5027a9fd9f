package command

import "fmt"

// Code names why an operation was refused. transport/wire gives each its name
// and HTTP status.
type Code uint8

// The refusals of the state machine. Each means that nothing happened.
const (
	CodeInvalid          Code = iota + 1 // out of range, though well-formed
	CodeLimitNotFound                    // Limit names it
	CodeLimitExists                      // Limit names it
	CodeRevisionMismatch                 // Have is the limit's revision, Want the one asked for; 0: none, or one that cannot be
	CodeNeverFits                        // Want slots of Limit, which has Have
	CodeNoDecay                          // Limit has no decay
	CodeIDReused                         // the id was used for other content
	CodeLeaseEnded                       // the id's lease was released or has expired
	CodeLeaseNotFound                    // no such lease
	CodeLimitDeleted                     // Limit was deleted while the acquire waited
	CodeCancelled                        // the wait was cancelled, or released before it came
	CodeOverloaded                       // Detail says which bound
	CodeTooMany                          // Detail says which bound
	CodeTooOld                           // the request was accepted longer ago than requests are remembered
	CodeNotInForce                       // the record's kind needs a rules version that is not in force
	CodeTokenNotFound                    // Detail names it, as with those below
	CodeTokenExists                      // another one has the name
	CodePolicyNotFound                   // no such policy
	CodePolicyInUse                      // tokens have it
	CodeBootstrapped                     // Have is the index of the last bootstrap
	CodeLast             = CodeBootstrapped
)

// String returns the code's name, as logs and metrics show it. It is the name
// that callers of the HTTP API see.
func (c Code) String() string {
	names := [...]string{
		CodeInvalid: "invalid_request", CodeLimitNotFound: "limit_not_found", CodeLimitExists: "limit_exists",
		CodeRevisionMismatch: "revision_mismatch", CodeNeverFits: "never_fits", CodeNoDecay: "no_decay", CodeIDReused: "id_reused",
		CodeLeaseEnded: "lease_ended", CodeLeaseNotFound: "lease_not_found", CodeLimitDeleted: "limit_deleted", CodeCancelled: "cancelled",
		CodeOverloaded: "overloaded", CodeTooMany: "too_many", CodeTooOld: "too_old", CodeNotInForce: "not_in_force",
	}
	if int(c) < len(names) && names[c] != "" {
		return names[c]
	}
	return fmt.Sprintf("code(%d)", uint8(c))
}

// Problem is a refusal.
type Problem struct {
	Code       Code
	Limit      string // the limit it is about, where there is one
	Have, Want int64
	Detail     string // what is wrong, where code and numbers do not say it
	Replayed   bool
}

func (p *Problem) resultKind() resultKind { return resultProblem }

func (p *Problem) encode(e *Encoder) {
	e.Byte(byte(p.Code))
	e.String(p.Limit)
	e.Int(p.Have)
	e.Int(p.Want)
	e.String(p.Detail)
	e.Bool(p.Replayed)
}

func (p *Problem) decode(d *Decoder) {
	p.Code, p.Limit, p.Have, p.Want = Code(d.Enum(byte(CodeLast))), d.String(), d.Int(), d.Int()
	p.Detail, p.Replayed = d.String(), d.Bool()
}

// Error says what is wrong, for people.
func (p *Problem) Error() string {
	switch p.Code {
	case CodeLimitNotFound:
		return fmt.Sprintf("no limit named %q", p.Limit)
	case CodeLimitExists:
		return fmt.Sprintf("a limit named %q exists already", p.Limit)
	case CodeRevisionMismatch:
		if p.Want == 0 {
			return fmt.Sprintf("limit %q exists, at revision %d", p.Limit, p.Have)
		}
		return fmt.Sprintf("limit %q is at revision %d, not %d", p.Limit, p.Have, p.Want)
	case CodeNeverFits:
		return fmt.Sprintf("limit %q has %d slots; %d were asked for", p.Limit, p.Have, p.Want)
	case CodeNoDecay:
		return fmt.Sprintf("limit %q has no decay, so it cannot limit a rate", p.Limit)
	case CodeIDReused:
		return "the id was used before for a request of other content"
	case CodeLeaseEnded:
		return "the lease of this id has ended"
	case CodeLeaseNotFound:
		return "no such lease"
	case CodeLimitDeleted:
		return fmt.Sprintf("limit %q was deleted while the acquire waited", p.Limit)
	case CodeCancelled:
		return "the acquire was cancelled"
	case CodeTooOld:
		return "the request is older than the time for which requests are remembered"
	}
	return p.Detail
}
