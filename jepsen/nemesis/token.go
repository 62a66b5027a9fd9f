//go:build linux

package nemesis

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/limitd/limitd/jepsen/nodes"
	"github.com/limitd/limitd/jepsen/secure"
)

// TokenGroup changes tokens under their callers' hands, so that it is asked for by name.
const TokenGroup = "tokens"

// tokens make, rotate, delete and outlive tokens. A secret that every node has
// refused once is never accepted again: the run's strangers go on trying it.
func tokens() []Nemesis {
	kind := func(name, what string, start func(context.Context, *Stage) error) Nemesis {
		return Nemesis{Name: name, Group: TokenGroup, What: what, Lacks: withoutACL, Start: func(_ context.Context, s *Stage) (*Fault, error) {
			return &Fault{On: "all nodes", Mend: func(ctx context.Context) error { return start(ctx, s) }}, nil
		}}
	}
	return []Nemesis{
		kind("rotate-token", "the token of one verb gets another secret, and the old one ends", rotateToken),
		kind("expire-token", "a token of a few seconds is made, and expires", expireToken),
		kind("delete-token", "a token is made, and deleted", deleteToken),
	}
}

func withoutACL(s *Stage) string {
	if s.Tokens == nil {
		return "the run asks for no tokens"
	}
	return ""
}

// kept is how long a secret outlives its rotation.
const kept = 4 * time.Second

func rotateToken(ctx context.Context, s *Stage) error {
	verbs := secure.Verbs()
	verb := verbs[s.upTo(int64(len(verbs)))]
	before, now, err := s.Tokens.Rotate(ctx, s.Send, verb, kept)
	if err != nil {
		return err
	}
	if err := s.allSay(ctx, now, http.StatusOK); err != nil {
		return fmt.Errorf("the new secret is not accepted: %w", err)
	}
	return s.ended(ctx, secure.Stranger{Name: "one with a secret that was rotated", Secret: before})
}

func expireToken(ctx context.Context, s *Stage) error {
	secret, _, err := s.newToken(ctx, s.between(time.Second, 4*time.Second).Round(time.Millisecond))
	if err != nil {
		return err
	}
	return s.ended(ctx, secure.Stranger{Name: "one whose token has expired", Secret: secret})
}

func deleteToken(ctx context.Context, s *Stage) error {
	secret, name, err := s.newToken(ctx, 0)
	if err != nil {
		return err
	}
	if err := s.allSay(ctx, secret, http.StatusOK); err != nil {
		return fmt.Errorf("a new token is not accepted: %w", err)
	}
	if err := s.Tokens.Delete(ctx, s.Send, name); err != nil {
		return err
	}
	return s.ended(ctx, secure.Stranger{Name: "one whose token was deleted", Secret: secret})
}

// newToken makes a token that may do everything, until it ends.
func (s *Stage) newToken(ctx context.Context, ttl time.Duration) (secret, name string, err error) {
	if secret, err = s.Tokens.NewSecret(); err != nil {
		return "", "", err
	}
	name = fmt.Sprintf("short-%d", s.Record.Now())
	return secret, name, s.Tokens.Create(ctx, s.Send, name, secret, "operator", ttl)
}

// ended waits until all nodes refuse a secret, and makes a stranger of who has it.
func (s *Stage) ended(ctx context.Context, stranger secure.Stranger) error {
	if err := s.allSay(ctx, stranger.Secret, http.StatusUnauthorized); err != nil {
		return fmt.Errorf("%s is not refused: %w", stranger.Name, err)
	}
	s.Tokens.Distrust(stranger)
	return nil
}

// allSay waits until every node that runs answers a secret by this status.
func (s *Stage) allSay(ctx context.Context, secret string, status int) error {
	for _, n := range s.Cluster.Nodes() {
		err := s.eventually(ctx, n, func(ctx context.Context) error {
			a, err := s.askAs(ctx, n, secret, http.MethodGet, "/v1/acl/self", nil)
			if err == nil && a.Status != status {
				err = fmt.Errorf("%s answers %d %s", n.Name, a.Status, a.Body)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Stage) askAs(ctx context.Context, n *nodes.Node, secret, method, path string, body any) (nodes.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	return n.As(ctx, secure.Authorization(secret), method, path, body)
}

// Send sends one request to any node, as secure.Send says it.
func (s *Stage) Send(ctx context.Context, secret, method, path string, body any) (int, []byte, error) {
	n := s.shuffled()[0]
	if !n.Running() {
		return 0, nil, errors.New(n.Name + " does not run")
	}
	a, err := s.askAs(ctx, n, secret, method, path, body)
	return a.Status, a.Body, err
}
