package acl

import (
	"errors"

	"github.com/limitd/limitd/fsm/command"
)

// RowKind is a kind of row that a snapshot has of this state.
type RowKind uint8

// The kinds, in the order in which they are written.
const (
	RowHead   RowKind = iota // one: the index of the last bootstrap
	RowPolicy                // by name
	RowToken                 // by name
	rowKinds
)

// RowKinds is how many kinds of rows there are.
const RowKinds = int(rowKinds)

// Rows visits all rows in the order of their kinds and names, each with what
// writes it, until visit returns false. An empty state has none.
func (s *State) Rows(visit func(RowKind, func(*command.Encoder)) bool) {
	if s.Empty() || !visit(RowHead, func(e *command.Encoder) { e.Uint(s.bootstrapped) }) {
		return
	}
	on := true
	s.policies.Scan(func(_ string, p *command.ACLPolicy) bool {
		on = visit(RowPolicy, func(e *command.Encoder) {
			e.String(p.Name)
			command.EncodeRules(e, p.Rules)
			e.Int(p.UpdatedWall)
		})
		return on
	})
	if !on {
		return
	}
	s.tokens.Scan(func(_ string, t *token) bool {
		return visit(RowToken, func(e *command.Encoder) {
			command.EncodeACLToken(e, t.ACLToken)
			e.Fixed(t.hash[:])
			e.Fixed(t.old[:])
		})
	})
}

// ReadRow reads a row that Rows wrote. The decoder holds its faults.
func (s *State) ReadRow(kind RowKind, d *command.Decoder) {
	switch kind {
	case RowHead:
		s.bootstrapped = d.Uint()
	case RowPolicy:
		p := &command.ACLPolicy{Name: d.String(), Rules: command.DecodeRules(d), UpdatedWall: d.Int()}
		s.policies.Set(p.Name, p)
	case RowToken:
		t := &token{ACLToken: command.DecodeACLToken(d)}
		d.Fixed(t.hash[:])
		d.Fixed(t.old[:])
		s.put(t)
	}
}

// errTorn says that rows do not fit each other.
var errTorn = errors.New("two tokens have one secret, or a token has a policy that is not there")

// Check returns an error where rows that were read do not fit each other.
func (s *State) Check() (err error) {
	secrets := 0
	s.tokens.Scan(func(_ string, t *token) bool {
		secrets++
		if t.OldUntil != 0 {
			secrets++
		}
		for _, name := range t.Policies {
			if s.policy(name) == nil {
				err = errTorn
			}
		}
		return true
	})
	if secrets != s.secrets.Len() {
		err = errTorn
	}
	return err
}
