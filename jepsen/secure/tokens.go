package secure

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/limitd/limitd/transport/auth"
	"github.com/limitd/limitd/transport/wire"
)

// Send sends one request, with a secret, to some node. A nil body sends none.
type Send func(ctx context.Context, secret, method, path string, body any) (status int, answer []byte, err error)

// Tokens are those of a run: one of each verb for callers, who show the least one
// that may do what they ask for, and those that may not do it. It is safe for
// concurrent use.
type Tokens struct {
	random io.Reader
	first  string // the operator's

	mu      sync.Mutex
	secrets map[string]string // guarded by mu; by verb
	wrong   []Stranger        // guarded by mu
}

// Stranger is somebody whose secret does not allow what it is shown for.
type Stranger struct {
	Name   string // in reports
	Secret string // "": none is shown
}

// NewTokens makes the secrets of a run.
func NewTokens(random io.Reader) (t *Tokens, err error) {
	t = &Tokens{random: random, secrets: make(map[string]string)}
	if t.first, err = auth.NewSecret(random); err != nil {
		return nil, err
	}
	for _, verb := range Verbs() {
		if t.secrets[verb], err = auth.NewSecret(random); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// Verbs are those that callers need. Each has a token, of a policy of that name.
func Verbs() []string { return []string{wire.VerbRead, wire.VerbAcquire, wire.VerbManage} }

// policy is the name of the policy of those who need the verb.
func policy(verb string) string { return "jepsen-" + verb }

// rules allow a verb on every limit that a workload makes, by prefixes: so that
// a node has to look at limits, and does not let pass who may do it everywhere.
func rules(verb string) (list []wire.ACLRule) {
	for letter := 'a'; letter <= 'z'; letter++ {
		list = append(list, wire.ACLRule{Verb: verb, Limit: string(letter) + "*"})
	}
	return list
}

// Open makes the first token, the policies and the other tokens. It goes on until
// all are there, or ctx ends.
func (t *Tokens) Open(ctx context.Context, send Send) error {
	if err := insist(ctx, func() (int, []byte, error) {
		return send(ctx, "", http.MethodPost, "/v1/acl/bootstrap", wire.ACLBootstrapRequest{Secret: t.first})
	}); err != nil {
		return fmt.Errorf("make the first token: %w", err)
	}
	for _, verb := range Verbs() {
		if err := t.put(ctx, send, policy(verb), rules(verb)); err != nil {
			return err
		}
		if err := t.Create(ctx, send, policy(verb), t.Secret(verb), policy(verb), 0); err != nil {
			return err
		}
	}
	return t.openStrangers(ctx, send)
}

// openStrangers makes those who may not do what callers do.
func (t *Tokens) openStrangers(ctx context.Context, send Send) error {
	elsewhere := []wire.ACLRule{{Verb: wire.VerbManage, Limit: "Elsewhere*"}}
	if err := t.put(ctx, send, "elsewhere", elsewhere); err != nil {
		return err
	}
	secret, err := t.NewSecret()
	if err != nil {
		return err
	}
	if err := t.Create(ctx, send, "elsewhere", secret, "elsewhere", 0); err != nil {
		return err
	}
	guess, err := t.NewSecret()
	if err != nil {
		return err
	}
	t.Distrust(Stranger{"one who may manage other limits", secret})
	t.Distrust(Stranger{"one without a token", ""})
	t.Distrust(Stranger{"one who guesses", guess})
	return nil
}

func (t *Tokens) put(ctx context.Context, send Send, name string, rules []wire.ACLRule) error {
	err := insist(ctx, func() (int, []byte, error) {
		return send(ctx, t.first, http.MethodPut, "/v1/acl/policies/"+name, wire.ACLPolicyRequest{Rules: rules})
	})
	if err != nil {
		return fmt.Errorf("make the policy %s: %w", name, err)
	}
	return nil
}

// Create makes a token; a ttl of 0 is for ever.
func (t *Tokens) Create(ctx context.Context, send Send, name, secret, policy string, ttl time.Duration) error {
	body := wire.ACLTokenRequest{Name: name, Policies: []string{policy}, Secret: secret, TTL: wire.Duration(ttl)}
	err := insist(ctx, func() (int, []byte, error) {
		return send(ctx, t.first, http.MethodPost, "/v1/acl/tokens", body)
	})
	if err != nil {
		return fmt.Errorf("make the token %s: %w", name, err)
	}
	return nil
}

// Rotate gives the token of a verb another secret, which callers show from then
// on, and leaves the one before in force for keep. It returns both.
func (t *Tokens) Rotate(ctx context.Context, send Send, verb string, keep time.Duration) (before, now string, err error) {
	if now, err = t.NewSecret(); err != nil {
		return "", "", err
	}
	body := wire.ACLRotateRequest{Secret: now, Keep: wire.Duration(keep)}
	err = insist(ctx, func() (int, []byte, error) {
		return send(ctx, t.first, http.MethodPost, "/v1/acl/tokens/"+policy(verb)+"/rotate", body)
	})
	if err != nil {
		return "", "", fmt.Errorf("rotate the token of %s: %w", verb, err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	before, t.secrets[verb] = t.secrets[verb], now
	return before, now, nil
}

// Delete deletes a token.
func (t *Tokens) Delete(ctx context.Context, send Send, name string) error {
	err := insist(ctx, func() (int, []byte, error) {
		status, answer, err := send(ctx, t.first, http.MethodDelete, "/v1/acl/tokens/"+name, nil)
		if status == http.StatusNotFound { // a try of before did it
			status = http.StatusNoContent
		}
		return status, answer, err
	})
	if err != nil {
		return fmt.Errorf("delete the token %s: %w", name, err)
	}
	return nil
}

// NewSecret makes a secret that no token has yet.
func (t *Tokens) NewSecret() (string, error) { return auth.NewSecret(t.random) }

// Secret returns the secret of the token of a verb.
func (t *Tokens) Secret(verb string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.secrets[verb]
}

// Distrust adds a stranger: every node is known to refuse it.
func (t *Tokens) Distrust(s Stranger) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.wrong = append(t.wrong, s)
}

// Strangers returns who may not do what callers do, the newest last.
func (t *Tokens) Strangers() []Stranger {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.wrong[:len(t.wrong):len(t.wrong)]
}

// insist repeats a request that is answered by 2xx in the end. A write that got
// lost may have happened: then the next one is told that it is there.
func insist(ctx context.Context, send func() (int, []byte, error)) error {
	lost := false
	for {
		status, answer, err := send()
		switch {
		case err != nil, status == http.StatusServiceUnavailable, status == http.StatusGatewayTimeout:
			lost = true
		case status == http.StatusUnauthorized: // a node that has not heard of the first token yet
		case status/100 == 2, lost && status == http.StatusConflict:
			return nil
		case lost && status == http.StatusBadRequest && strings.Contains(string(answer), "very secret"):
			return nil
		default:
			return fmt.Errorf("%d %s", status, answer)
		}
		pause := time.NewTimer(100 * time.Millisecond)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return errors.Join(ctx.Err(), err, fmt.Errorf("the last answer: %d %s", status, answer))
		}
	}
}
