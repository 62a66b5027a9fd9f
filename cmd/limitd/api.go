package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/limitd/limitd/transport/wire"
	"github.com/urfave/cli/v2"
)

// defaultAddress is where a node on this machine answers.
const defaultAddress = "127.0.0.1:7480"

// graceTime is how much longer than a call's time the command line waits, so that
// a node that gives up in time can say why.
const graceTime = time.Second

// maxAnswer bounds what is read of one answer, bytes.
const maxAnswer = 64 << 20

// api talks to the nodes that a command line names. It asks one node after the
// other under one idempotency key, so that a call has one effect.
type api struct {
	bases   []string // http://host:port
	token   string
	timeout time.Duration // of a whole call
	client  *http.Client
}

// apiFlags are the flags of every command that talks to a node.
func apiFlags(more ...cli.Flag) []cli.Flag {
	return append(more,
		&cli.StringFlag{Name: "address", Usage: "`ADDRESSES` of nodes, separated by commas [$LIMITD_ADDR] (default " + defaultAddress + ")"},
		&cli.StringFlag{Name: "token", Usage: "`TOKEN` to authenticate with [$LIMITD_TOKEN]"},
		&cli.DurationFlag{Name: "timeout", Value: 10 * time.Second, Usage: "how long to try"},
		outputFlag(),
	)
}

func newAPI(c *cli.Context, w world) *api {
	return &api{
		bases:   bases(setting(c, w, "address", "LIMITD_ADDR", defaultAddress)),
		token:   setting(c, w, "token", "LIMITD_TOKEN", ""),
		timeout: c.Duration("timeout"),
		client:  &http.Client{},
	}
}

// setting returns a flag's value, or the variable's, or the default.
func setting(c *cli.Context, w world, flag, variable, otherwise string) string {
	if c.IsSet(flag) {
		return c.String(flag)
	}
	if v, ok := w.lookup(variable); ok && v != "" {
		return v
	}
	return otherwise
}

// bases reads a comma-separated list of URLs; a bare host:port means http.
func bases(list string) []string {
	var all []string
	for _, one := range strings.Split(list, ",") {
		one = strings.TrimRight(strings.TrimSpace(one), "/")
		if one == "" {
			continue
		}
		if !strings.Contains(one, "://") {
			one = "http://" + one
		}
		all = append(all, one)
	}
	return all
}

// call sends one request, in as JSON where it is not nil, and returns the
// answer's body. Its errors are failures.
func (a *api) call(ctx context.Context, method, path string, in any) (json.RawMessage, error) {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return nil, fmt.Errorf("encode the request: %w", err)
		}
	}
	if len(a.bases) == 0 {
		return nil, failf(exitUsage, "no address of a node is given")
	}
	ctx, cancel := context.WithTimeout(ctx, a.timeout+graceTime)
	defer cancel()
	key, end := rand.Text(), time.Now().Add(a.timeout)
	var failed error
	for _, base := range a.bases {
		left := time.Until(end)
		if failed != nil && left < time.Millisecond {
			break
		}
		answer, err := a.try(ctx, method, base+path, key, max(left, time.Millisecond), body)
		if err == nil || !anotherNode(err) {
			return answer, failureOf(err, base)
		}
		failed = errors.Join(failed, failureOf(err, base))
	}
	return nil, failed
}

// anotherNode tells whether another node may know better.
func anotherNode(err error) bool {
	var p *wire.Problem
	return !errors.As(err, &p) || p.Code.Info().Retry == wire.RetrySameID
}

// try asks one node, which may try for as long as left.
func (a *api) try(ctx context.Context, method, url, key string, left time.Duration, body []byte) (json.RawMessage, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body != nil {
		request.Header.Set("Content-Type", wire.TypeJSON)
	}
	if method != http.MethodGet {
		request.Header.Set(wire.HeaderIdempotencyKey, key)
	}
	if a.token != "" {
		request.Header.Set("Authorization", "Bearer "+a.token)
	}
	request.Header.Set(wire.HeaderTimeout, left.String())
	response, err := a.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, err
	}
	if response.StatusCode/100 != 2 {
		return nil, problemOf(response, answer)
	}
	return answer, nil
}

// problemOf reads a problem, or makes one of an answer that is none.
func problemOf(response *http.Response, answer []byte) error {
	var p wire.Problem
	if err := json.Unmarshal(answer, &p); err == nil && p.Code != "" {
		return &p
	}
	return wire.NewProblem(wire.CodeInternal, fmt.Sprintf("%s did not answer as limitd does: %s", response.Request.URL.Host, response.Status))
}

// failureOf turns what went wrong at a node into what people read.
func failureOf(err error, base string) error {
	if err == nil {
		return nil
	}
	var p *wire.Problem
	if errors.As(err, &p) {
		f := failf(exitCode(p.Code), "%s", p.Detail)
		if len(p.Errors) > 1 { // the detail tells the first of them
			f.text = fmt.Sprintf("%d things are wrong with the request", len(p.Errors))
			for _, e := range p.Errors {
				f.text += fmt.Sprintf("\n  %s: %s", e.Field, e.Detail)
			}
		}
		if f.hint = p.Hint; p.Effect == wire.EffectUnknown {
			f.hint = strings.TrimSpace(f.hint + " It may have happened: look before you repeat it.")
		}
		return f
	}
	f := failf(exitNoLeader, "no answer from %s: %v", base, reason(err))
	f.hint = "Is a node running there? 'limitd agent -dev' starts one; --address or LIMITD_ADDR names others."
	return f
}

// reason strips what net/http wraps around the cause.
func reason(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return errors.New("time is up")
	}
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

// exitCode maps the API's codes to those of the command line.
func exitCode(c wire.Code) int {
	switch c {
	case wire.CodeLimitNotFound, wire.CodeLeaseNotFound, wire.CodeAcquireNotFound, wire.CodeNodeNotFound, wire.CodeRouteNotFound:
		return exitNotFound
	case wire.CodeDenied:
		return exitDenied
	case wire.CodeWaitExpired:
		return exitTimedOut
	case wire.CodeNoLeader, wire.CodeShuttingDown, wire.CodeOutcomeUnknown:
		return exitNoLeader
	case wire.CodeUnauthenticated, wire.CodePermissionDenied:
		return exitPermission
	case wire.CodeLeaseEnded:
		return exitLeaseLost
	}
	return exitError
}

// read decodes an answer.
func read[T any](raw json.RawMessage, err error) (T, error) {
	var v T
	if err != nil {
		return v, err
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		return v, fmt.Errorf("read the node's answer: %w", err)
	}
	return v, nil
}
