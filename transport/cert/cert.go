// Package cert holds the certificates of one node: it reads them from files,
// says to crypto/tls what they mean, takes new ones while the node runs, and
// makes certificates where there is no authority of another kind.
//
// A node has one certificate, for clients and for other nodes alike. What makes
// a certificate a node's is a name in it, DefaultName where nothing else was
// chosen. A name, and not an address, because addresses change and who has one
// is not asked; and a name beside the authority, because the authority's other
// certificates, those of clients, must not open the way to raft.
//
// What it promises:
//
//   - Both ends of a stream between nodes have shown a certificate of a known
//     authority, in force, with that name.
//   - Files that are missing, torn, expired or that do not belong together
//     change nothing: Reload says what is wrong, and what was in force stays.
//
// For example:
//
//	store, err := cert.Open(cert.Options{CA: "ca.pem", Cert: "n1.pem", Key: "n1-key.pem"})
//	server := &http.Server{TLSConfig: store.HTTP()}
//	conn := store.Client(tcp) // to another node
//	...
//	changed, err := store.Reload()
package cert

import (
	"crypto/tls"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// DefaultName is the name that the certificates of nodes bear.
const DefaultName = "server.limitd"

// Options say where a node's certificates are, and what is asked of clients.
// The files are PEM; Cert and Key may be one file, which is then replaced in one step.
type Options struct {
	CA   string // certificates of the authorities that nodes and clients are believed by; one or more
	Cert string // the node's certificate, followed by those between it and its authority
	Key  string // the private key of Cert
	// Name is what the certificate of every node has to bear. Default: DefaultName.
	Name string
	// Clients is what callers of the HTTP API have to show. Default: nothing.
	Clients tls.ClientAuthType
	// Now tells the time, for tests. Default: time.Now.
	Now func() time.Time
}

// Store holds the certificates that are in force. It is safe for concurrent use.
type Store struct {
	options Options
	reload  sync.Mutex // one at a time
	current atomic.Pointer[material]
}

// Open reads the files. Its error says which of them is wrong, and why.
func Open(o Options) (*Store, error) {
	if o.Name == "" {
		o.Name = DefaultName
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Store{options: o}
	m, err := s.options.read()
	if err != nil {
		return nil, err
	}
	s.current.Store(m)
	return s, nil
}

// Reload reads the files again, and tells whether they have changed. On an
// error all stays as it was.
func (s *Store) Reload() (changed bool, err error) {
	s.reload.Lock()
	defer s.reload.Unlock()
	m, err := s.options.read()
	if err != nil || m.digest == s.current.Load().digest {
		return false, err
	}
	s.current.Store(m)
	return true, nil
}

// HTTP returns the configuration of the listener for clients; each connection
// gets what is in force when it begins.
func (s *Store) HTTP() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			return s.current.Load().http, nil
		},
	}
}

// Server returns the accepting end of a stream that another node opened on c.
// The first use of it, or its Handshake, asks the other end for its certificate.
func (s *Store) Server(c net.Conn) *tls.Conn { return tls.Server(c, s.current.Load().accept) }

// Client returns the dialling end of a stream to another node on c.
func (s *Store) Client(c net.Conn) *tls.Conn { return tls.Client(c, s.current.Load().dial) }

// Check says what is wrong by now with the certificate that the node at the
// other end of c showed at its beginning: its authority may have been dropped since.
func (s *Store) Check(c *tls.Conn) error {
	shown := c.ConnectionState().PeerCertificates
	if len(shown) == 0 {
		return errNoCertificate
	}
	return s.current.Load().verifyNode(shown)
}

// NotAfter tells when the node's own certificate ends, and when the first of
// the authorities does.
func (s *Store) NotAfter() (own, authority time.Time) {
	m := s.current.Load()
	return m.pair.Leaf.NotAfter, m.rootsEnd
}

// String names the files.
func (s *Store) String() string {
	return fmt.Sprintf("%s, %s, %s", s.options.CA, s.options.Cert, s.options.Key)
}
