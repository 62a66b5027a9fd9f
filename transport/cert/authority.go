package cert

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"
)

// Kind is whom a certificate is for.
type Kind string

// The kinds. Only a Server is let in among the nodes; the others differ by what
// people read in them.
const (
	Server Kind = "server" // a node: for clients and for the other nodes
	Client Kind = "client" // a program that calls nodes
	CLI    Kind = "cli"    // a person at a command line
)

// ErrRequest says why a certificate was not issued.
var ErrRequest = errors.New("certificate not issued")

const (
	pemCertificate = "CERTIFICATE"
	pemKey         = "PRIVATE KEY"

	organization = "limitd"
	// skew is how much earlier than now a certificate begins: clocks differ.
	skew = time.Hour
)

// Pair is a certificate with its private key, in PEM. Key is secret.
type Pair struct{ Cert, Key []byte }

// Authority issues certificates.
type Authority struct {
	cert *x509.Certificate
	key  crypto.Signer
	now  func() time.Time
}

// NewAuthority makes an authority that lasts for life, and returns it with its
// certificate and key. It issues certificates of nodes and clients only, no authorities.
func NewAuthority(name string, life time.Duration) (*Authority, Pair, error) {
	template := &x509.Certificate{
		Subject:               pkix.Name{Organization: []string{organization}, CommonName: name},
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true, IsCA: true, MaxPathLenZero: true,
	}
	pair, err := issue(template, nil, time.Now(), life)
	if err != nil {
		return nil, Pair{}, err
	}
	a, err := ReadAuthority(pair)
	return a, pair, err
}

// ReadAuthority reads what NewAuthority returned; an authority of elsewhere, if
// it is one certificate and its key, does as well.
func ReadAuthority(p Pair) (*Authority, error) {
	both, err := tls.X509KeyPair(p.Cert, p.Key)
	if err != nil {
		return nil, fmt.Errorf("read the authority: %w", err)
	}
	key, ok := both.PrivateKey.(crypto.Signer)
	if !ok || !both.Leaf.IsCA {
		return nil, fmt.Errorf("%w: the certificate of %q is not an authority's", ErrRequest, both.Leaf.Subject.CommonName)
	}
	return &Authority{cert: both.Leaf, key: key, now: time.Now}, nil
}

// Request says what certificate is wanted.
type Request struct {
	Kind Kind
	Name string // for people, and for policies: the subject's common name
	// Hosts are DNS names and IP addresses at which clients reach the node;
	// localhost and the loopback addresses are in each Server.
	Hosts []string
	Life  time.Duration // at most what is left of the authority's
	// Node is the name by which nodes know each other. Default: DefaultName.
	Node string
}

// Issue makes a certificate. It returns ErrRequest where the request makes no sense.
func (a *Authority) Issue(r Request) (Pair, error) {
	if r.Node == "" {
		r.Node = DefaultName
	}
	now := a.now()
	if end := now.Add(r.Life); end.After(a.cert.NotAfter) {
		return Pair{}, fmt.Errorf("%w: the authority itself ends on %s: ask for fewer days, or make a new authority",
			ErrRequest, a.cert.NotAfter.UTC().Format(time.DateOnly))
	}
	template := &x509.Certificate{
		Subject:     pkix.Name{Organization: []string{organization}, OrganizationalUnit: []string{string(r.Kind)}, CommonName: r.Name},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	hosts := r.Hosts
	if r.Kind == Server {
		hosts = append([]string{r.Node, "localhost", "127.0.0.1", "::1"}, hosts...)
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	} else if slices.Contains(hosts, r.Node) {
		return Pair{}, fmt.Errorf("%w: the name %s is for nodes only", ErrRequest, r.Node)
	}
	for _, host := range hosts {
		if err := addHost(template, host); err != nil {
			return Pair{}, err
		}
	}
	return issue(template, a, now, r.Life)
}

// addHost adds a DNS name or an IP address.
func addHost(template *x509.Certificate, host string) error {
	if ip := net.ParseIP(host); ip != nil {
		if ip.IsUnspecified() {
			return fmt.Errorf("%w: %s is no address that anybody dials", ErrRequest, host)
		}
		template.IPAddresses = append(template.IPAddresses, ip)
		return nil
	}
	if host == "" || strings.ContainsAny(host, " /:@") {
		return fmt.Errorf("%w: %q is neither a host's name nor an IP address; it has no port and no scheme", ErrRequest, host)
	}
	template.DNSNames = append(template.DNSNames, host)
	return nil
}

// issue makes a key and signs the template: by the authority, or by itself.
func issue(template *x509.Certificate, by *Authority, now time.Time, life time.Duration) (Pair, error) {
	if life <= 0 {
		return Pair{}, fmt.Errorf("%w: it would have ended already", ErrRequest)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader) // every client in use takes it
	if err != nil {
		return Pair{}, fmt.Errorf("make a key: %w", err)
	}
	template.NotBefore, template.NotAfter = now.Add(-skew), now.Add(life)
	parent, signer := template, crypto.Signer(key)
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer) // which makes up a serial number
	if err != nil {
		return Pair{}, fmt.Errorf("sign the certificate: %w", err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return Pair{}, fmt.Errorf("encode the key: %w", err)
	}
	return Pair{
		Cert: pem.EncodeToMemory(&pem.Block{Type: pemCertificate, Bytes: der}),
		Key:  pem.EncodeToMemory(&pem.Block{Type: pemKey, Bytes: secret}),
	}, nil
}
