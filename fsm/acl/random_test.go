package acl_test

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/limitd/limitd/fsm/acl"
	"github.com/limitd/limitd/fsm/command"
	"pgregory.net/rapid"
)

// bearer is who a secret stands for in the naive model: until when.
type bearer struct {
	name    string
	until   int64 // 0: for ever
	current bool  // not the one before a rotation
}

// TestRandom plays random records on the state, on one that is read back from its
// rows after each, and on a map from secrets to names.
func TestRandom(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s acl.State
		model := map[string]bearer{}
		secrets := []string{"a", "b", "c", "d", "e"}
		now := int64(0)
		for i := range rapid.IntRange(1, 40).Draw(t, "records") {
			now += rapid.Int64Range(0, 5).Draw(t, "later") * 1e9
			before := s.Copy()
			kept := rows(&before)
			secret := rapid.SampledFrom(secrets).Draw(t, "secret")
			name := rapid.SampledFrom([]string{"x", "y", acl.Bootstrap}).Draw(t, "name")
			span := rapid.Int64Range(0, 4).Draw(t, "span") * 1e9
			op := rapid.SampledFrom([]command.Op{
				&command.CreateACLToken{Name: name, Hash: hash(secret), TTL: span, Policies: []string{"read"}},
				&command.RotateACLToken{Name: name, Hash: hash(secret), Keep: span},
				&command.DeleteACLToken{Name: name},
				&command.BootstrapACL{Hash: hash(secret), Reset: s.Bootstrapped()},
			}).Draw(t, "op")
			result := s.Apply(acl.At{Index: uint64(i + 1), Time: now}, op)
			if _, refused := result.(*command.Problem); !refused {
				note(model, op, secret, now)
			}
			if !bytes.Equal(rows(&before), kept) {
				t.Fatal("a copy was changed")
			}
			s = reread(t, &s)
			for _, secret := range secrets {
				want, there := model[secret]
				expired := there && want.until != 0 && now >= want.until
				got, err := s.Identify(hash(secret), now)
				if got.Name != want.name || (err == nil) != (there && !expired) {
					t.Fatalf("%s is %q, %v; want %+v at %d", secret, got.Name, err, want, now)
				}
			}
		}
	})
}

// note makes the model follow a record that was taken.
func note(model map[string]bearer, op command.Op, secret string, now int64) {
	gone := func(name string) {
		maps.DeleteFunc(model, func(_ string, b bearer) bool { return b.name == name })
	}
	switch op := op.(type) {
	case *command.CreateACLToken:
		b := bearer{name: op.Name, current: true}
		if op.TTL > 0 {
			b.until = now + op.TTL
		}
		model[secret] = b
	case *command.RotateACLToken:
		last, at := bearer{}, ""
		for s, b := range model {
			if b.name == op.Name && b.current {
				last, at = b, s
			}
		}
		gone(op.Name)
		model[secret] = last
		if op.Keep > 0 {
			last.current = false
			if end := now + op.Keep; last.until == 0 || end < last.until {
				last.until = end
			}
			model[at] = last
		}
	case *command.DeleteACLToken:
		gone(op.Name)
	case *command.BootstrapACL:
		gone(acl.Bootstrap)
		model[secret] = bearer{name: acl.Bootstrap, current: true}
	}
}

// rows returns all rows as bytes, each behind its kind and length.
func rows(s *acl.State) []byte {
	e := command.NewEncoder(nil)
	s.Rows(func(kind acl.RowKind, encode func(*command.Encoder)) bool {
		row := command.NewEncoder(nil)
		encode(row)
		e.Byte(byte(kind))
		e.String(string(row.Bytes()))
		return true
	})
	return e.Bytes()
}

// reread returns what is read of the rows of s.
func reread(t *rapid.T, s *acl.State) (back acl.State) {
	written := rows(s)
	d := command.NewDecoder(slices.Clone(written))
	for d.Err() == nil && !done(d) {
		kind, row := d.Byte(), command.NewDecoder([]byte(d.String()))
		back.ReadRow(acl.RowKind(kind), row)
		if err := row.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := back.Check(); err != nil || !bytes.Equal(rows(&back), written) {
		t.Fatal("read back it differs: ", err)
	}
	return back
}

// done tells whether d has been read to its end.
func done(d *command.Decoder) bool {
	end := *d
	return end.Close() == nil
}

func TestTornRows(t *testing.T) {
	read := func(list ...*command.CreateACLToken) error {
		var s acl.State
		for i, op := range list {
			e := command.NewEncoder(nil)
			command.EncodeACLToken(e, command.ACLToken{Name: fmt.Sprint(i), Policies: op.Policies})
			e.Fixed(op.Hash[:])
			e.Fixed(make([]byte, 32))
			s.ReadRow(acl.RowToken, command.NewDecoder(e.Bytes()))
		}
		return s.Check()
	}
	whole := &command.CreateACLToken{Hash: hash("a"), Policies: []string{"read"}}
	if err := read(whole); err != nil {
		t.Error(err)
	}
	if read(whole, whole) == nil {
		t.Error("two tokens have one secret")
	}
	if read(&command.CreateACLToken{Hash: hash("a"), Policies: []string{"no-such"}}) == nil {
		t.Error("a token has a policy that is not there")
	}
}
