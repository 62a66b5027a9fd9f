// Package acl holds who may do what, as a part of the replicated state: tokens,
// of whose secrets it knows the SHA-256 alone, and the policies that they have.
//
// Like fsm/limit, whose state contains it, it is a pure function of state and
// record. It promises:
//
//   - what is read of it is never changed: rows are replaced, so that a copy takes
//     constant time and a snapshot may be read while records go on;
//   - a secret stands for one token, and a token has one secret, or two for the
//     time that its last rotation left the one before;
//   - a policy is there as long as a token has it.
//
// For example:
//
//	var s acl.State
//	s.Apply(acl.At{Index: 7, Time: now}, &command.BootstrapACL{Hash: sha256.Sum256(secret)})
//	who, err := s.Identify(sha256.Sum256(secret), now)
//	s.Rights(who.Policies).May(command.VerbAcquire, "db")
package acl

import (
	"errors"

	"github.com/limitd/limitd/fsm/command"
	"github.com/tidwall/btree"
)

// Bootstrap is the name of the token that the first record makes.
const Bootstrap = "bootstrap"

var (
	// ErrUnknown says that no token has the secret.
	ErrUnknown = errors.New("acl: no token has this secret")
	// ErrExpired says that the token's time, or that of a secret that was rotated, is over.
	ErrExpired = errors.New("acl: the token has expired")
)

// State is all tokens and policies. Its zero value is that of a new cluster. It
// is not safe for concurrent use.
type State struct {
	policies btree.Map[string, *command.ACLPolicy] // but the built-in ones
	tokens   btree.Map[string, *token]
	secrets  btree.Map[string, string] // names of tokens by the hash of a secret
	// bootstrapped is the index of the last bootstrap; 0: there was none.
	bootstrapped uint64
}

// token is one token. Rows are never changed, only replaced.
type token struct {
	command.ACLToken
	hash [32]byte
	old  [32]byte // of the secret before, good until OldUntil
}

// At is where in the log a record stands.
type At struct {
	Index uint64
	Time  int64 // cluster time, ns
	Wall  int64 // unix time, ns, for display
}

// Copy returns the present state, in constant time.
func (s *State) Copy() State {
	return State{policies: *s.policies.Copy(), tokens: *s.tokens.Copy(), secrets: *s.secrets.Copy(), bootstrapped: s.bootstrapped}
}

// Empty tells whether there is nothing, and never was: such a state needs no
// place in a snapshot.
func (s *State) Empty() bool {
	return s.bootstrapped == 0 && s.policies.Len() == 0 && s.tokens.Len() == 0
}

// Bootstrapped returns the index of the record that made the first token last;
// 0: none did.
func (s *State) Bootstrapped() uint64 { return s.bootstrapped }

// Apply plays one of the records about tokens and policies.
func (s *State) Apply(at At, op command.Op) command.Result {
	switch op := op.(type) {
	case *command.PutACLPolicy:
		return s.putPolicy(at, op)
	case *command.DeleteACLPolicy:
		return s.deletePolicy(op)
	case *command.CreateACLToken:
		return s.createToken(at, op)
	case *command.RotateACLToken:
		return s.rotateToken(at, op)
	case *command.DeleteACLToken:
		return s.deleteToken(op)
	case *command.BootstrapACL:
		return s.bootstrap(at, op)
	}
	return refuse(command.CodeInvalid, "the record is not about tokens and policies")
}

// Identify returns the token whose secret has this hash, at cluster time now. It
// returns ErrUnknown, or ErrExpired together with the token. What becomes of a
// token by time is judged here, when it is used: nothing falls due.
func (s *State) Identify(hash [32]byte, now int64) (command.ACLToken, error) {
	name, ok := s.secrets.Get(string(hash[:]))
	if !ok {
		return command.ACLToken{}, ErrUnknown
	}
	t, _ := s.tokens.Get(name)
	if t.Expires != 0 && now >= t.Expires || t.hash != hash && now >= t.OldUntil {
		return t.ACLToken, ErrExpired
	}
	return t.ACLToken, nil
}

// Token returns a token by its name.
func (s *State) Token(name string) (command.ACLToken, bool) {
	if t, ok := s.tokens.Get(name); ok {
		return t.ACLToken, true
	}
	return command.ACLToken{}, false
}

// Tokens returns at most n tokens with names after the one given, by name.
func (s *State) Tokens(after string, n int) (list []command.ACLToken) {
	s.tokens.Ascend(after, func(name string, t *token) bool {
		if name != after {
			list = append(list, t.ACLToken)
		}
		return len(list) < n
	})
	return list
}

// Policy returns a policy by its name, a built-in one as well.
func (s *State) Policy(name string) (command.ACLPolicy, bool) {
	if p := s.policy(name); p != nil {
		return *p, true
	}
	return command.ACLPolicy{}, false
}

// Policies returns at most n policies with names after the one given, by name.
// The built-in ones are not among them.
func (s *State) Policies(after string, n int) (list []command.ACLPolicy) {
	s.policies.Ascend(after, func(name string, p *command.ACLPolicy) bool {
		if name != after {
			list = append(list, *p)
		}
		return len(list) < n
	})
	return list
}
