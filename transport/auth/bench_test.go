package auth_test

import (
	"fmt"
	"testing"

	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/transport/auth"
)

// BenchmarkAcquire is what a node does about the caller of an acquire of two
// limits: who it is, and whether it may. It is the same however many tokens and
// policies there are; what counts is what the token itself has.
func BenchmarkAcquire(b *testing.B) {
	limits := []string{"team-a.db", "team-a.api"}
	b.Run("off", func(b *testing.B) {
		var off *auth.Guard
		judge(b, off, "", limits)
	})
	for _, tokens := range []int{10, 10_000} {
		for _, policies := range []int{1, 100, 1000} {
			b.Run(fmt.Sprintf("tokens=%d/policies=%d", tokens, policies), func(b *testing.B) {
				judge(b, crowded(tokens, policies, 1, 1), "caller", limits)
			})
		}
	}
	b.Run("tokens=10000/policies=1000/own=16x1", func(b *testing.B) { judge(b, crowded(10_000, 1000, 16, 1), "caller", limits) })
	b.Run("tokens=10000/policies=1000/own=16x64", func(b *testing.B) { judge(b, crowded(10_000, 1000, 16, 64), "caller", limits) })
}

// crowded is a guard over a state with so many tokens and policies. The token
// "caller" has its own last, with so many rules each, of which the last is the
// one that lets it pass.
func crowded(tokens, policies, own, rules int) *auth.Guard {
	r := newReplica()
	var names []string
	for i := range policies {
		op := &command.PutACLPolicy{Name: fmt.Sprintf("policy-%d", i)}
		for j := range rules {
			op.Rules = append(op.Rules, command.Rule{Verb: command.VerbAcquire, Limit: fmt.Sprintf("team-%d-%d.", i, j), Prefix: true})
		}
		if i == policies-1 {
			op.Rules[rules-1].Limit = "team-a."
		}
		r.apply(op)
		names = append(names, op.Name)
	}
	for i := range tokens - 1 {
		name := fmt.Sprintf("token-%d", i)
		r.apply(&command.CreateACLToken{Name: name, Hash: auth.Hash(name), Policies: []string{names[i%policies]}})
	}
	r.apply(&command.CreateACLToken{Name: "caller", Hash: auth.Hash("caller"), Policies: names[policies-own:]})
	return auth.New(auth.Config{Source: r})
}

func judge(b *testing.B, g *auth.Guard, secret string, limits []string) {
	b.ReportAllocs()
	for b.Loop() {
		caller, err := g.Identify(b.Context(), secret, false)
		if err == nil {
			err = caller.Check(command.VerbAcquire, limits...)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
