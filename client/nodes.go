package client

import (
	"cmp"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// nodes are the addresses of the cluster. Calls stay with one node until it
// fails; then all move on to the next that is not known to be bad.
type nodes struct {
	mu      sync.Mutex
	list    []node // guarded by mu
	current int    // guarded by mu
}

type node struct {
	url      *url.URL
	failures int       // in a row
	badUntil time.Time // not asked before, where another can be
}

// parseNodes reads addresses: URLs, or host:port, which means https where it is
// secure, else http.
func parseNodes(addresses []string, secure bool, first int) (*nodes, error) {
	scheme := "http://"
	if secure {
		scheme = "https://"
	}
	n := &nodes{}
	for _, a := range addresses {
		text := a
		if !strings.Contains(text, "://") {
			text = scheme + text
		}
		u, err := url.Parse(text)
		if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			return nil, invalid(fmt.Sprintf("the address %q is neither a URL nor host:port", a), "write http://127.0.0.1:7480")
		}
		if port, err := strconv.ParseUint(cmp.Or(u.Port(), "1"), 10, 16); err != nil || port == 0 {
			return nil, invalid(fmt.Sprintf("the address %q has no port from 1 to 65535", a), "limitd listens on 7480 by default")
		}
		if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			return nil, invalid(fmt.Sprintf("the address %q has more than scheme, host, port and path", u.Redacted()), "a token goes into Config.Token or LIMITD_TOKEN")
		}
		if u.Path = strings.TrimSuffix(u.Path, "/"); strings.HasSuffix(u.Path, "/v1") {
			return nil, invalid(fmt.Sprintf("the address %q names the API's version", a), "leave /v1 out: the client adds it")
		}
		n.list = append(n.list, node{url: u})
	}
	n.current = first % len(n.list)
	return n, nil
}

// pick returns the node to ask now.
func (n *nodes) pick(now time.Time) (int, *url.URL) {
	n.mu.Lock()
	defer n.mu.Unlock()
	best := n.current
	for i := range n.list {
		k := (n.current + i) % len(n.list)
		if !n.list[k].badUntil.After(now) {
			best = k
			break
		}
		if n.list[k].badUntil.Before(n.list[best].badUntil) {
			best = k
		}
	}
	n.current = best
	return best, n.list[best].url
}

// worked notes that node k answered. It tells whether it had failed before.
func (n *nodes) worked(k int) (again bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	again = n.list[k].failures > 0
	n.list[k].failures, n.list[k].badUntil = 0, time.Time{}
	return again
}

// count returns how many nodes there are.
func (n *nodes) count() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.list)
}

// failed notes that node k did not answer, or cannot serve. It tells whether it
// had answered before.
func (n *nodes) failed(k int, now time.Time) (newly bool) {
	const shortest, longest = 250 * time.Millisecond, 5 * time.Second
	n.mu.Lock()
	defer n.mu.Unlock()
	bad := &n.list[k]
	bad.badUntil = now.Add(min(shortest<<min(bad.failures, 10), longest))
	bad.failures++
	return bad.failures == 1
}
