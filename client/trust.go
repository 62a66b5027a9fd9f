package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"os"
	"reflect"
	"sync"
	"time"

	"github.com/limitd/limitd/transport/wire"
)

// TLS returns what https needs beyond the system's: who is believed and what is
// shown, by the files of c as they are now. It is nil where c names none. Its
// error is ErrInvalid: a file cannot be used.
func (c Config) TLS() (*tls.Config, error) {
	if c.CACert == "" && c.ClientCert == "" && c.ClientKey == "" {
		return nil, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CACert != "" {
		text, err := os.ReadFile(c.CACert)
		if err != nil {
			return nil, invalid("the authority's certificate cannot be read: "+err.Error(), hintCACert)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(text) {
			return nil, invalid(c.CACert+" holds no certificate in PEM", hintCACert)
		}
	}
	if (c.ClientCert == "") != (c.ClientKey == "") {
		return nil, invalid("a client's certificate and its key come together", hintClientCert)
	}
	if c.ClientCert != "" {
		pair, err := tls.LoadX509KeyPair(c.ClientCert, c.ClientKey)
		if err != nil {
			return nil, invalid("the client's certificate cannot be used: "+err.Error(), hintClientCert)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

const (
	hintCACert     = "LIMITD_CACERT (--ca-cert, Config.CACert) names the file of the authority that the nodes' certificates come from"
	hintClientCert = "LIMITD_CLIENT_CERT and LIMITD_CLIENT_KEY (--client-cert, --client-key, Config.ClientCert and ClientKey) name their files"
	hintHTTPS      = "write https:// before the address; " + hintCACert
)

// secure tells whether an address without a scheme means https.
func (c Config) secure() bool { return c.CACert != "" || c.ClientCert != "" }

// credentials are the files of a Config, read again where they have changed.
type credentials struct {
	from Config

	mu     sync.Mutex
	stamps [3]stamp    // guarded by mu
	config *tls.Config // guarded by mu
}

// stamp is by what a change of a file is seen.
type stamp struct {
	size int64
	at   time.Time
}

func stamps(c Config) (all [3]stamp) {
	for i, name := range []string{c.CACert, c.ClientCert, c.ClientKey} {
		if info, err := os.Stat(name); err == nil {
			all[i] = stamp{info.Size(), info.ModTime()}
		}
	}
	return all
}

// current returns what the files say; where they cannot be used, what they said before.
func (k *credentials) current() *tls.Config {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := stamps(k.from)
	if now == k.stamps {
		return k.config
	}
	if config, err := k.from.TLS(); err == nil {
		k.stamps, k.config = now, config
	}
	return k.config
}

// use has the connections of t to nodes use the files of c, if it names any.
func (c Config) use(t *http.Transport) error {
	k := &credentials{from: c, stamps: stamps(c)}
	var err error
	if k.config, err = c.TLS(); err != nil || k.config == nil {
		return err
	}
	t.TLSClientConfig = k.config.Clone() // through a proxy
	dial, limit := t.DialContext, t.TLSHandshakeTimeout
	t.DialTLSContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		config := k.current().Clone()
		config.NextProtos = []string{"h2", "http/1.1"}
		if config.ServerName, _, err = net.SplitHostPort(address); err == nil {
			ctx, cancel := context.WithTimeout(ctx, limit)
			defer cancel()
			secure := tls.Client(conn, config)
			if err = secure.HandshakeContext(ctx); err == nil {
				return secure, nil
			}
		}
		_ = conn.Close()
		return nil, err
	}
	return nil
}

// Untrusted returns err, of an exchange that failed, as an ErrUntrusted with its
// mend, where the two ends did not agree on TLS; nil where it failed otherwise.
func Untrusted(err error) *Error {
	detail, hint := "", ""
	var (
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
		unfit     x509.CertificateInvalidError
		record    tls.RecordHeaderError
	)
	switch {
	case errors.Is(err, http.ErrSchemeMismatch), errors.As(err, &record):
		detail, hint = "the node speaks http, and was called by https", "write http:// before the address, or give the node its tls block"
	case errors.As(err, &authority):
		detail, hint = "the node's certificate comes from an authority that is not known here", hintCACert
	case errors.As(err, &host):
		detail = "the node's certificate is for another address"
		hint = "call the node by a name that is in it, or issue one for this address: limitd tls cert create server --host"
	case errors.As(err, &unfit):
		detail, hint = "the node's certificate cannot be used", "see to the node's certificate, and to this machine's clock"
	case refusedHere(err):
		detail, hint = "the node refused the connection: it asks for a certificate that it can believe", hintClientCert
	default:
		return nil
	}
	e := untrusted(detail, hint)
	e.Cause = err
	return e
}

// refusedHere tells whether the other end broke TLS off over this end's
// certificate. It says so by the number of an alert (RFC 8446, section 6.2), in a
// type that crypto/tls does not export.
func refusedHere(err error) bool {
	const badCertificate, accessDenied, certificateRequired = 42, 49, 116
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "remote error" {
		return false
	}
	alert := reflect.ValueOf(op.Err)
	return alert.Kind() == reflect.Uint8 &&
		(badCertificate <= alert.Uint() && alert.Uint() <= accessDenied || alert.Uint() == certificateRequired)
}

// untrusted is an exchange for which the ends did not agree on TLS. Another node
// may be of another mind.
func untrusted(detail, hint string) *Error {
	return &Error{Code: ErrUntrusted, Detail: detail, Hint: hint, RetryAfter: -1, Effect: wire.EffectNone, retry: true}
}
