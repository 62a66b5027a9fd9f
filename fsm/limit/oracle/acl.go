package oracle

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/limitd/limitd/fsm/command"
)

// acl is who may do what (api.md section 6). What is read of it is never changed:
// each record makes new lists.
type acl struct {
	policies []policy
	tokens   []bearer
	first    uint64     // index of the record that made the first token last; 0: none did
	shown    [][32]byte // hashes of all secrets that a token has had
}

type policy struct {
	name  string
	rules []command.Rule
}

// bearer is one token.
type bearer struct {
	name, by string
	policies []string
	hash     [32]byte
	expires  int64    // 0: never
	old      [32]byte // the hash before
	oldUntil int64    // until then; 0: there is none
}

// firstToken is the name of the token that may do everything.
const firstToken = "bootstrap"

func refused(code command.Code) command.Result { return &command.Problem{Code: code} }

// without returns list but for what fits.
func without[T any](list []T, fits func(T) bool) []T {
	return slices.DeleteFunc(slices.Clone(list), fits)
}

func isPolicy(name string) func(policy) bool { return func(p policy) bool { return p.name == name } }

func isToken(name string) func(bearer) bool { return func(t bearer) bool { return t.name == name } }

func builtIn(name string) bool {
	return slices.Contains([]string{"read", "acquire", "manage", "operator"}, name)
}

func (a *acl) hasPolicy(name string) bool {
	return builtIn(name) || slices.ContainsFunc(a.policies, isPolicy(name))
}

func (a *acl) token(name string) (bearer, bool) {
	i := slices.IndexFunc(a.tokens, isToken(name))
	if i < 0 {
		return bearer{}, false
	}
	return a.tokens[i], true
}

// taken tells whether a token has the secret, or had it before its last rotation
// and was to keep it, whether that time is over or not.
func (a *acl) taken(hash [32]byte) bool {
	return slices.ContainsFunc(a.tokens, func(t bearer) bool {
		return t.hash == hash || t.oldUntil != 0 && t.old == hash
	})
}

// put stores a token in the place of the one of its name.
func (a *acl) put(t bearer) command.Result {
	a.tokens = append(without(a.tokens, isToken(t.name)), t)
	a.shown = append(slices.Clone(a.shown), t.hash)
	return t.view()
}

func (t bearer) view() *command.ACLToken {
	return &command.ACLToken{Name: t.name, Policies: t.policies, By: t.by, Expires: t.expires, OldUntil: t.oldUntil}
}

func (m *Model) putPolicy(op *command.PutACLPolicy) command.Result {
	if builtIn(op.Name) || len(op.Rules) == 0 || slices.ContainsFunc(op.Rules, nonsense) {
		return refused(command.CodeInvalid)
	}
	created := !m.acl.hasPolicy(op.Name)
	m.acl.policies = append(without(m.acl.policies, isPolicy(op.Name)), policy{op.Name, op.Rules})
	return &command.ACLPolicy{Name: op.Name, Rules: op.Rules, Created: created}
}

// nonsense tells whether a rule says nothing: operator is about no limit, and the
// others name one, or what its name begins with.
func nonsense(r command.Rule) bool {
	if r.Verb == command.VerbOperator {
		return r.Limit != "" || !r.Prefix
	}
	return r.Limit == "" && !r.Prefix
}

func (m *Model) deletePolicy(op *command.DeleteACLPolicy) command.Result {
	switch {
	case builtIn(op.Name):
		return refused(command.CodeInvalid)
	case !m.acl.hasPolicy(op.Name):
		return refused(command.CodePolicyNotFound)
	case slices.ContainsFunc(m.acl.tokens, func(t bearer) bool { return slices.Contains(t.policies, op.Name) }):
		return refused(command.CodePolicyInUse)
	}
	m.acl.policies = without(m.acl.policies, isPolicy(op.Name))
	return &command.Done{}
}

func (m *Model) createToken(op *command.CreateACLToken) command.Result {
	short := op.TTL != 0 && op.TTL < int64(time.Second)
	if short || len(op.Policies) == 0 || len(op.Policies) == 2 && op.Policies[0] == op.Policies[1] {
		return refused(command.CodeInvalid)
	}
	if slices.ContainsFunc(op.Policies, func(name string) bool { return !m.acl.hasPolicy(name) }) {
		return refused(command.CodePolicyNotFound)
	}
	if _, there := m.acl.token(op.Name); there {
		return refused(command.CodeTokenExists)
	}
	if m.acl.taken(op.Hash) {
		return refused(command.CodeInvalid)
	}
	t := bearer{name: op.Name, by: op.By, policies: op.Policies, hash: op.Hash}
	if op.TTL > 0 {
		t.expires = m.time + op.TTL
	}
	return m.acl.put(t)
}

func (m *Model) rotateToken(op *command.RotateACLToken) command.Result {
	t, there := m.acl.token(op.Name)
	switch {
	case !there:
		return refused(command.CodeTokenNotFound)
	case t.expires != 0 && t.expires <= m.time, m.acl.taken(op.Hash):
		return refused(command.CodeInvalid)
	}
	t.old, t.oldUntil = [32]byte{}, 0
	if op.Keep > 0 {
		t.old, t.oldUntil = t.hash, m.time+op.Keep
	}
	t.hash = op.Hash
	return m.acl.put(t)
}

func (m *Model) deleteToken(op *command.DeleteACLToken) command.Result {
	if _, there := m.acl.token(op.Name); !there {
		return refused(command.CodeTokenNotFound)
	}
	m.acl.tokens = without(m.acl.tokens, isToken(op.Name))
	return &command.Done{}
}

func (m *Model) bootstrap(op *command.BootstrapACL) command.Result {
	if op.Reset != m.acl.first {
		return refused(command.CodeBootstrapped)
	}
	if m.acl.taken(op.Hash) {
		return refused(command.CodeInvalid)
	}
	m.acl.first = m.index
	return m.acl.put(bearer{name: firstToken, policies: []string{"operator"}, hash: op.Hash})
}

// Secrets are the hashes of all secrets that tokens have had.
func (m *Model) Secrets() [][32]byte { return m.acl.shown }

// Access words who each secret stands for at present, and what that token may do
// on limits of these names.
func (m *Model) Access(limits []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "first token by record %d\n", m.acl.first)
	for _, hash := range m.acl.shown {
		b.WriteString(m.who(hash, limits))
	}
	return b.String()
}

func (m *Model) who(hash [32]byte, limits []string) string {
	for _, t := range m.acl.tokens {
		kept := t.oldUntil != 0 && t.old == hash
		switch {
		case t.hash != hash && !kept:
		case t.expires != 0 && m.time >= t.expires, t.hash != hash && m.time >= t.oldUntil:
			return SecretLine(hash, t.name, true, nil)
		default:
			return SecretLine(hash, t.name, false, m.rights(t, limits))
		}
	}
	return SecretLine(hash, "", false, nil)
}

// rights lists what a token may do.
func (m *Model) rights(t bearer, limits []string) (list []string) {
	for verb := command.VerbRead; verb <= command.VerbLast; verb++ {
		for _, limit := range limits {
			if m.may(t, verb, limit) {
				list = append(list, verb.String()+":"+limit)
			}
		}
	}
	return list
}

func (m *Model) may(t bearer, verb command.Verb, limit string) bool {
	for _, name := range t.policies {
		for v := verb; v <= command.VerbLast; v++ {
			if name == v.String() {
				return true
			}
		}
		for _, p := range m.acl.policies {
			for _, r := range p.rules {
				fits := r.Limit == limit || r.Prefix && strings.HasPrefix(limit, r.Limit)
				if p.name == name && fits && r.Verb >= verb {
					return true
				}
			}
		}
	}
	return false
}

// SecretLine words who a secret stands for; "": nobody.
func SecretLine(hash [32]byte, name string, expired bool, rights []string) string {
	w := &words{}
	w.add("secret %x", hash[:4]).addIf(name == "", "of nobody").addIf(name != "", "of %s", name)
	w.addIf(expired, "expired").addIf(len(rights) > 0, "may %s", strings.Join(rights, " "))
	return strings.Join(w.list, " ") + "\n"
}

func (w *words) policy(p *command.ACLPolicy) {
	w.add("policy %s %v", p.Name, p.Rules).addIf(p.Created, "created").addIf(p.Replayed, "replayed")
}

func (w *words) token(t *command.ACLToken) {
	w.add("token %s of %v by %q", t.Name, t.Policies, t.By).addIf(t.Expires != 0, "expires at %v", time.Duration(t.Expires))
	w.addIf(t.OldUntil != 0, "old until %v", time.Duration(t.OldUntil)).addIf(t.Replayed, "replayed")
}
