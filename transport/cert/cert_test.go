package cert

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const year = 365 * 24 * time.Hour

// place is a folder with the files of one node.
type place struct {
	t   *testing.T
	dir string
}

func newPlace(t *testing.T) place { return place{t, t.TempDir()} }

func (p place) options() Options {
	in := func(name string) string { return filepath.Join(p.dir, name) }
	return Options{CA: in("ca.pem"), Cert: in("node.pem"), Key: in("node-key.pem")}
}

func (p place) write(name string, text []byte) {
	p.t.Helper()
	if err := os.WriteFile(filepath.Join(p.dir, name), text, 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// put writes a node's files.
func (p place) put(ca []byte, pair Pair) {
	p.t.Helper()
	p.write("ca.pem", ca)
	p.write("node.pem", pair.Cert)
	p.write("node-key.pem", pair.Key)
}

func (p place) open(change func(*Options)) *Store {
	p.t.Helper()
	o := p.options()
	if change != nil {
		change(&o)
	}
	s, err := Open(o)
	if err != nil {
		p.t.Fatal(err)
	}
	return s
}

func newAuthority(t *testing.T) (*Authority, Pair) {
	t.Helper()
	a, pair, err := NewAuthority("test", year)
	if err != nil {
		t.Fatal(err)
	}
	return a, pair
}

func issued(t *testing.T, a *Authority, r Request) Pair {
	t.Helper()
	if r.Life == 0 {
		r.Life = year / 2
	}
	pair, err := a.Issue(r)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

// node returns the store of a node with a certificate of a.
func node(t *testing.T, a *Authority, ca Pair) *Store {
	t.Helper()
	p := newPlace(t)
	p.put(ca.Cert, issued(t, a, Request{Kind: Server, Name: "n"}))
	return p.open(nil)
}

// meet has client and server shake hands, and returns what each says.
func meet(client, server func(net.Conn) *tls.Conn) (dialled, accepted error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // a net.Pipe has no room for an alert against the stream
	if err != nil {
		return err, err
	}
	defer l.Close()
	done := make(chan error, 1)
	go func() {
		there, err := l.Accept()
		if err != nil {
			done <- err
			return
		}
		c := server(there)
		if err = c.Handshake(); err == nil {
			_, err = c.Write([]byte("x"))
		}
		_ = there.Close()
		done <- err
	}()
	here, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		return err, err
	}
	c := client(here)
	if dialled = c.Handshake(); dialled == nil {
		_, dialled = c.Read(make([]byte, 1)) // a certificate is refused only behind the handshake
	}
	_ = here.Close()
	return dialled, <-done
}

// by is a dialling end that shows pair, believes ca, and speaks protocol.
func by(t *testing.T, pair *Pair, ca []byte, name string) func(net.Conn) *tls.Conn {
	t.Helper()
	c := &tls.Config{ServerName: name, RootCAs: x509.NewCertPool(), NextProtos: []string{protocol}}
	c.RootCAs.AppendCertsFromPEM(ca)
	if pair != nil {
		own, err := tls.X509KeyPair(pair.Cert, pair.Key)
		if err != nil {
			t.Fatal(err)
		}
		c.Certificates = []tls.Certificate{own}
	}
	return func(conn net.Conn) *tls.Conn { return tls.Client(conn, c) }
}

func TestNodesMeet(t *testing.T) {
	a, ca := newAuthority(t)
	b, other := newAuthority(t)
	n1, n2, foreign := node(t, a, ca), node(t, a, ca), node(t, b, other)
	if dialled, accepted := meet(n1.Client, n2.Server); dialled != nil || accepted != nil {
		t.Errorf("two nodes: %v, %v", dialled, accepted)
	}
	if dialled, accepted := meet(foreign.Client, n1.Server); dialled == nil || accepted == nil {
		t.Errorf("a node of another authority dials: %v, %v", dialled, accepted)
	}
	if dialled, _ := meet(n1.Client, foreign.Server); dialled == nil {
		t.Error("a node of another authority is dialled")
	}
	client := issued(t, a, Request{Kind: Client, Name: "worker"})
	if _, accepted := meet(by(t, &client, ca.Cert, DefaultName), n1.Server); accepted == nil || !strings.Contains(accepted.Error(), `"worker" is not that of a node`) {
		t.Errorf("a client's certificate on the peer port: %v", accepted)
	}
	if _, accepted := meet(by(t, nil, ca.Cert, DefaultName), n1.Server); accepted == nil {
		t.Error("no certificate on the peer port")
	}
	http := func(c net.Conn) *tls.Conn { return tls.Server(c, n2.HTTP()) }
	if dialled, _ := meet(n1.Client, http); dialled == nil {
		t.Error("a node took the listener for clients for a peer port")
	}
}

func TestClients(t *testing.T) {
	a, ca := newAuthority(t)
	_, other := newAuthority(t)
	client := issued(t, a, Request{Kind: CLI, Name: "ops"})
	for _, test := range []struct {
		name   string
		ask    tls.ClientAuthType
		show   *Pair
		ca     Pair
		host   string
		refuse bool
	}{
		{"none asked", tls.NoClientCert, nil, ca, "n1.example", false},
		{"an address", tls.NoClientCert, nil, ca, "10.0.0.1", false},
		{"loopback", tls.NoClientCert, nil, ca, "localhost", false},
		{"another host", tls.NoClientCert, nil, ca, "n2.example", true},
		{"another authority", tls.NoClientCert, nil, other, "n1.example", true},
		{"asked, not shown", tls.VerifyClientCertIfGiven, nil, ca, "n1.example", false},
		{"asked, shown", tls.VerifyClientCertIfGiven, &client, ca, "n1.example", false},
		{"wanted, not shown", tls.RequireAndVerifyClientCert, nil, ca, "n1.example", true},
		{"wanted, shown", tls.RequireAndVerifyClientCert, &client, ca, "n1.example", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newPlace(t)
			p.put(ca.Cert, issued(t, a, Request{Kind: Server, Name: "n1", Hosts: []string{"n1.example", "10.0.0.1"}}))
			s := p.open(func(o *Options) { o.Clients = test.ask })
			dialled, _ := meet(by(t, test.show, test.ca.Cert, test.host), func(c net.Conn) *tls.Conn {
				config := s.HTTP()
				config.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
					own := s.current.Load().http.Clone()
					own.NextProtos = nil // by speaks that of nodes
					return own, nil
				}
				return tls.Server(c, config)
			})
			if (dialled != nil) != test.refuse {
				t.Errorf("got %v", dialled)
			}
		})
	}
}

func TestWhatIsWrongChangesNothing(t *testing.T) {
	a, ca := newAuthority(t)
	b, other := newAuthority(t)
	good := issued(t, a, Request{Kind: Server, Name: "n1"})
	again := issued(t, a, Request{Kind: Server, Name: "n1"})
	p := newPlace(t)
	p.put(ca.Cert, good)
	now := time.Now()
	s := p.open(func(o *Options) { o.Now = func() time.Time { return now } })
	before := s.current.Load()
	short := issued(t, a, Request{Kind: Server, Name: "n1", Life: time.Minute})
	for name, spoil := range map[string]struct {
		do   func()
		want string
	}{
		"missing":           {func() { _ = os.Remove(filepath.Join(p.dir, "node.pem")) }, "node.pem"},
		"torn":              {func() { p.write("node.pem", good.Cert[:100]) }, "node.pem"},
		"empty authority":   {func() { p.write("ca.pem", nil) }, "holds no certificate"},
		"a key there":       {func() { p.write("ca.pem", ca.Key) }, "holds a PRIVATE KEY"},
		"no authority":      {func() { p.write("ca.pem", good.Cert) }, "not an authority's"},
		"another key":       {func() { p.write("node-key.pem", again.Key) }, "does not match"},
		"another authority": {func() { p.put(ca.Cert, issued(t, b, Request{Kind: Server})) }, "not that of a node"},
		"a client's":        {func() { p.put(ca.Cert, issued(t, a, Request{Kind: Client, Name: "w"})) }, `"w" is not that of a node`},
		"ends soon":         {func() { p.put(ca.Cert, short); now = now.Add(time.Hour) }, "expired"},
	} {
		t.Run(name, func(t *testing.T) {
			defer func(at time.Time) { now = at }(now)
			p.put(ca.Cert, good)
			spoil.do()
			changed, err := s.Reload()
			if changed || err == nil || !errors.Is(err, ErrFile) || !strings.Contains(err.Error(), spoil.want) {
				t.Errorf("reload: %v, %v; want %q", changed, err, spoil.want)
			}
			if s.current.Load() != before {
				t.Error("something else is in force")
			}
		})
	}
	p.put(ca.Cert, good)
	if changed, err := s.Reload(); changed || err != nil {
		t.Errorf("the same files: %v, %v", changed, err)
	}
	p.put(append(ca.Cert, other.Cert...), again)
	if changed, err := s.Reload(); !changed || err != nil {
		t.Errorf("new files: %v, %v", changed, err)
	}
}

// TestRotationOfTheAuthority goes the four steps, with two nodes that take them
// one after the other; they meet at every moment.
func TestRotationOfTheAuthority(t *testing.T) {
	a, first := newAuthority(t)
	b, second := newAuthority(t)
	both := append(append([]byte{}, first.Cert...), second.Cert...)
	old := func() Pair { return issued(t, a, Request{Kind: Server}) }
	fresh := func() Pair { return issued(t, b, Request{Kind: Server}) }
	p, q := newPlace(t), newPlace(t)
	p.put(first.Cert, old())
	q.put(first.Cert, old())
	n1, n2 := p.open(nil), q.open(nil)
	there := make(chan *tls.Conn, 1)
	server := func(c net.Conn) *tls.Conn {
		s := n2.Server(c)
		there <- s
		return s
	}
	together := func(step string) *tls.Conn {
		t.Helper()
		if dialled, accepted := meet(n1.Client, server); dialled != nil || accepted != nil {
			t.Errorf("%s: %v, %v", step, dialled, accepted)
		}
		if dialled, accepted := meet(n2.Client, n1.Server); dialled != nil || accepted != nil {
			t.Errorf("%s, the other way: %v, %v", step, dialled, accepted)
		}
		return <-there
	}
	long := together("at first")
	for step, take := range []func(place){
		func(p place) { p.write("ca.pem", both) },
		func(p place) { p.put(both, fresh()) },
		func(p place) { p.write("ca.pem", second.Cert) },
	} {
		for i, n := range []struct {
			place
			*Store
		}{{p, n1}, {q, n2}} {
			if err := n2.Check(long); err != nil {
				t.Errorf("step %d, before node %d: %v", step, i, err)
			}
			take(n.place)
			if changed, err := n.Reload(); !changed || err != nil {
				t.Fatalf("step %d, node %d: %v, %v", step, i, changed, err)
			}
			together(fmt.Sprintf("step %d, node %d", step, i))
		}
	}
	together("at last")
	if err := n2.Check(long); err == nil {
		t.Error("a stream by the authority that was dropped passes")
	}
}

func TestRequestsAreChecked(t *testing.T) {
	a, _ := newAuthority(t)
	for name, r := range map[string]Request{
		"outlives its authority": {Kind: Server, Life: 2 * year},
		"ended":                  {Kind: Server, Life: -1},
		"a client as a node":     {Kind: Client, Hosts: []string{DefaultName}},
		"a port":                 {Kind: Server, Hosts: []string{"n1:7480"}},
		"a URL":                  {Kind: Server, Hosts: []string{"https://n1"}},
		"everywhere":             {Kind: Server, Hosts: []string{"0.0.0.0"}},
		"nothing":                {Kind: Server, Hosts: []string{""}},
	} {
		if r.Life == 0 {
			r.Life = time.Hour
		}
		if _, err := a.Issue(r); !errors.Is(err, ErrRequest) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ReadAuthority(issued(t, a, Request{Kind: Server})); !errors.Is(err, ErrRequest) {
		t.Errorf("a node as an authority: %v", err)
	}
}
