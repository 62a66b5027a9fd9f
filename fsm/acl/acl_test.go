package acl_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/limitd/limitd/fsm/acl"
	"github.com/limitd/limitd/fsm/command"
)

// hash is that of a secret.
func hash(secret string) [32]byte { return sha256.Sum256([]byte(secret)) }

// world is a state and a clock.
type world struct {
	t     *testing.T
	state acl.State
	at    acl.At
}

func newWorld(t *testing.T) *world { return &world{t: t, at: acl.At{Index: 10, Time: 1e9, Wall: 1e18}} }

// apply plays a record, whose answer has the code; 0: it is no refusal.
func (w *world) apply(code command.Code, op command.Op) command.Result {
	w.t.Helper()
	w.at.Index++
	result := w.state.Apply(w.at, op)
	p, refused := result.(*command.Problem)
	if refused != (code != 0) || refused && p.Code != code {
		w.t.Fatalf("%+v answered %+v", op, result)
	}
	return result
}

// who returns the token of a secret, or why there is none.
func (w *world) who(secret string) string {
	t, err := w.state.Identify(hash(secret), w.at.Time)
	switch {
	case errors.Is(err, acl.ErrUnknown):
		return "unknown"
	case errors.Is(err, acl.ErrExpired):
		return "expired"
	}
	return t.Name
}

func (w *world) is(secret, want string) {
	w.t.Helper()
	if got := w.who(secret); got != want {
		w.t.Errorf("%s is %s, want %s", secret, got, want)
	}
}

func allow(verb command.Verb, pattern string) command.Rule {
	name, prefix := strings.CutSuffix(pattern, "*")
	return command.Rule{Verb: verb, Limit: name, Prefix: prefix}
}

func TestBootstrap(t *testing.T) {
	w := newWorld(t)
	w.apply(command.CodeBootstrapped, &command.BootstrapACL{Hash: hash("a"), Reset: 3})
	w.apply(0, &command.BootstrapACL{Hash: hash("a")})
	first := w.at.Index
	w.is("a", acl.Bootstrap)
	p := w.apply(command.CodeBootstrapped, &command.BootstrapACL{Hash: hash("b")}).(*command.Problem)
	if p.Have != int64(first) || w.state.Bootstrapped() != first {
		t.Errorf("bootstrapped by %d, want %d: %+v", w.state.Bootstrapped(), first, p)
	}
	w.apply(command.CodeInvalid, &command.BootstrapACL{Hash: hash("a"), Reset: first})
	w.apply(0, &command.BootstrapACL{Hash: hash("b"), Reset: first})
	w.is("a", "unknown")
	w.is("b", acl.Bootstrap)
	w.apply(command.CodeBootstrapped, &command.BootstrapACL{Hash: hash("c"), Reset: first})
	w.apply(0, &command.DeleteACLToken{Name: acl.Bootstrap})
	w.apply(command.CodeBootstrapped, &command.BootstrapACL{Hash: hash("c")})
}

func TestTokens(t *testing.T) {
	w := newWorld(t)
	w.apply(0, &command.PutACLPolicy{Name: "workers", Rules: []command.Rule{allow(command.VerbAcquire, "db*")}})
	create := func(name, secret string, ttl int64, policies ...string) *command.CreateACLToken {
		return &command.CreateACLToken{Name: name, Hash: hash(secret), TTL: ttl, Policies: policies, By: "me"}
	}
	w.apply(0, create("etl", "s1", 60e9, "workers", "read"))
	w.apply(command.CodeTokenExists, create("etl", "s2", 0, "workers"))
	w.apply(command.CodeInvalid, create("other", "s1", 0, "workers"))
	w.apply(command.CodePolicyNotFound, create("other", "s2", 0, "no-such"))
	for _, wrong := range []*command.CreateACLToken{
		create("", "s2", 0, "read"), create("a/b", "s2", 0, "read"), create("-a", "s2", 0, "read"), create(strings.Repeat("x", 65), "s2", 0, "read"),
		create("other", "s2", 0), create("other", "s2", 0, "read", "read"), create("other", "s2", -1, "read"),
		create("other", "s2", 1e8, "read"), create("other", "s2", acl.MaxTTL+1, "read"), create("other", "s2", 0, slices.Repeat([]string{"read"}, 17)...),
	} {
		w.apply(command.CodeInvalid, wrong)
	}
	w.apply(command.CodePolicyInUse, &command.DeleteACLPolicy{Name: "workers"})
	w.apply(command.CodePolicyNotFound, &command.DeleteACLPolicy{Name: "workerz"})
	w.is("s1", "etl")
	w.at.Time += 60e9 - 1
	w.is("s1", "etl")
	w.at.Time++
	w.is("s1", "expired")
	w.apply(command.CodeInvalid, &command.RotateACLToken{Name: "etl", Hash: hash("s2")})
	w.apply(0, &command.DeleteACLToken{Name: "etl"})
	w.is("s1", "unknown")
	w.apply(command.CodeTokenNotFound, &command.DeleteACLToken{Name: "etl"})
	w.apply(0, &command.DeleteACLPolicy{Name: "workers"})
	if !w.state.Empty() {
		t.Error("something is left")
	}
}

func TestRotation(t *testing.T) {
	w := newWorld(t)
	rotate := func(secret string, keep int64) *command.RotateACLToken {
		return &command.RotateACLToken{Name: "etl", Hash: hash(secret), Keep: keep}
	}
	w.apply(command.CodeTokenNotFound, rotate("s2", 0))
	w.apply(0, &command.CreateACLToken{Name: "etl", Hash: hash("s1"), Policies: []string{"read"}})
	w.apply(command.CodeInvalid, rotate("s1", 0))
	w.apply(command.CodeInvalid, rotate("s2", -1))
	w.apply(command.CodeInvalid, rotate("s2", acl.MaxKeep+1))
	w.apply(0, rotate("s2", 10e9))
	w.is("s1", "etl")
	w.is("s2", "etl")
	w.at.Time += 10e9
	w.is("s1", "expired")
	w.is("s2", "etl")
	w.apply(0, rotate("s3", 10e9))
	w.is("s1", "unknown")
	w.is("s2", "etl")
	w.apply(0, rotate("s4", 0))
	w.is("s2", "unknown")
	w.is("s3", "unknown")
	w.is("s4", "etl")
}

func TestPolicies(t *testing.T) {
	w := newWorld(t)
	if p := w.apply(0, &command.PutACLPolicy{Name: "p", Rules: []command.Rule{allow(command.VerbRead, "a")}}).(*command.ACLPolicy); !p.Created {
		t.Errorf("%+v", p)
	}
	p := w.apply(0, &command.PutACLPolicy{Name: "p", Rules: []command.Rule{allow(command.VerbManage, "api"), allow(command.VerbAcquire, "db*")}}).(*command.ACLPolicy)
	if p.Created {
		t.Errorf("%+v", p)
	}
	for _, wrong := range []command.PutACLPolicy{
		{Name: "read", Rules: p.Rules},
		{Name: "p"},
		{Name: "p", Rules: make([]command.Rule, 65)},
		{Name: "", Rules: p.Rules},
		{Name: "p", Rules: []command.Rule{allow(command.VerbOperator, "db")}},
		{Name: "p", Rules: []command.Rule{allow(command.VerbRead, "")}},
		{Name: "p", Rules: []command.Rule{allow(command.VerbRead, strings.Repeat("x", 256))}},
	} {
		w.apply(command.CodeInvalid, &wrong)
	}
	w.apply(command.CodeInvalid, &command.DeleteACLPolicy{Name: "operator"})
	rights := w.state.Rights("p", "no-such")
	var got []string
	for verb := command.VerbRead; verb <= command.VerbLast; verb++ {
		for _, name := range []string{"api", "api2", "d", "db", "db-2"} {
			if rights.May(verb, name) {
				got = append(got, verb.String()+" "+name)
			}
		}
		got = append(got, fmt.Sprintf("%v somewhere %v, everywhere %v", verb, rights.Somewhere(verb), rights.Everywhere(verb)))
	}
	want := []string{
		"read api", "read db", "read db-2", "read somewhere true, everywhere false",
		"acquire api", "acquire db", "acquire db-2", "acquire somewhere true, everywhere false",
		"manage api", "manage somewhere true, everywhere false", "operator somewhere false, everywhere false",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for verb := command.VerbRead; verb <= command.VerbLast; verb++ {
		r := w.state.Rights(verb.String())
		if !r.Everywhere(verb) || verb < command.VerbLast && r.Somewhere(verb+1) {
			t.Errorf("the built-in policy %v allows %+v", verb, r.Rules())
		}
	}
}

func TestBounds(t *testing.T) {
	w := newWorld(t)
	for i := range command.MaxACLTokens {
		name := fmt.Sprintf("t%d", i)
		w.apply(0, &command.CreateACLToken{Name: name, Hash: hash(name), Policies: []string{"read"}})
	}
	w.apply(command.CodeTooMany, &command.CreateACLToken{Name: "x", Hash: hash("x"), Policies: []string{"read"}})
	for i := range command.MaxACLPolicies {
		w.apply(0, &command.PutACLPolicy{Name: fmt.Sprintf("p%d", i), Rules: []command.Rule{allow(command.VerbRead, "*")}})
	}
	w.apply(command.CodeTooMany, &command.PutACLPolicy{Name: "x", Rules: []command.Rule{allow(command.VerbRead, "*")}})
	w.apply(0, &command.PutACLPolicy{Name: "p7", Rules: []command.Rule{allow(command.VerbRead, "a*")}})
	if first := w.state.Tokens("", 3); len(first) != 3 || first[0].Name != "t0" || w.state.Tokens("t1", 1)[0].Name != "t10" {
		t.Errorf("%+v", first)
	}
	if all := w.state.Policies("p998", 9); len(all) != 1 || all[0].Name != "p999" {
		t.Errorf("%+v", all)
	}
}
