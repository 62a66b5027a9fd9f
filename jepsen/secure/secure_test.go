package secure

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/limitd/limitd/transport/cert"
	"github.com/limitd/limitd/transport/wire"
)

// store opens a node's files as the daemon does.
func store(t *testing.T, trust *Trust, node string) *cert.Store {
	t.Helper()
	s, err := cert.Open(cert.Options{CA: trust.path(node + "-ca.pem"), Cert: trust.path(node + ".pem"), Key: trust.path(node + ".pem")})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestTrust takes a node through all changes, beside a caller.
func TestTrust(t *testing.T) {
	trust, err := NewTrust(filepath.Join(t.TempDir(), "trust"), map[string]string{"n1": "127.0.0.1", "n2": "127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	node := store(t, trust, "n1")
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.TLS = node.HTTP()
	server.StartTLS()
	defer server.Close()
	server.TLS.Certificates = nil // httptest's own
	caller := trust.Transport(&http.Transport{})
	shown := func() error {
		caller.CloseIdleConnections()
		r, err := http.NewRequest(http.MethodGet, server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := caller.RoundTrip(r)
		if err != nil {
			return err
		}
		answer.Body.Close()
		return trust.Shows("n1", answer.TLS)
	}
	if err := shown(); err != nil {
		t.Fatal(err)
	}
	for i, change := range []func() error{trust.Reissue, trust.AddAuthority, trust.Reissue, trust.DropOldAuthorities} {
		if err := change(); err != nil {
			t.Fatal(err)
		}
		if old := shown(); (i == 0 || i == 2) != errors.Is(old, ErrOld) {
			t.Errorf("change %d, not read yet: %v", i, old)
		}
		if changed, err := node.Reload(); err != nil || !changed {
			t.Errorf("change %d: %v, %v", i, changed, err)
		}
		if err := shown(); err != nil {
			t.Errorf("change %d: %v", i, err)
		}
	}
	for way := range 4 {
		what, mend, err := trust.Break("n1", way)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := node.Reload(); err == nil {
			t.Errorf("%s, and nobody minds", what)
		}
		if err := errors.Join(shown(), mend()); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if changed, err := node.Reload(); err != nil || changed {
			t.Errorf("%s, mended: %v, %v", what, changed, err)
		}
	}
	if err := trust.Shows("n1", &tls.ConnectionState{}); err == nil {
		t.Error("no certificate will do")
	}
}

func TestNeeds(t *testing.T) {
	for call, verb := range map[string]string{
		"GET /v1/limits/db": wire.VerbRead, "POST /v1/explain": wire.VerbRead, "GET /v1/cluster": wire.VerbRead, "GET /v1/acl/self": wire.VerbRead,
		"POST /v1/acquire": wire.VerbAcquire, "POST /v1/batch": wire.VerbAcquire, "POST /v1/cancel": wire.VerbAcquire,
		"PUT /v1/limits/db": wire.VerbManage, "POST /v1/limits/db/reset": wire.VerbManage, "DELETE /v1/leases/7": wire.VerbManage,
		"POST /v1/cluster/verify": wire.VerbOperator, "GET /v1/snapshot": wire.VerbOperator, "POST /v1/acl/tokens": wire.VerbOperator,
	} {
		for i := range call {
			if call[i] == ' ' {
				if got := Needs(call[:i], call[i+1:]); got != verb {
					t.Errorf("%s needs %q, want %q", call, got, verb)
				}
			}
		}
	}
}

// carrier notes the header that a request has.
type carrier struct{ shown string }

func (c *carrier) RoundTrip(r *http.Request) (*http.Response, error) {
	c.shown = r.Header.Get("Authorization")
	return nil, errors.New("nobody is there")
}

func TestTokensThatAreShown(t *testing.T) {
	tokens, err := NewTokens(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var asked []string
	lost := true
	err = tokens.Open(context.Background(), func(_ context.Context, secret, method, path string, _ any) (int, []byte, error) {
		if lost = !lost; !lost {
			return http.StatusServiceUnavailable, nil, nil
		}
		asked = append(asked, method+" "+path)
		if (path == "/v1/acl/bootstrap") != (secret == "") {
			t.Errorf("%s is asked with %q", path, secret)
		}
		return http.StatusConflict, nil, nil // the try that got lost has done it
	})
	if err != nil || len(asked) != 9 || len(tokens.Strangers()) != 3 {
		t.Errorf("%v, %v, %v", asked, tokens.Strangers(), err)
	}
	to := &carrier{}
	for path, want := range map[string]string{"/v1/acquire": tokens.Secret(wire.VerbAcquire), "/v1/acl/tokens": tokens.first} {
		r := httptest.NewRequest(http.MethodPost, path, nil)
		_, _ = tokens.Callers(to).RoundTrip(r)
		if to.shown != "Bearer "+want {
			t.Errorf("%s: %q", path, to.shown)
		}
		r.Header.Set("Authorization", Authorization("other"))
		if _, _ = tokens.Hand(to).RoundTrip(r); to.shown != "Bearer other" {
			t.Errorf("another secret: %q", to.shown)
		}
		r.Header.Set("Authorization", Authorization(""))
		if _, _ = tokens.Hand(to).RoundTrip(r); to.shown != "" {
			t.Errorf("none: %q", to.shown)
		}
	}
	before := tokens.Secret(wire.VerbRead)
	old, now, err := tokens.Rotate(context.Background(), func(context.Context, string, string, string, any) (int, []byte, error) {
		return http.StatusOK, nil, nil
	}, wire.VerbRead, 0)
	if err != nil || old != before || tokens.Secret(wire.VerbRead) != now || now == old {
		t.Error("the token was not rotated", err)
	}
}
