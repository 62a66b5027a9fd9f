package command

import "fmt"

// Kind names an operation in the log. Numbers are never reused or changed: a
// changed operation is a new kind.
type Kind uint8

// All kinds of records.
const (
	KindGenesis Kind = iota + 1
	KindTick
	KindRead
	KindVerify
	KindAcquire
	KindRelease
	KindRenew
	KindCancel
	KindInterest
	KindPart
	KindPutLimit
	KindUpdateLimit
	KindDeleteLimit
	KindResetLimit
	KindForceRelease
	KindDecrement
	KindSetActive
	KindUpdateSettings
	KindSetRules
)

// newOp returns an empty operation of kind k, or nil for a kind that this
// version does not know.
func newOp(k Kind) Op {
	switch k {
	case KindGenesis:
		return new(Genesis)
	case KindTick:
		return new(Tick)
	case KindRead:
		return new(Read)
	case KindVerify:
		return new(Verify)
	case KindAcquire:
		return new(Acquire)
	case KindRelease:
		return new(Release)
	case KindRenew:
		return new(Renew)
	case KindCancel:
		return new(Cancel)
	case KindInterest:
		return new(Interest)
	case KindPart:
		return new(Part)
	case KindPutLimit:
		return new(PutLimit)
	case KindUpdateLimit:
		return new(UpdateLimit)
	case KindDeleteLimit:
		return new(DeleteLimit)
	case KindResetLimit:
		return new(ResetLimit)
	case KindForceRelease:
		return new(ForceRelease)
	case KindDecrement:
		return new(Decrement)
	case KindSetActive:
		return new(SetActive)
	case KindUpdateSettings:
		return new(UpdateSettings)
	case KindSetRules:
		return new(SetRules)
	}
	return nil
}

// Rules is the rules version that the kind came with: a cluster proposes it
// only once that version is in force (semantics.md T8).
func (k Kind) Rules() uint64 { return 1 }

// String returns the kind's name, as logs and metrics show it.
func (k Kind) String() string {
	names := [...]string{
		KindGenesis: "genesis", KindTick: "tick", KindRead: "read", KindVerify: "verify",
		KindAcquire: "acquire", KindRelease: "release", KindRenew: "renew", KindCancel: "cancel",
		KindInterest: "interest", KindPart: "part", KindPutLimit: "put_limit",
		KindUpdateLimit: "update_limit", KindDeleteLimit: "delete_limit", KindResetLimit: "reset_limit",
		KindForceRelease: "force_release", KindDecrement: "decrement", KindSetActive: "set_active",
		KindUpdateSettings: "update_settings", KindSetRules: "set_rules",
	}
	if int(k) < len(names) && names[k] != "" {
		return names[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}
