package main

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/limitd/limitd/client"
)

// credentials are what a scene's calls show: a client's certificate, and a token.
// Each call makes a connection of its own, so that new files are seen to work.
type credentials struct {
	files  client.Config
	config atomic.Pointer[tls.Config]
	token  atomic.Pointer[string]
	next   http.RoundTripper
	// calls is held for reading by each: a node judges a certificate after the
	// caller's end of the handshake is done.
	calls sync.RWMutex
}

func newCredentials(files client.Config) (*credentials, error) {
	c := &credentials{files: files}
	c.next = &http.Transport{DisableKeepAlives: true, DialTLSContext: c.dial}
	c.use("")
	return c, c.reload()
}

// reload reads the files again, once no call is under way that shows the old ones.
func (c *credentials) reload() error {
	config, err := c.files.TLS()
	if err != nil {
		return err
	}
	c.calls.Lock()
	defer c.calls.Unlock()
	c.config.Store(config)
	return nil
}

// use shows a token from now on.
func (c *credentials) use(secret string) { c.token.Store(&secret) }

func (c *credentials) dial(ctx context.Context, network, address string) (net.Conn, error) {
	d := tls.Dialer{Config: c.config.Load()}
	return d.DialContext(ctx, network, address)
}

type tokenKey struct{}

// as returns a context whose calls show another token; "": none.
func as(ctx context.Context, secret string) context.Context {
	return context.WithValue(ctx, tokenKey{}, secret)
}

// RoundTrip implements http.RoundTripper.
func (c *credentials) RoundTrip(r *http.Request) (*http.Response, error) {
	secret, ok := r.Context().Value(tokenKey{}).(string)
	if !ok {
		secret = *c.token.Load()
	}
	if secret != "" {
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", "Bearer "+secret)
	}
	c.calls.RLock()
	defer c.calls.RUnlock()
	return c.next.RoundTrip(r)
}
