package auth

import (
	"fmt"
	"slices"

	"github.com/limitd/limitd/fsm/acl"
	"github.com/limitd/limitd/fsm/command"
)

// Caller is who calls, as far as was proved. The zero Caller may do nothing.
type Caller struct {
	token  command.ACLToken // its name is "" without a token
	rights acl.Rights
	all    bool  // there is no ACL
	now    int64 // cluster time when the caller was judged, ns
}

// Name is the name of the caller's token; "": it has shown none.
func (c Caller) Name() string { return c.token.Name }

// Token returns the caller's token; false where it has shown none.
func (c Caller) Token() (command.ACLToken, bool) { return c.token, c.token.Name != "" }

// Judged returns the cluster time at which the caller was judged, ns.
func (c Caller) Judged() int64 { return c.now }

// Rules returns what the caller may do.
func (c Caller) Rules() []command.Rule {
	if c.all {
		return []command.Rule{{Verb: command.VerbLast, Prefix: true}}
	}
	return c.rights.Rules()
}

// May tells whether the caller may do this on the limit.
func (c Caller) May(verb command.Verb, limit string) bool {
	return c.all || c.rights.May(verb, limit)
}

// Everywhere tells whether the caller may do this on all limits.
func (c Caller) Everywhere(verb command.Verb) bool {
	return c.all || c.rights.Everywhere(verb)
}

// Check returns a *Lack where the caller may not do this on one of the limits.
func (c Caller) Check(verb command.Verb, limits ...string) error {
	if c.Everywhere(verb) {
		return nil
	}
	i := slices.IndexFunc(limits, func(name string) bool { return !c.May(verb, name) })
	if i < 0 {
		return nil
	}
	return &Lack{Who: c.Name(), Verb: verb, Limit: limits[i]}
}

// CheckAny returns a *Lack where the caller may not do this on any limit.
func (c Caller) CheckAny(verb command.Verb) error {
	if c.all || c.rights.Somewhere(verb) {
		return nil
	}
	return &Lack{Who: c.Name(), Verb: verb}
}

// Lack is the error of a caller that lacks a right.
type Lack struct {
	Who   string // the name of the token; "": no token was shown
	Verb  command.Verb
	Limit string // on which the verb lacks; "": on any
}

// Error says who lacks what.
func (l *Lack) Error() string {
	who := "a caller without a token"
	if l.Who != "" {
		who = fmt.Sprintf("the token %q", l.Who)
	}
	lacks := fmt.Sprintf("%s lacks the verb %s", who, l.Verb)
	switch {
	case l.Limit != "":
		return fmt.Sprintf("%s on the limit %q", lacks, l.Limit)
	case l.Verb == command.VerbOperator:
		return lacks
	}
	return lacks + " on any limit"
}
