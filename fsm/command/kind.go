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
	KindDisown
	KindPutACLPolicy
	KindDeleteACLPolicy
	KindCreateACLToken
	KindRotateACLToken
	KindDeleteACLToken
	KindBootstrapACL
	KindEndQuarantine
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
	case KindDisown:
		return new(Disown)
	case KindPutACLPolicy:
		return new(PutACLPolicy)
	case KindDeleteACLPolicy:
		return new(DeleteACLPolicy)
	case KindCreateACLToken:
		return new(CreateACLToken)
	case KindRotateACLToken:
		return new(RotateACLToken)
	case KindDeleteACLToken:
		return new(DeleteACLToken)
	case KindBootstrapACL:
		return new(BootstrapACL)
	case KindEndQuarantine:
		return new(EndQuarantine)
	}
	return newOpToCome(k)
}

// Rules is the rules version that the kind came with: a cluster proposes it
// only once that version is in force (semantics.md T8).
func (k Kind) Rules() uint64 {
	switch {
	case k > KindEndQuarantine:
		return 5 // of a version to come
	case k == KindEndQuarantine:
		return 4
	case k >= KindDisown:
		return 3
	}
	return 1
}

// NotInForce returns the refusal of a record of kind k while that rules version
// is in force; nil where it may be proposed. The state machine would refuse it,
// too, but a member of an older version could not read it, and would have to stop.
func (k Kind) NotInForce(rules uint64) *Problem {
	if k.Rules() <= rules {
		return nil
	}
	return &Problem{Code: CodeNotInForce, Detail: fmt.Sprintf(
		"the operation needs rules version %d, and version %d is in force: not every member of the cluster knows newer ones", k.Rules(), rules)}
}

// String returns the kind's name, as logs and metrics show it.
func (k Kind) String() string {
	names := [...]string{
		KindGenesis: "genesis", KindTick: "tick", KindRead: "read", KindVerify: "verify",
		KindAcquire: "acquire", KindRelease: "release", KindRenew: "renew", KindCancel: "cancel",
		KindInterest: "interest", KindPart: "part", KindPutLimit: "put_limit",
		KindUpdateLimit: "update_limit", KindDeleteLimit: "delete_limit", KindResetLimit: "reset_limit",
		KindForceRelease: "force_release", KindDecrement: "decrement", KindSetActive: "set_active",
		KindUpdateSettings: "update_settings", KindSetRules: "set_rules",
		KindDisown: "disown", KindPutACLPolicy: "put_acl_policy", KindDeleteACLPolicy: "delete_acl_policy",
		KindCreateACLToken: "create_acl_token", KindRotateACLToken: "rotate_acl_token",
		KindDeleteACLToken: "delete_acl_token", KindBootstrapACL: "bootstrap_acl", KindEndQuarantine: "end_quarantine",
	}
	if int(k) < len(names) && names[k] != "" {
		return names[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}
