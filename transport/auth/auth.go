// Package auth tells who a caller is, and what that caller may do, by the tokens
// and policies of the replicated state. The node that accepts a call judges it,
// by the state that it has itself; what travels on to the leader is the command
// alone, and never the secret.
//
// It promises:
//
//   - The state that is asked is behind the leader's by replication alone. A node
//     that hears no leader, or has not caught up since it started, takes a
//     linearizable read first; where it cannot, the caller is told so (stale reads
//     excepted, which are judged by the state that they read).
//   - A token that was created through another node is known here: a secret that
//     nobody has is looked for again until a moment has passed.
//   - What has expired by this node's lower bound of cluster time is refused.
//
// For example:
//
//	guard := auth.New(auth.Config{Source: source, Anonymous: "read"})
//	caller, err := guard.Identify(ctx, secret, false)
//	err = caller.Check(command.VerbAcquire, "db", "api") // a *Lack says what lacks
//
// A nil Guard is that of a node without ACL: its callers may do everything.
package auth

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/limitd/limitd/fsm/acl"
	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
)

// lookAgain is how long a secret that nobody has is looked for: a follower lags
// by milliseconds, and who guesses gets no faster by it.
const lookAgain = 250 * time.Millisecond

var (
	// ErrRefused says that the caller is not who it says: no token has the secret,
	// or the token has expired.
	ErrRefused = errors.New("auth: the token is not accepted")
	// ErrCannotTell says that this node cannot judge now, for it does not know what
	// the cluster has decided meanwhile.
	ErrCannotTell = errors.New("auth: this node has no leader, and cannot tell who may do what")
)

// Source is what a guard knows, as this node has it.
type Source interface {
	// View calls read with the state, which must be neither kept nor changed.
	View(read func(*limit.State))
	// Now is a lower bound of cluster time, ns; false: none is known yet.
	Now() (int64, bool)
	// Fresh tells whether the state is behind the leader's by replication alone.
	Fresh() bool
	// Refresh waits until the state holds all that was answered anywhere before.
	Refresh(ctx context.Context) error
	// AwaitApplied waits until the state has applied the record at index.
	AwaitApplied(ctx context.Context, index uint64) error
}

// Config is what a Guard needs.
type Config struct {
	Source Source
	// Anonymous is the policy of callers without a token; "", or one that does not
	// exist: they may do nothing.
	Anonymous string
}

// Guard tells who callers are. It is safe for concurrent use.
type Guard struct{ cfg Config }

// New returns a guard.
func New(cfg Config) *Guard { return &Guard{cfg} }

// Identify returns who has the secret; "": a caller without a token. Its errors
// are ErrRefused and ErrCannotTell. With stale the caller is judged by the state
// as it is, however old.
func (g *Guard) Identify(ctx context.Context, secret string, stale bool) (Caller, error) {
	if g == nil {
		return Caller{all: true}, nil
	}
	if !stale && !g.cfg.Source.Fresh() {
		if err := g.cfg.Source.Refresh(ctx); err != nil {
			return Caller{}, fmt.Errorf("%w: %w", ErrCannotTell, err)
		}
	}
	if secret == "" {
		return g.anonymous(), nil
	}
	hash := sha256.Sum256([]byte(secret))
	caller, index, err := g.look(hash)
	if errors.Is(err, acl.ErrUnknown) {
		caller, err = g.lookOn(ctx, hash, index)
	}
	return caller, refused(err)
}

// lookOn looks again with each record, the next of which stands behind index,
// until a token has the secret, or a moment has passed.
func (g *Guard) lookOn(ctx context.Context, hash [32]byte, index uint64) (c Caller, err error) {
	ctx, cancel := context.WithTimeout(ctx, lookAgain)
	defer cancel()
	for err = acl.ErrUnknown; errors.Is(err, acl.ErrUnknown) && g.cfg.Source.AwaitApplied(ctx, index+1) == nil; {
		c, index, err = g.look(hash)
	}
	return c, err
}

func refused(err error) error {
	switch {
	case errors.Is(err, acl.ErrExpired):
		return fmt.Errorf("%w: it has expired", ErrRefused)
	case err != nil:
		return fmt.Errorf("%w: no token has this secret", ErrRefused)
	}
	return nil
}

// look looks for the token in the state as it is, at index.
func (g *Guard) look(hash [32]byte) (c Caller, index uint64, err error) {
	now, _ := g.cfg.Source.Now()
	g.cfg.Source.View(func(s *limit.State) {
		index = s.Index()
		var token command.ACLToken
		if token, err = s.ACL().Identify(hash, max(now, s.Time())); err == nil {
			c = Caller{token: token, rights: s.ACL().Rights(token.Policies...), now: max(now, s.Time())}
		}
	})
	return c, index, err
}

func (g *Guard) anonymous() (c Caller) {
	g.cfg.Source.View(func(s *limit.State) { c.rights = s.ACL().Rights(g.cfg.Anonymous) })
	return c
}
