package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"syscall"

	"github.com/limitd/limitd/client"
	"github.com/limitd/limitd/transport/wire"
)

// defaultAddress is where a node on this machine answers.
const defaultAddress = "127.0.0.1:7480"

// bases reads a comma-separated list of URLs; a bare host:port gets the scheme.
func bases(list, scheme string) []string {
	var all []string
	for _, one := range strings.Split(list, ",") {
		one = strings.TrimSpace(one)
		if one == "" {
			continue
		}
		if !strings.Contains(one, "://") {
			one = scheme + "://" + one
		}
		scheme, rest, _ := strings.Cut(one, "://")
		all = append(all, scheme+"://"+strings.TrimRight(rest, "/"))
	}
	return all
}

// scheme is the one by which the nodes are called.
func (a *api) scheme() string {
	scheme, _, _ := strings.Cut(a.bases[0], "://")
	return scheme
}

// checkBases tells what is wrong with the addresses of nodes.
func checkBases(bases []string) error {
	if len(bases) == 0 {
		return failf(exitUsage, "no address of a node is given")
	}
	for _, base := range bases {
		u, err := url.Parse(base)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.HasSuffix(u.Host, ":") {
			return failf(exitUsage, "%q is no address of a node: write host:port, or a URL such as http://%s", base, defaultAddress)
		}
		if port, err := strconv.ParseUint(cmp.Or(u.Port(), "1"), 10, 16); err != nil || port == 0 {
			return failf(exitUsage, "%q has no port from 1 to 65535; a node's is 7480 by default", base)
		}
		if u.RawQuery != "" || u.Fragment != "" {
			return failf(exitUsage, "%q has more than scheme, host, port and path: leave out what stands behind them", u.Redacted())
		}
	}
	return nil
}

// errWantsTLS says that a node was called by http, and speaks https.
var errWantsTLS = errors.New("it speaks https, and was called by http")

// failureOf turns what went wrong at a node into what people read.
func failureOf(err error, base string) error {
	if err == nil {
		return nil
	}
	var p *wire.Problem
	if errors.As(err, &p) {
		return problemFailure(p)
	}
	f := failf(exitNoLeader, "no answer from %s: %v", base, reason(err))
	f.hint = unreachableHint(err, base)
	if e := client.Untrusted(err); e != nil {
		f.text, f.hint = fmt.Sprintf("no answer from %s: %s", base, e.Detail), e.Hint
	}
	return f
}

// reason strips what net/http wraps around the cause.
func reason(err error) error {
	var op *net.OpError
	var call *url.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return errors.New("time is up")
	case errors.As(err, &op):
		return op.Err
	case errors.As(err, &call):
		return call.Err
	}
	return err
}

const (
	hintNoNode    = "Is a node running there? 'limitd agent -dev' starts one; --address or LIMITD_ADDR names others."
	hintOtherPort = "Is that a node's HTTP port, 7480 by default? On 7481 and 7482 nodes speak among themselves."
	hintNoPort    = "The address names no port; that of a node is 7480 by default."
	hintWantsTLS  = "Write https:// before the address, and name its authority: --ca-cert FILE, or LIMITD_CACERT."
)

// unreachableHint says what to do where the nodes at the addresses gave no answer.
func unreachableHint(err error, bases ...string) string {
	switch {
	case errors.Is(err, errWantsTLS):
		return hintWantsTLS
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return hintOtherPort
	case len(bases) == 1 && !hasPort(bases[0]):
		return hintNoPort
	}
	return hintNoNode
}

// hasPort tells whether the address, which was checked, names a port.
func hasPort(base string) bool {
	u, err := url.Parse(base)
	return err == nil && u.Port() != ""
}
