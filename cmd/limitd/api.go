package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/limitd/limitd/client"
	"github.com/limitd/limitd/transport/wire"
	"github.com/urfave/cli/v2"
)

// graceTime is how much longer than a call's time the command line waits, so that
// a node that gives up in time can say why.
const graceTime = time.Second

// maxAnswer bounds what is read of one answer, bytes.
const maxAnswer = 64 << 20

// shareTime is how long, at most, a node is asked while there are others to ask.
const shareTime = 4 * time.Second

// api talks to the nodes that a command line names. It asks one node after the
// other under one idempotency key, so that a call has one effect.
type api struct {
	bases   []string // http://host:port, or https
	token   string
	timeout time.Duration // of a whole call
	stale   bool          // read what a node has at hand; it may lag, and says how far
	client  *http.Client
	unfit   error // what is wrong with the files of https

	header http.Header // of the last answer
}

// oldAge is how old an answer may be without being called old.
const oldAge = time.Second

// source tells who answered last, and whether the answer is old: a copy that has
// heard of nothing new is that only where it has no leader.
func (a *api) source(ctx context.Context) string {
	text := "from " + a.header.Get(wire.HeaderNode)
	age, err := time.ParseDuration(a.header.Get(wire.HeaderAge))
	if err != nil || age < oldAge {
		return text
	}
	quick := *a
	quick.timeout = time.Second
	old := age.Round(100 * time.Millisecond)
	switch now, err := read[wire.Cluster](quick.call(ctx, http.MethodGet, "/v1/cluster", nil)); {
	case err != nil:
		return fmt.Sprintf("%s, its newest record %v old", text, old)
	case now.Leader == "":
		return fmt.Sprintf("%s, %v old: it has no contact with a leader", text, old)
	}
	return text
}

// apiFlags are the flags of every command that talks to a node.
func apiFlags(more ...cli.Flag) []cli.Flag {
	timeout := &cli.DurationFlag{Name: "timeout", Value: 10 * time.Second, Usage: "how long to try"}
	return slices.Concat(more, nodeFlags(), []cli.Flag{timeout}, outputFlags())
}

// nodeFlags say where the nodes are, and who asks.
func nodeFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "address", Category: "Node", Usage: "`ADDRESSES` of nodes, separated by commas [$LIMITD_ADDR] (default " + defaultAddress + ")"},
		&cli.StringFlag{Name: "ca-cert", Category: "Node", Usage: "`FILE` of the authority that the nodes' certificates come from; addresses without a scheme mean https then [$LIMITD_CACERT]"},
		&cli.StringFlag{Name: "client-cert", Category: "Node", Usage: "`FILE` of the certificate to show to nodes [$LIMITD_CLIENT_CERT]"},
		&cli.StringFlag{Name: "client-key", Category: "Node", Usage: "`FILE` of the key of --client-cert [$LIMITD_CLIENT_KEY]"},
		&cli.StringFlag{Name: "token", Category: "Node", Usage: "`TOKEN` to authenticate with; others see it among the processes: better --token-file, or [$LIMITD_TOKEN]"},
		&cli.StringFlag{Name: "token-file", Category: "Node", Usage: "`FILE` that holds the token", Action: readTokenFile},
	}
}

func newAPI(c *cli.Context, w world) *api {
	given := clientConfig(c, w)
	a := &api{bases: given.Addresses, token: given.Token, timeout: c.Duration("timeout")}
	a.client, a.unfit = newHTTPClient(given)
	return a
}

// clientConfig returns what flags and variables say of the nodes, and of who asks.
func clientConfig(c *cli.Context, w world) client.Config {
	given := client.Config{
		Token:      setting(c, w, "token", "LIMITD_TOKEN", ""),
		CACert:     setting(c, w, "ca-cert", "LIMITD_CACERT", ""),
		ClientCert: setting(c, w, "client-cert", "LIMITD_CLIENT_CERT", ""),
		ClientKey:  setting(c, w, "client-key", "LIMITD_CLIENT_KEY", ""),
	}
	given.Addresses = bases(setting(c, w, "address", "LIMITD_ADDR", defaultAddress), schemeOf(given))
	return given
}

// schemeOf is that of addresses that have none.
func schemeOf(c client.Config) string {
	if c.CACert != "" || c.ClientCert != "" {
		return "https"
	}
	return "http"
}

// newHTTPClient returns a client that believes, and shows, what c says. With an
// error it is one that does neither.
func newHTTPClient(c client.Config) (*http.Client, error) {
	config, err := c.TLS()
	if err != nil {
		return &http.Client{}, clientFailure(err)
	}
	if config == nil {
		return &http.Client{}, nil
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = config
	transport.Protocols = new(http.Protocols) // of HTTP/2 net/http does not tell why a node hung up
	transport.Protocols.SetHTTP1(true)
	return &http.Client{Transport: transport}, nil
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
	if err := errors.Join(a.unfit, checkBases(a.bases)); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, a.timeout+graceTime)
	defer cancel()
	key, end := rand.Text(), time.Now().Add(a.timeout)
	for {
		answer, alive, err := a.round(ctx, method, path, key, end, body)
		if !alive || time.Until(end) < pauseTime || wait(ctx, pauseTime) != nil {
			return answer, err
		}
	}
}

// pauseTime is how long the command line waits before it asks all nodes again.
const pauseTime = 200 * time.Millisecond

// round asks each node once, until one gives an answer that another would only
// repeat. alive says that there was none, but that a node runs and has no leader,
// which may be about to be elected.
func (a *api) round(ctx context.Context, method, path, key string, end time.Time, body []byte) (answer json.RawMessage, alive bool, failed error) {
	for i, base := range a.bases {
		left := time.Until(end)
		if failed != nil && left < time.Millisecond {
			break
		}
		share := left + graceTime
		if others := len(a.bases) - i - 1; others > 0 { // one that hangs leaves time for them
			share = min(left/time.Duration(others+1), shareTime)
			left = share * 3 / 4 // then it can still say why
		}
		once, stop := context.WithTimeout(ctx, share)
		answer, err := a.try(once, method, base+a.fresh(method, path), key, max(left, time.Millisecond), body)
		stop()
		if err == nil || !anotherNode(err) {
			a.bases = slices.Concat(a.bases[i:], a.bases[:i]) // who answers is asked first from now on
			return answer, false, failureOf(err, base)
		}
		if p := (*wire.Problem)(nil); errors.As(err, &p) && exitCode(p.Code) == exitNoLeader {
			alive = true
		}
		failed = errors.Join(failed, failureOf(err, base))
	}
	return nil, alive, failed
}

// fresh adds to the path of a read how fresh the answer has to be.
func (a *api) fresh(method, path string) string {
	if !a.stale || method != http.MethodGet {
		return path
	}
	if strings.Contains(path, "?") {
		return path + "&consistency=stale"
	}
	return path + "?consistency=stale"
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
	a.authorize(request)
	request.Header.Set(wire.HeaderTimeout, left.String())
	response, err := a.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	a.header = response.Header
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, err
	}
	if response.StatusCode/100 != 2 {
		return nil, problemOf(response, answer)
	}
	return answer, nil
}

// authorize shows the token, where there is one.
func (a *api) authorize(r *http.Request) {
	if a.token != "" {
		r.Header.Set("Authorization", "Bearer "+a.token)
	}
}

// problemOf reads a problem, or makes one of an answer that is none.
func problemOf(response *http.Response, answer []byte) error {
	var p wire.Problem
	if err := json.Unmarshal(answer, &p); err == nil && p.Code != "" {
		return &p
	}
	if wire.SpeaksTLS(response.StatusCode, answer) {
		return errWantsTLS
	}
	return wire.NewProblem(wire.CodeInternal, fmt.Sprintf("%s did not answer as limitd does: %s", response.Request.URL.Host, response.Status))
}

// hintsHere are hints that take the place of a node's, which speaks to programs.
var hintsHere = map[wire.Code]string{
	wire.CodeNoLeader:     "'limitd members' shows which nodes are alive. Where most are lost for good: docs/operations.md, Lost quorum.",
	wire.CodeNodeNotFound: "'limitd members' lists the nodes.",
	wire.CodeDenied:       "'--wait 30s' stands in the queue for that long.",
	wire.CodeLimitExists:  "'limitd limit update' changes it; 'limitd limit enable' puts one in force that is inactive.",
}

// problemFailure turns a problem into what people read.
func problemFailure(p *wire.Problem) *failure {
	f := failf(exitCode(p.Code), "%s", p.Detail)
	if len(p.Errors) > 1 { // the detail tells the first of them
		f.text = fmt.Sprintf("%d things are wrong with the request", len(p.Errors))
		for _, e := range p.Errors {
			f.text += fmt.Sprintf("\n  %s: %s", e.Field, e.Detail)
		}
	}
	if f.hint = cmp.Or(hintsHere[p.Code], p.Hint); len(p.Similar) > 0 && len(p.Errors) <= 1 {
		f.suggest(p)
	}
	if p.Effect == wire.EffectUnknown {
		f.hint = strings.TrimSpace(f.hint + " It may have happened: look before you repeat it.")
	}
	return f
}

// exitCode maps the API's codes to those of the command line.
func exitCode(c wire.Code) int {
	switch c {
	case wire.CodeInvalidRequest:
		return exitUsage
	case wire.CodeLimitNotFound, wire.CodeLeaseNotFound, wire.CodeAcquireNotFound, wire.CodeNodeNotFound, wire.CodeRouteNotFound,
		wire.CodeTokenNotFound, wire.CodePolicyNotFound:
		return exitNotFound
	case wire.CodeDenied:
		return exitDenied
	case wire.CodeWaitExpired:
		return exitTimedOut
	case wire.CodeNoLeader, wire.CodeShuttingDown, wire.CodeOutcomeUnknown, client.ErrUnreachable, client.ErrNotLimitd, client.ErrUntrusted:
		return exitNoLeader
	case wire.CodeUnauthenticated, wire.CodePermissionDenied:
		return exitPermission
	case wire.CodeLeaseEnded, client.ErrLeaseLost:
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
