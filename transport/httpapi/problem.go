package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
	"github.com/limitd/limitd/transport/auth"
	"github.com/limitd/limitd/transport/trace"
	"github.com/limitd/limitd/transport/wire"
)

// fail answers with err: a problem, or what becomes one.
func (c *call) fail(err error) {
	if errors.Is(err, errGone) {
		panic(http.ErrAbortHandler) // nobody reads an answer
	}
	p := c.asProblem(err)
	p.RequestID, c.failure = c.id, p.Code
	if after := retryAfter(p); after > 0 {
		c.header("Retry-After", strconv.FormatInt(after, 10))
	}
	body, err := json.Marshal(p)
	if err != nil {
		body = []byte(`{}`)
	}
	c.reply(p.Status, wire.TypeProblem, append(body, '\n'))
}

// asProblem returns the problem in err, or one of CodeInternal, which it logs.
func (c *call) asProblem(err error) *wire.Problem {
	var p *wire.Problem
	var lack *auth.Lack
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &lack):
		return c.lacks(lack)
	}
	args := []any{"request_id", c.id, "route", c.pattern(), "err", err}
	c.api.cfg.Logger.Error("a request failed", append(args, trace.Args(c.r.Context())...)...)
	return wire.NewProblem(wire.CodeInternal, err.Error())
}

// retryAfter returns the seconds of the header Retry-After, rounded up; 0: none.
func retryAfter(p *wire.Problem) int64 {
	if p.RetryAfter == nil {
		return int64(p.Code.Info().After)
	}
	return max(1, ceilSeconds(int64(*p.RetryAfter)))
}

// ceilSeconds rounds ns up to whole seconds.
func ceilSeconds(ns int64) int64 {
	s := ns / 1e9
	if ns%1e9 > 0 {
		s++
	}
	return s
}

// backendError turns an error of the backend into a problem. undecided is what
// it means that the time ran out.
func (c *call) backendError(err error, undecided wire.Code) error {
	if c.drained {
		return c.shuttingDown(wire.EffectUnknown)
	}
	if c.r.Context().Err() != nil {
		return errGone
	}
	code := c.api.cfg.Classify(err)
	if code == "" && (errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)) {
		code = undecided
	}
	switch code {
	case "":
		return fmt.Errorf("run %s: %w", c.pattern(), err)
	case wire.CodeNoLeader:
		p := wire.NewProblem(code, "the cluster had no leader for "+c.tried())
		p.Hint = "ask again under the same id, at any node; GET /v1/cluster tells which nodes are alive"
		return p
	case wire.CodeOutcomeUnknown:
		p := wire.NewProblem(code, "the operation was handed over, but its outcome is not known: "+err.Error())
		if errors.Is(err, context.DeadlineExceeded) {
			p.Detail = "the operation was handed over, but its outcome did not come within " + c.tried()
		}
		p.Hint = "ask again with the same id (or Idempotency-Key): it has one effect, and is told the true outcome"
		return p
	case wire.CodeShuttingDown:
		return c.shuttingDown(wire.EffectUnknown)
	}
	return wire.NewProblem(code, strings.TrimPrefix(err.Error(), "cluster: "))
}

// tried tells the caller's timeout, for people.
func (c *call) tried() string {
	return wire.Duration(c.timeout.Round(time.Millisecond)).String()
}

// shuttingDown sends the caller to another node.
func (c *call) shuttingDown(effect wire.Effect) *wire.Problem {
	if c.r.ProtoMajor == 1 {
		c.header("Connection", "close")
	}
	p := wire.NewProblem(wire.CodeShuttingDown, "node "+c.api.cfg.Node+" is shutting down")
	p.Hint = "ask another node, under the same id"
	p.Effect = effect
	return p
}

// refusalCode names the codes of the state machine's refusals.
func refusalCode(code command.Code) wire.Code {
	switch code {
	case command.CodeInvalid:
		return wire.CodeInvalidRequest
	case command.CodeLimitNotFound:
		return wire.CodeLimitNotFound
	case command.CodeLimitExists:
		return wire.CodeLimitExists
	case command.CodeRevisionMismatch:
		return wire.CodeRevisionMismatch
	case command.CodeNeverFits:
		return wire.CodeNeverFits
	case command.CodeNoDecay:
		return wire.CodeNoDecay
	case command.CodeIDReused:
		return wire.CodeIDReused
	case command.CodeLeaseEnded:
		return wire.CodeLeaseEnded
	case command.CodeLeaseNotFound:
		return wire.CodeLeaseNotFound
	case command.CodeLimitDeleted:
		return wire.CodeLimitDeleted
	case command.CodeCancelled:
		return wire.CodeCancelled
	case command.CodeOverloaded:
		return wire.CodeOverloaded
	case command.CodeTooMany:
		return wire.CodeTooMany
	case command.CodeTooOld:
		return wire.CodeTooOld
	case command.CodeNotInForce:
		return wire.CodeNotInForce
	case command.CodeTokenNotFound:
		return wire.CodeTokenNotFound
	case command.CodeTokenExists:
		return wire.CodeTokenExists
	case command.CodePolicyNotFound:
		return wire.CodePolicyNotFound
	case command.CodePolicyInUse:
		return wire.CodePolicyInUse
	case command.CodeBootstrapped:
		return wire.CodeBootstrapped
	}
	return wire.CodeInternal
}

// refusal turns a refusal of the state machine into a problem.
func (c *call) refusal(p *command.Problem) *wire.Problem {
	var similar []string
	if p.Code == command.CodeLimitNotFound {
		c.glance(func(s *limit.State) { similar = s.Similar(p.Limit) })
		similar = slices.DeleteFunc(similar, func(name string) bool { return !c.caller.May(command.VerbRead, name) })
	}
	w := wire.NewProblem(refusalCode(p.Code), p.Error())
	w.Hint = hint(p, similar)
	w.Replayed, w.Similar = p.Replayed, similar
	return w
}

// hint names the mend of a refusal.
func hint(p *command.Problem, similar []string) string {
	name := shellWord(p.Limit)
	switch p.Code {
	case command.CodeLimitNotFound:
		text := fmt.Sprintf("create it: limitd limit create %s --slots N", name)
		if len(similar) > 0 {
			text += "; similar names: " + strings.Join(similar, ", ")
		}
		return text
	case command.CodeLimitExists:
		return fmt.Sprintf("change it: limitd limit update %s, or PUT replaces its settings", name)
	case command.CodeRevisionMismatch:
		return "read the limit again, and send its new ETag in If-Match"
	case command.CodeNeverFits:
		return fmt.Sprintf("ask for at most %d, or raise the limit: limitd limit update %s --slots %d", p.Have, name, p.Want)
	case command.CodeNoDecay:
		return fmt.Sprintf(`give it a rate: limitd limit update %s --rate 10/s; or ask in mode "concurrency"`, name)
	case command.CodeIDReused:
		return "an id stands for one content; take a new one"
	case command.CodeLeaseEnded, command.CodeCancelled:
		return "ask under a new id"
	case command.CodeLeaseNotFound:
		return "GET /v1/leases lists the leases that are held"
	case command.CodeLimitDeleted:
		return fmt.Sprintf("create it again: limitd limit create %s --slots N, or leave it out", name)
	case command.CodeOverloaded:
		return "ask again under the same id after Retry-After; the bounds are in /v1/cluster/settings"
	case command.CodeTooMany:
		return "give back what is not needed, or raise the bound: PATCH /v1/cluster/settings"
	case command.CodeTooOld:
		return "ask again under the same id"
	case command.CodeNotInForce:
		return "bring all nodes to the same version of limitd"
	}
	return aclHint(p)
}

// aclHint is hint for refusals about tokens and policies.
func aclHint(p *command.Problem) string {
	switch p.Code {
	case command.CodeTokenNotFound:
		return "limitd acl token list shows them"
	case command.CodeTokenExists:
		return "limitd acl token rotate gives it another secret; delete removes it"
	case command.CodePolicyNotFound:
		return "limitd acl policy list shows them"
	case command.CodePolicyInUse:
		return "delete the token first; limitd acl token list shows who has it"
	case command.CodeBootstrapped:
		return "its secret was told that once. Who has lost it runs limitd acl bootstrap --reset DIR on the machine of a node, " +
			"where DIR is that node's data folder"
	}
	return ""
}

// shellWord quotes a name that a shell would take apart.
func shellWord(name string) string {
	plain := strings.IndexFunc(name, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_.:-@+,", r))
	}) < 0
	if plain && name != "" && name[0] != '-' {
		return name
	}
	return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
}

// unexpected tells of a result that the operation cannot have: a bug.
func unexpected(r command.Result) error { return fmt.Errorf("the state machine answered %T", r) }
