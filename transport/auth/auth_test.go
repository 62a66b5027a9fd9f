package auth_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
	"github.com/limitd/limitd/transport/auth"
)

// replica is what a guard knows, and who waits for more.
type replica struct {
	state   *limit.State
	fresh   bool
	refresh func() error
	now     int64
	more    chan command.Op // what others have done, still to be applied
}

func newReplica() *replica {
	r := &replica{state: limit.New(), fresh: true, more: make(chan command.Op, 9)}
	r.apply(&command.Genesis{ClusterID: [16]byte{1}, Settings: command.DefaultSettings(), Rules: limit.Rules})
	return r
}

func (r *replica) apply(op command.Op) {
	r.state.Apply(r.state.Index()+1, 1, command.Command{Header: command.Header{Stamp: r.now, Term: 1}, Op: op})
}

func (r *replica) View(read func(*limit.State))  { read(r.state) }
func (r *replica) Now() (int64, bool)            { return r.now, true }
func (r *replica) Fresh() bool                   { return r.fresh }
func (r *replica) Refresh(context.Context) error { return r.refresh() }

func (r *replica) AwaitApplied(ctx context.Context, _ uint64) error {
	select {
	case op := <-r.more:
		r.apply(op)
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func token(name string) command.Op {
	return &command.CreateACLToken{Name: name, Hash: auth.Hash(name), Policies: []string{"read"}, TTL: 60e9}
}

// A token that was made elsewhere is known in time, and one that nobody has is
// refused a moment later.
func TestATokenMayBeOnItsWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReplica()
		g := auth.New(auth.Config{Source: r})
		begun := time.Now()
		go func() {
			<-time.After(100 * time.Millisecond)
			r.more <- &command.Tick{}
			r.more <- token("late")
		}()
		caller, err := g.Identify(t.Context(), "late", false)
		if took := time.Since(begun); err != nil || caller.Name() != "late" || took != 100*time.Millisecond {
			t.Errorf("after %v: %+v, %v", took, caller, err)
		}
		begun = time.Now()
		_, err = g.Identify(t.Context(), "nobody's", false)
		if took := time.Since(begun); !errors.Is(err, auth.ErrRefused) || took != 250*time.Millisecond {
			t.Errorf("after %v: %v", took, err)
		}
	})
}

func TestOldStatesAreNotAsked(t *testing.T) {
	r := newReplica()
	r.apply(token("t"))
	g := auth.New(auth.Config{Source: r})
	r.fresh, r.refresh = false, func() error {
		r.apply(&command.DeleteACLToken{Name: "t"})
		return nil
	}
	if _, err := g.Identify(t.Context(), "t", true); err != nil {
		t.Errorf("a stale read: %v", err)
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel() // nothing more comes
	if _, err := g.Identify(canceled, "t", false); !errors.Is(err, auth.ErrRefused) {
		t.Errorf("a token that was revoked while the node was away: %v", err)
	}
	gone := errors.New("no leader")
	r.refresh = func() error { return gone }
	if _, err := g.Identify(t.Context(), "t", false); !errors.Is(err, auth.ErrCannotTell) || !errors.Is(err, gone) {
		t.Errorf("%v", err)
	}
}

// Expiry goes by the node's clock where no record has moved the state's.
func TestExpiryNeedsNoRecord(t *testing.T) {
	r := newReplica()
	r.apply(token("t"))
	g := auth.New(auth.Config{Source: r})
	r.now = 60e9 - 1
	if _, err := g.Identify(t.Context(), "t", false); err != nil {
		t.Error(err)
	}
	r.now++
	if _, err := g.Identify(t.Context(), "t", false); !errors.Is(err, auth.ErrRefused) || !strings.Contains(err.Error(), "expired") {
		t.Error(err)
	}
}

func TestNobodyAndEverybody(t *testing.T) {
	var zero auth.Caller
	if zero.May(command.VerbRead, "db") || zero.Everywhere(command.VerbRead) || zero.CheckAny(command.VerbRead) == nil || zero.Check(command.VerbRead, "db") == nil {
		t.Error("the zero caller may do something")
	}
	all, err := (*auth.Guard)(nil).Identify(t.Context(), "", false)
	if err != nil || !all.May(command.VerbOperator, "db") || !all.Everywhere(command.VerbOperator) || all.CheckAny(command.VerbOperator) != nil {
		t.Errorf("without a guard: %+v, %v", all, err)
	}
	g := auth.New(auth.Config{Source: newReplica(), Anonymous: "acquire"})
	anonymous, err := g.Identify(t.Context(), "", false)
	if err != nil || anonymous.Check(command.VerbAcquire, "db") != nil {
		t.Errorf("%+v, %v", anonymous, err)
	}
	var lack *auth.Lack
	if err := anonymous.Check(command.VerbManage, "db"); !errors.As(err, &lack) || lack.Limit != "db" || lack.Verb != command.VerbManage || lack.Who != "" {
		t.Errorf("%v", err)
	}
}

func TestSecrets(t *testing.T) {
	secret, err := auth.NewSecret(strings.NewReader(strings.Repeat("x", 32)))
	if err != nil || auth.CheckSecret(secret) != "" {
		t.Errorf("%q, %v: %s", secret, err, auth.CheckSecret(secret))
	}
	for _, wrong := range []string{"", "limitd_", secret[1:], secret + "a", strings.ToUpper(secret), secret[:58] + "1", strings.Replace(secret, "limitd_", "limitd-", 1)} {
		if auth.CheckSecret(wrong) == "" {
			t.Errorf("%q is taken for a secret", wrong)
		}
	}
	if _, err := auth.NewSecret(strings.NewReader("short")); err == nil {
		t.Error("a secret of too little chance")
	}
	for header, want := range map[string]string{"": "", "Bearer x": "x", "bearer  x ": "x", "Basic x": "!", "Bearer": "!", "Bearer ": "!", "x": "!"} {
		r := &http.Request{Header: http.Header{"Authorization": {header}}}
		got, ok := auth.Bearer(r)
		if !ok {
			got = "!"
		}
		if got != want {
			t.Errorf("%q is %q, want %q", header, got, want)
		}
	}
}
