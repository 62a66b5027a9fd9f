package prefect

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
	"github.com/limitd/limitd/transport/audit"
	"github.com/limitd/limitd/transport/auth"
)

// Prefect's clients show one of two things: PREFECT_API_AUTH_STRING, "user:password",
// as Basic, or PREFECT_API_KEY as Bearer. Either way the token is the secret: the
// key, or the password, whatever the user is called.

// need is what a route asks of its caller. The zero need is none that a route may
// have: who adds a route has to say what it needs.
type need uint8

const (
	open     need = iota + 1 // nothing
	greets                   // acquire, shown in the stream
	reads                    // read, on what the handler says
	acquires                 // acquire, on what the handler says
	manages                  // manage, on what the handler says
)

func (n need) verb() command.Verb {
	switch n {
	case manages:
		return command.VerbManage
	case acquires, greets:
		return command.VerbAcquire
	}
	return command.VerbRead
}

// admit finds out who calls, and refuses who may not call this at all.
func (c *call) admit(needs need) error {
	if needs == open || needs == greets {
		return nil
	}
	if err := c.identify(credentials(c.r)); err != nil {
		return err
	}
	return c.lacks(c.caller.CheckAny(needs.verb()))
}

// identify finds out whose the secret is.
func (c *call) identify(secret string) error {
	ctx, cancel := c.limited()
	defer cancel()
	caller, err := c.api.cfg.Guard.Identify(ctx, secret, false)
	switch {
	case errors.Is(err, auth.ErrRefused):
		return &failure{kind: unauthorized}
	case err != nil:
		return c.backendError(err)
	}
	c.caller = caller
	return nil
}

// may returns a failure where the caller may not do this on one of the limits.
func (c *call) may(verb command.Verb, limits ...string) error {
	c.about = append(c.about, limits...)
	return c.lacks(c.caller.Check(verb, limits...))
}

// mayAcquire is may for the entries of an increment or a decrement.
func (c *call) mayAcquire(entries []command.Entry) error {
	for _, e := range entries {
		if err := c.lacks(c.caller.Check(command.VerbAcquire, e.Name)); err != nil {
			return err
		}
	}
	return nil
}

// mayReach is may for the limits of a lease. One that this node does not know yet
// is looked for in a state that is up to date.
func (c *call) mayReach(lease string) error {
	if c.caller.Everywhere(command.VerbAcquire) {
		return nil
	}
	var names []string
	known := false
	look := func(s *limit.State) { names, known = s.LimitsOfRequest(lease) }
	err := c.api.cfg.Backend.ReadAt(c.r.Context(), 0, look)
	if err == nil && !known {
		err = c.read(look)
	}
	if err != nil {
		return err
	}
	return c.mayUnnamed(command.VerbAcquire, "the limits of this lease", names...)
}

// mayUnnamed is may for limits of which the caller gave no name, and is told none.
func (c *call) mayUnnamed(verb command.Verb, what string, limits ...string) error {
	err := c.may(verb, limits...)
	var f *failure
	if errors.As(err, &f) && f.kind == forbidden {
		f.text = fmt.Sprintf("the token %q lacks the verb %s on %s", c.caller.Name(), verb, what)
	}
	return err
}

// lacks turns what a caller lacks into what the client is told.
func (c *call) lacks(err error) error {
	var lack *auth.Lack
	switch {
	case !errors.As(err, &lack):
		return err
	case lack.Who == "":
		return &failure{kind: unauthorized}
	}
	return &failure{kind: forbidden, text: lack.Error()}
}

// credentials returns the token in the header Authorization; "" for none.
func credentials(r *http.Request) string {
	scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	text = strings.TrimSpace(text)
	if strings.EqualFold(scheme, "Basic") {
		pair, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return text // no token, and so refused
		}
		return password(string(pair))
	}
	return text
}

// password returns what stands behind the user of "user:password"; all of a text
// without a user.
func password(text string) string {
	if _, secret, ok := strings.Cut(text, ":"); ok {
		return secret
	}
	return text
}

// greeted judges a client by what it says of itself at the head of a stream.
func (c *call) greeted(ctx context.Context, shown string) bool {
	if c.api.cfg.Guard == nil {
		return true
	}
	caller, err := c.api.cfg.Guard.Identify(ctx, password(shown), true)
	return err == nil && caller.CheckAny(command.VerbAcquire) == nil
}

// audit writes the call down, where it is one that manages something.
func (c *call) audit() {
	if c.api.cfg.Audit == nil || c.route == nil || c.upstream || c.route.needs.verb() < command.VerbManage {
		return
	}
	c.api.cfg.Audit.Note(audit.Entry{
		Time: time.Now().UTC(), Node: c.api.cfg.Node, Who: c.caller.Name(), From: c.r.RemoteAddr,
		Method: c.r.Method, Path: c.r.URL.Path, Verb: c.route.needs.verb().String(), Limits: c.about, Status: c.status,
	})
}
