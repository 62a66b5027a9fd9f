package acl

import (
	"fmt"
	"slices"

	"github.com/limitd/limitd/fsm/command"
)

const (
	second = int64(1e9)

	// MaxTTL bounds how long a token with an end lives, in ns: ten years.
	MaxTTL = 3650 * 86400 * second
	// MaxKeep bounds how long a secret outlives its rotation, in ns: 30 days.
	MaxKeep = 30 * 86400 * second
)

func refuse(code command.Code, format string, args ...any) *command.Problem {
	return &command.Problem{Code: code, Detail: fmt.Sprintf(format, args...)}
}

func (s *State) putPolicy(at At, op *command.PutACLPolicy) command.Result {
	if why := CheckPolicy(op.Name, op.Rules); why != "" {
		return refuse(command.CodeInvalid, "%s", why)
	}
	_, there := s.policies.Get(op.Name)
	if !there && s.policies.Len() >= command.MaxACLPolicies {
		return refuse(command.CodeTooMany, "there are %d policies, which is the most", command.MaxACLPolicies)
	}
	p := &command.ACLPolicy{Name: op.Name, Rules: slices.Clone(op.Rules), UpdatedWall: at.Wall}
	s.policies.Set(op.Name, p)
	answer := *p
	answer.Created = !there
	return &answer
}

// deletePolicy refuses while a token has the policy: one of that name that is
// made later would give the token rights that nobody thought of.
func (s *State) deletePolicy(op *command.DeleteACLPolicy) command.Result {
	if isBuiltIn(op.Name) {
		return refuse(command.CodeInvalid, "the policy %q is built in", op.Name)
	}
	if _, ok := s.policies.Get(op.Name); !ok {
		return refuse(command.CodePolicyNotFound, "no policy is named %q", op.Name)
	}
	holder := ""
	s.tokens.Scan(func(name string, t *token) bool {
		if slices.Contains(t.Policies, op.Name) {
			holder = name
		}
		return holder == ""
	})
	if holder != "" {
		return refuse(command.CodePolicyInUse, "the token %q has the policy %q", holder, op.Name)
	}
	s.policies.Delete(op.Name)
	return &command.Done{}
}

func (s *State) createToken(at At, op *command.CreateACLToken) command.Result {
	if why := checkToken(op); why != "" {
		return refuse(command.CodeInvalid, "%s", why)
	}
	for _, name := range op.Policies {
		if s.policy(name) == nil {
			return refuse(command.CodePolicyNotFound, "no policy is named %q", name)
		}
	}
	if _, there := s.tokens.Get(op.Name); there {
		return refuse(command.CodeTokenExists, "a token named %q exists already", op.Name)
	}
	if p := s.refuseSecret(op.Hash); p != nil {
		return p
	}
	if s.tokens.Len() >= command.MaxACLTokens {
		return refuse(command.CodeTooMany, "there are %d tokens, which is the most", command.MaxACLTokens)
	}
	t := &token{hash: op.Hash, ACLToken: command.ACLToken{
		Name: op.Name, Policies: slices.Clone(op.Policies), By: op.By, CreatedWall: at.Wall,
	}}
	if op.TTL > 0 {
		t.Expires = at.Time + op.TTL
	}
	return s.put(t)
}

// refuseSecret sees to it that a secret stands for one token.
func (s *State) refuseSecret(hash [32]byte) *command.Problem {
	if _, taken := s.secrets.Get(string(hash[:])); taken {
		return refuse(command.CodeInvalid, "a token has this very secret already")
	}
	return nil
}

// put stores a token in the place of the one of its name, and answers with it.
func (s *State) put(t *token) command.Result {
	s.drop(t.Name)
	s.tokens.Set(t.Name, t)
	s.secrets.Set(string(t.hash[:]), t.Name)
	if t.OldUntil != 0 {
		s.secrets.Set(string(t.old[:]), t.Name)
	}
	answer := t.ACLToken
	return &answer
}

// drop forgets a token, if it is there, and its secrets.
func (s *State) drop(name string) bool {
	t, there := s.tokens.Delete(name)
	if there {
		s.secrets.Delete(string(t.hash[:]))
		if t.OldUntil != 0 {
			s.secrets.Delete(string(t.old[:]))
		}
	}
	return there
}

func (s *State) rotateToken(at At, op *command.RotateACLToken) command.Result {
	if op.Keep < 0 || op.Keep > MaxKeep {
		return refuse(command.CodeInvalid, "keep can be 0 to 720h")
	}
	before, there := s.tokens.Get(op.Name)
	if !there {
		return refuse(command.CodeTokenNotFound, "no token is named %q", op.Name)
	}
	if before.Expires != 0 && at.Time >= before.Expires {
		return refuse(command.CodeInvalid, "the token %q has expired: delete it, and create another", op.Name)
	}
	if p := s.refuseSecret(op.Hash); p != nil {
		return p
	}
	t := *before
	t.hash, t.old, t.OldUntil, t.RotatedWall = op.Hash, [32]byte{}, 0, at.Wall
	if op.Keep > 0 {
		t.old, t.OldUntil = before.hash, at.Time+op.Keep
	}
	return s.put(&t)
}

func (s *State) deleteToken(op *command.DeleteACLToken) command.Result {
	if !s.drop(op.Name) {
		return refuse(command.CodeTokenNotFound, "no token is named %q", op.Name)
	}
	return &command.Done{}
}

// MadeAlready refuses to make the first token, which the record at index made.
func MadeAlready(index uint64) *command.Problem {
	return &command.Problem{
		Code: command.CodeBootstrapped, Have: int64(index),
		Detail: fmt.Sprintf("the first token was made by record %d of the log", index),
	}
}

// bootstrap makes the first token, or, for who knows the index of the last
// bootstrap, makes it again under another secret.
func (s *State) bootstrap(at At, op *command.BootstrapACL) command.Result {
	if op.Reset != s.bootstrapped {
		return MadeAlready(s.bootstrapped)
	}
	if p := s.refuseSecret(op.Hash); p != nil {
		return p
	}
	s.bootstrapped = at.Index
	return s.put(&token{hash: op.Hash, ACLToken: command.ACLToken{
		Name: Bootstrap, Policies: []string{command.VerbOperator.String()}, CreatedWall: at.Wall,
	}})
}
