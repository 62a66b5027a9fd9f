package secure

import (
	"net/http"
	"strings"

	"github.com/limitd/limitd/transport/wire"
)

// Callers returns a transport that shows for each call the token of the least
// verb that may do it, unless the call shows one itself.
func (t *Tokens) Callers(to http.RoundTripper) http.RoundTripper {
	return shows{to, func(r *http.Request) string {
		if verb := Needs(r.Method, r.URL.Path); verb != wire.VerbOperator {
			return t.Secret(verb)
		}
		return t.first
	}}
}

// Hand returns a transport that shows the first token, which may do everything.
func (t *Tokens) Hand(to http.RoundTripper) http.RoundTripper {
	return shows{to, func(*http.Request) string { return t.first }}
}

// nobody in place of an Authorization has a call show no token.
const nobody = "nobody"

// Authorization is the header by which a secret is shown in place of a caller's
// own; "": by which none is.
func Authorization(secret string) string {
	if secret == "" {
		return nobody
	}
	return "Bearer " + secret
}

type shows struct {
	to     http.RoundTripper
	secret func(*http.Request) string
}

// RoundTrip sends r with a token.
func (s shows) RoundTrip(r *http.Request) (*http.Response, error) {
	given := r.Header.Get("Authorization")
	if given != "" && given != nobody {
		return s.to.RoundTrip(r)
	}
	r = r.Clone(r.Context())
	r.Header.Del("Authorization")
	if given == "" {
		r.Header.Set("Authorization", "Bearer "+s.secret(r))
	}
	return s.to.RoundTrip(r)
}

// CloseIdleConnections has the calls to come begin with new connections.
func (s shows) CloseIdleConnections() { (&http.Client{Transport: s.to}).CloseIdleConnections() }

// Needs names the verb that a call needs, as docs/api.md says it: a second
// opinion, which shares nothing with the daemon's.
func Needs(method, path string) string {
	switch read := method == http.MethodGet || method == http.MethodHead; {
	case strings.HasPrefix(path, "/v1/acl/") && path != "/v1/acl/self", strings.HasPrefix(path, "/v1/snapshot"):
		return wire.VerbOperator
	case read || path == "/v1/explain":
		return wire.VerbRead
	case strings.HasPrefix(path, "/v1/cluster"):
		return wire.VerbOperator
	case strings.HasPrefix(path, "/v1/limits"), strings.HasPrefix(path, "/v1/leases/"):
		return wire.VerbManage
	}
	return wire.VerbAcquire
}
