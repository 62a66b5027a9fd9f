package secure

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/limitd/limitd/transport/cert"
)

// life is how long certificates are good: longer than any run.
const life = 100 * time.Hour

// Trust is by what nodes know each other, and callers them. It is safe for
// concurrent use; of changes there is one at a time.
type Trust struct {
	dir   string
	hosts map[string]string // by node: the IP address that callers dial

	mu          sync.Mutex
	authority   *cert.Authority   // guarded by mu; that issues
	authorities []byte            // guarded by mu; that are believed, PEM
	issued      map[string][]byte // guarded by mu; by node: its certificate, DER
	keys        []string          // guarded by mu; of gossip
	made        int               // guarded by mu; authorities so far
}

// NewTrust makes an authority, a certificate for each node, and a gossip key,
// and writes them into dir.
func NewTrust(dir string, hosts map[string]string) (*Trust, error) {
	t := &Trust{dir: dir, hosts: hosts, issued: make(map[string][]byte)}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of certificates: %w", err)
	}
	if err := t.AddAuthority(); err != nil {
		return nil, err
	}
	return t, errors.Join(t.Reissue(), t.AddKey())
}

func (t *Trust) path(name string) string { return filepath.Join(t.dir, name) }

// GossipKeys returns the file that holds the keys of gossip.
func (t *Trust) GossipKeys() string { return t.path("gossip.keys") }

// HCL returns what a node's configuration says of its certificate.
func (t *Trust) HCL(node string) string {
	return fmt.Sprintf("tls {\n  ca_file   = %q\n  cert_file = %q\n  key_file  = %q\n}\n", t.path(node+"-ca.pem"), t.path(node+".pem"), t.path(node+".pem"))
}

// AddAuthority makes another authority. Everybody believes it besides those of
// before; from now on it issues.
func (t *Trust) AddAuthority() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.made++
	authority, pair, err := cert.NewAuthority(fmt.Sprintf("authority %d", t.made), 2*life)
	if err != nil {
		return err
	}
	t.authority, t.authorities = authority, append(slices.Clip(pair.Cert), t.authorities...)
	return t.writeAuthorities()
}

// DropOldAuthorities leaves the one that issues.
func (t *Trust) DropOldAuthorities() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	const end = "-----END CERTIFICATE-----\n"
	first, _, _ := bytes.Cut(t.authorities, []byte(end))
	t.authorities = append(slices.Clip(first), end...)
	return t.writeAuthorities()
}

func (t *Trust) writeAuthorities() error {
	files := make(map[string][]byte)
	for node := range t.hosts {
		files[t.path(node+"-ca.pem")] = t.authorities
	}
	return write(files)
}

// Reissue gives every node a new certificate.
func (t *Trust) Reissue() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	files := make(map[string][]byte)
	for node, host := range t.hosts {
		pair, err := t.authority.Issue(cert.Request{Kind: cert.Server, Name: node, Hosts: []string{host}, Life: life})
		if err != nil {
			return err
		}
		block, _ := pem.Decode(pair.Cert)
		t.issued[node] = block.Bytes
		files[t.path(node+".pem")] = slices.Concat(pair.Cert, pair.Key) // one file, replaced in one step
	}
	return write(files)
}

// Break spoils one of a node's files, and tells how; mend puts it back.
func (t *Trust) Break(node string, way int) (what string, mend func() error, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	path, what := t.path(node+".pem"), ""
	if way %= 4; way == 3 {
		path = t.path(node + "-ca.pem")
	}
	good, err := os.ReadFile(path)
	if err != nil {
		return "", nil, fmt.Errorf("read a certificate: %w", err)
	}
	bad := good
	switch way {
	case 0:
		what, bad = "its certificate is torn", good[:len(good)*2/3]
	case 1:
		what, bad = "its certificate is empty", nil
	case 2:
		stranger, _, err := cert.NewAuthority("nobody's authority", life)
		if err != nil {
			return "", nil, err
		}
		pair, err := stranger.Issue(cert.Request{Kind: cert.Server, Name: node, Hosts: []string{t.hosts[node]}, Life: life / 2})
		if err != nil {
			return "", nil, err
		}
		what, bad = "its certificate is of an authority that nobody believes", slices.Concat(pair.Cert, pair.Key)
	case 3:
		what, bad = "its file of authorities is no PEM", bytes.Repeat([]byte("x"), len(good))
	}
	return what, func() error { return write(map[string][]byte{path: good}) }, write(map[string][]byte{path: bad})
}

// AddKey adds a gossip key: the last of the list, which nobody uses yet.
func (t *Trust) AddKey() error {
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return fmt.Errorf("make a gossip key: %w", err)
	}
	return t.changeKeys(func(keys []string) []string { return append(keys, base64.StdEncoding.EncodeToString(key)) })
}

// UseNewKey makes the newest gossip key the one by which nodes encrypt.
func (t *Trust) UseNewKey() error {
	return t.changeKeys(func(keys []string) []string {
		last := len(keys) - 1
		return append([]string{keys[last]}, keys[:last]...)
	})
}

// DropOldKeys leaves the gossip key by which nodes encrypt.
func (t *Trust) DropOldKeys() error {
	return t.changeKeys(func(keys []string) []string { return keys[:1] })
}

func (t *Trust) changeKeys(change func([]string) []string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.keys = change(t.keys)
	text := ""
	for _, key := range t.keys {
		text += key + "\n"
	}
	return write(map[string][]byte{t.GossipKeys(): []byte(text)})
}

// Transport has an HTTP transport speak TLS, and believe nodes by the authorities
// that are in force when a connection begins.
func (t *Trust) Transport(to *http.Transport) *http.Transport {
	to.TLSClientConfig = &tls.Config{
		MinVersion: tls.VersionTLS12,
		// The authorities change; VerifyConnection does what is left out here.
		InsecureSkipVerify: true,
		VerifyConnection:   func(s tls.ConnectionState) error { _, err := t.node(s); return err },
	}
	return to
}

// ErrOld says that a node still shows a certificate of before.
var ErrOld = errors.New("secure: the node shows a certificate of before")

// Shows returns ErrOld where an answer came over a connection at whose beginning
// the node did not show its newest certificate.
func (t *Trust) Shows(node string, s *tls.ConnectionState) error {
	if s == nil {
		return errors.New("secure: the answer came without TLS")
	}
	shown, err := t.node(*s)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if newest, err := x509.ParseCertificate(t.issued[node]); err != nil || !newest.Equal(shown) {
		return ErrOld
	}
	return nil
}

// node judges the other end of a connection, and returns the certificate that it
// has shown.
func (t *Trust) node(s tls.ConnectionState) (*x509.Certificate, error) {
	if len(s.PeerCertificates) == 0 {
		return nil, errors.New("secure: no certificate was shown")
	}
	t.mu.Lock()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(t.authorities)
	t.mu.Unlock()
	shown := s.PeerCertificates[0]
	_, err := shown.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	for _, host := range slices.Sorted(maps.Values(t.hosts)) {
		if err == nil && shown.VerifyHostname(host) == nil {
			return shown, nil
		}
	}
	return nil, errors.Join(errors.New("secure: it is not the certificate of a node"), err)
}
