package cert

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"time"
)

// protocol is what both ends of a stream between nodes agree on (ALPN), so that
// such a stream never meets the listener for clients, whose certificate is the same.
const protocol = "limitd-peer/1"

var (
	// ErrFile says that a file does not hold what it should.
	ErrFile = errors.New("certificates")

	errNoCertificate = errors.New("the other end has shown no certificate")
	errNoPeer        = errors.New("what answered is not the peer port of a limitd node")
)

// material is what one state of the files means. It never changes.
type material struct {
	digest   [sha256.Size]byte // of the files
	options  Options
	pair     tls.Certificate
	roots    *x509.CertPool
	rootsEnd time.Time // when the first of the authorities ends

	http, accept, dial *tls.Config
}

// read reads the files and checks that a node can live by them.
func (o Options) read() (*material, error) {
	m := &material{options: o}
	var text [3][]byte
	hash := sha256.New()
	for i, name := range []string{o.CA, o.Cert, o.Key} {
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrFile, err)
		}
		text[i] = b
		fmt.Fprintf(hash, "%d\n%s", len(b), b)
	}
	hash.Sum(m.digest[:0])
	if err := m.readRoots(text[0]); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrFile, o.CA, err)
	}
	var err error
	if m.pair, err = tls.X509KeyPair(text[1], text[2]); err != nil {
		return nil, fmt.Errorf("%w: %s with the key %s: %w", ErrFile, o.Cert, o.Key, err)
	}
	if err := m.verifyNode(m.chain()); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrFile, o.Cert, err)
	}
	m.configure()
	return m, nil
}

// readRoots takes the authorities of a PEM text.
func (m *material) readRoots(text []byte) error {
	m.roots = x509.NewCertPool()
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != pemCertificate {
			return fmt.Errorf("holds a %s; certificates of authorities only belong here", block.Type)
		}
		root, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return err
		}
		if !root.IsCA {
			return fmt.Errorf("the certificate of %q is not an authority's", root.Subject.CommonName)
		}
		m.roots.AddCert(root)
		if m.rootsEnd.IsZero() || root.NotAfter.Before(m.rootsEnd) {
			m.rootsEnd = root.NotAfter
		}
	}
	if m.rootsEnd.IsZero() {
		return errors.New("holds no certificate in PEM")
	}
	return nil
}

// chain returns the node's own certificate and those behind it.
func (m *material) chain() []*x509.Certificate {
	chain := []*x509.Certificate{m.pair.Leaf}
	for _, der := range m.pair.Certificate[1:] {
		if c, err := x509.ParseCertificate(der); err == nil { // one that cannot be read proves nothing
			chain = append(chain, c)
		}
	}
	return chain
}

// verifyNode says what keeps the first of the certificates from being a node's:
// it must serve both ends of a stream, as each node dials and is dialled.
func (m *material) verifyNode(shown []*x509.Certificate) error {
	between := x509.NewCertPool()
	for _, c := range shown[1:] {
		between.AddCert(c)
	}
	for _, use := range []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth} {
		_, err := shown[0].Verify(x509.VerifyOptions{
			DNSName: m.options.Name, Roots: m.roots, Intermediates: between,
			CurrentTime: m.options.Now(), KeyUsages: []x509.ExtKeyUsage{use},
		})
		if err != nil {
			return fmt.Errorf("the certificate of %q is not that of a node: %w", shown[0].Subject.CommonName, err)
		}
	}
	return nil
}

// configure says to crypto/tls what m means.
func (m *material) configure() {
	certificates := []tls.Certificate{m.pair}
	m.http = &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: certificates, NextProtos: []string{"h2", "http/1.1"},
		ClientAuth: m.options.Clients, ClientCAs: m.roots, Time: m.options.Now,
		// A ticket would carry a client past an authority that was dropped meanwhile.
		SessionTicketsDisabled: m.options.Clients != tls.NoClientCert,
	}
	m.accept = &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: certificates, NextProtos: []string{protocol},
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: m.roots, Time: m.options.Now,
		SessionTicketsDisabled: true, VerifyConnection: m.meet,
	}
	m.dial = &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: certificates, NextProtos: []string{protocol},
		ServerName: m.options.Name, RootCAs: m.roots, Time: m.options.Now,
		SessionTicketsDisabled: true, VerifyConnection: m.meet,
	}
}

// meet judges the other end of a stream between nodes, at both ends alike.
// crypto/tls has checked its authority before; not its name where it dialled.
func (m *material) meet(state tls.ConnectionState) error {
	if state.NegotiatedProtocol != protocol {
		return errNoPeer
	}
	return m.verifyNode(state.PeerCertificates)
}
