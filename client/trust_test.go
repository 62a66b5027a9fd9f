package client

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/limitd/limitd/transport/cert"
)

// place is a folder with certificates.
type place struct {
	t   *testing.T
	dir string
}

func (p place) file(name string) string { return filepath.Join(p.dir, name) }

func (p place) write(name string, text []byte) {
	p.t.Helper()
	if err := os.WriteFile(p.file(name), text, 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// authority makes one, and believes it alone.
func (p place) authority() *cert.Authority {
	p.t.Helper()
	a, pair, err := cert.NewAuthority("test", 2*time.Hour)
	if err != nil {
		p.t.Fatal(err)
	}
	p.write("ca.pem", pair.Cert)
	return a
}

// issue writes a certificate of a, and its key, to a file.
func (p place) issue(a *cert.Authority, kind cert.Kind) {
	p.t.Helper()
	pair, err := a.Issue(cert.Request{Kind: kind, Name: string(kind), Life: time.Hour})
	if err != nil {
		p.t.Fatal(err)
	}
	p.write(string(kind)+".pem", append(pair.Cert, pair.Key...))
}

func (p place) store(clients tls.ClientAuthType) *cert.Store {
	p.t.Helper()
	s, err := cert.Open(cert.Options{CA: p.file("ca.pem"), Cert: p.file("server.pem"), Key: p.file("server.pem"), Clients: clients})
	if err != nil {
		p.t.Fatal(err)
	}
	return s
}

// secret serves the fake cluster over https, on a loopback address.
func secret(t *testing.T, f *fakeCluster, host string, config *tls.Config) *httptest.Server {
	t.Helper()
	plain := real(f)
	defer plain.Close()
	server := httptest.NewUnstartedServer(plain.Config.Handler)
	l, err := net.Listen("tcp", host+":0")
	if err != nil {
		t.Fatal(err)
	}
	_ = server.Listener.Close()
	server.Listener = l
	server.TLS, server.EnableHTTP2 = config, true
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

// TestCertificatesAreRenewedUnderway has a client go on over a change of the
// authority, of its own certificate and of the node's.
func TestCertificatesAreRenewedUnderway(t *testing.T) {
	f := newFakeCluster()
	f.slots["db"] = 1
	p := place{t, t.TempDir()}
	issue := func() {
		a := p.authority()
		p.issue(a, cert.Server)
		p.issue(a, cert.Client)
	}
	issue()
	store := p.store(tls.RequireAndVerifyClientCert)
	server := secret(t, f, "127.0.0.1", store.HTTP())
	own := p.file("client.pem")
	c, err := New(Config{Addresses: []string{server.Listener.Addr().String()}, CACert: p.file("ca.pem"), ClientCert: own, ClientKey: own})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	for range 2 {
		if err := mustAcquire(t, c, db()).Release(context.Background()); err != nil {
			t.Fatal(err)
		}
		issue()
		if _, err := store.Reload(); err != nil {
			t.Fatal(err)
		}
		server.CloseClientConnections()
	}
}

func TestEndsThatDoNotBelieveEachOther(t *testing.T) {
	here, elsewhere := place{t, t.TempDir()}, place{t, t.TempDir()}
	a := here.authority()
	here.issue(a, cert.Server)
	here.issue(a, cert.Client)
	elsewhere.issue(elsewhere.authority(), cert.Client)
	f := newFakeCluster()
	f.slots["db"] = 1
	open := secret(t, f, "127.0.0.1", here.store(tls.NoClientCert).HTTP())
	strict := secret(t, f, "127.0.0.1", here.store(tls.RequireAndVerifyClientCert).HTTP())
	unnamed := secret(t, f, "127.0.0.2", here.store(tls.NoClientCert).HTTP())
	plain := real(f)
	defer plain.Close()
	ca := here.file("ca.pem")
	for name, test := range map[string]struct {
		address string
		cfg     Config
		hint    string
	}{
		"http at a node of https": {"http://" + open.Listener.Addr().String(), Config{}, "write https://"},
		"https at a node of http": {"https://" + plain.Listener.Addr().String(), Config{CACert: ca}, "write http://"},
		"no authority":            {open.URL, Config{}, "LIMITD_CACERT"},
		"another authority":       {open.URL, Config{CACert: elsewhere.file("ca.pem")}, "LIMITD_CACERT"},
		"another host":            {unnamed.URL, Config{CACert: ca}, "--host"},
		"no certificate shown":    {strict.URL, Config{CACert: ca}, "LIMITD_CLIENT_CERT"},
		"a foreign one shown": {strict.URL, Config{
			CACert: ca, ClientCert: elsewhere.file("client.pem"), ClientKey: elsewhere.file("client.pem"),
		}, "LIMITD_CLIENT_CERT"},
	} {
		t.Run(name, func(t *testing.T) {
			test.cfg.Addresses = []string{test.address}
			c, err := New(test.cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close() }()
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			_, err = c.Acquire(ctx, db())
			if e := (*Error)(nil); !errors.Is(err, ErrUntrusted) || !errors.As(err, &e) || !strings.Contains(e.Hint, test.hint) {
				t.Errorf("got %v, want a hint of %s", err, test.hint)
			}
		})
	}
	// One node that is wrong does not keep the client from the others.
	c, err := New(Config{Addresses: []string{"http://" + open.Listener.Addr().String(), open.URL}, CACert: ca})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if err := mustAcquire(t, c, db()).Release(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestFilesOfHTTPSAreChecked(t *testing.T) {
	p := place{t, t.TempDir()}
	p.issue(p.authority(), cert.Client)
	p.write("empty.pem", nil)
	for name, cfg := range map[string]Config{
		"missing":           {CACert: p.file("nowhere.pem")},
		"empty":             {CACert: p.file("empty.pem")},
		"no key":            {ClientCert: p.file("client.pem")},
		"no certificate":    {ClientKey: p.file("client.pem")},
		"an authority's":    {ClientCert: p.file("ca.pem"), ClientKey: p.file("client.pem")},
		"a key that is not": {ClientCert: p.file("client.pem"), ClientKey: p.file("empty.pem")},
	} {
		if _, err := New(cfg); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
