package peer

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	"github.com/limitd/limitd/transport/cert"
)

var _ Guard = (*cert.Store)(nil)

// folder is where a node's certificates lie.
type folder struct {
	t    *testing.T
	path string
}

// put writes the authorities and a certificate of the first of them.
func (f folder) put(by *cert.Authority, authorities ...cert.Pair) {
	f.t.Helper()
	pair, err := by.Issue(cert.Request{Kind: cert.Server, Name: "n", Life: time.Hour})
	if err != nil {
		f.t.Fatal(err)
	}
	var all []byte
	for _, a := range authorities {
		all = append(all, a.Cert...)
	}
	for name, text := range map[string][]byte{"ca.pem": all, "node.pem": append(pair.Cert, pair.Key...)} {
		if err := os.WriteFile(filepath.Join(f.path, name), text, 0o600); err != nil {
			f.t.Fatal(err)
		}
	}
}

func (f folder) open() *cert.Store {
	f.t.Helper()
	node := filepath.Join(f.path, "node.pem")
	s, err := cert.Open(cert.Options{CA: filepath.Join(f.path, "ca.pem"), Cert: node, Key: node})
	if err != nil {
		f.t.Fatal(err)
	}
	return s
}

func newAuthority(t *testing.T) (*cert.Authority, cert.Pair) {
	t.Helper()
	a, pair, err := cert.NewAuthority("test", 2*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return a, pair
}

// guarded opens a port on loopback, whose log is returned as well.
func guarded(t *testing.T, id string, guard Guard) (*Port, *lines) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	log := &lines{}
	p, err := Start(Config{
		Listener: l, Advertise: l.Addr().String(), NodeID: id, Guard: guard,
		Logger: hclog.New(&hclog.LoggerOptions{Output: log}),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p, log
}

func at(p *Port) raft.ServerAddress { return raft.ServerAddress(p.cfg.Advertise) }

// lines is a log that is read while it is written.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func TestGuardedStreams(t *testing.T) {
	authority, ca := newAuthority(t)
	files := folder{t, t.TempDir()}
	files.put(authority, ca)
	a, _ := guarded(t, "a", files.open())
	b, log := guarded(t, "b", files.open())
	out, err := a.Raft().Dial(at(b), 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	in, node, err := b.Raft().AcceptNode()
	if err != nil || node != "a" {
		t.Fatalf("accepted from %q: %v", node, err)
	}
	go func() { _, _ = out.Write([]byte("hello there")); _ = out.Close() }()
	if got, err := io.ReadAll(in); string(got) != "hello there" || err != nil {
		t.Errorf("read %q, %v", got, err)
	}
	_ = in.Close()

	other, foreign := newAuthority(t)
	elsewhere := folder{t, t.TempDir()}
	elsewhere.put(other, foreign)
	stranger, _ := guarded(t, "stranger", elsewhere.open())
	plain, plainLog := guarded(t, "plain", nil)
	for _, test := range []struct {
		from, to *Port
		want     error // nil: any
	}{{stranger, b, nil}, {plain, b, ErrNeedsTLS}, {a, plain, ErrNoTLS}, {a, stranger, nil}} {
		_, err := test.from.Forward().Dial(at(test.to), 5*time.Second)
		if err == nil || test.want != nil && !errors.Is(err, test.want) {
			t.Errorf("%s dials %s: %v, want %v", test.from.cfg.NodeID, test.to.cfg.NodeID, err, test.want)
		}
	}
	for _, p := range []*Port{b, plain} {
		if err := p.Close(); err != nil { // the last lines are written
			t.Error(err)
		}
	}
	if n := strings.Count(log.String(), "has not shown to be a node"); n != 1 {
		t.Errorf("%d lines of one host's refusals within a minute:\n%s", n, log)
	}
	if !strings.Contains(plainLog.String(), ErrNeedsTLS.Error()) {
		t.Errorf("the node without TLS is not told what it lacks:\n%s", plainLog)
	}
}

// TestSever ends a stream whose authority was dropped, and no other.
func TestSever(t *testing.T) {
	old, oldCA := newAuthority(t)
	fresh, freshCA := newAuthority(t)
	early, late, own := folder{t, t.TempDir()}, folder{t, t.TempDir()}, folder{t, t.TempDir()}
	early.put(old, oldCA, freshCA)
	late.put(fresh, oldCA, freshCA)
	own.put(fresh, oldCA, freshCA)
	store := own.open()
	b, _ := guarded(t, "b", store)
	accepted := map[string]net.Conn{}
	for id, files := range map[string]folder{"early": early, "late": late} {
		p, _ := guarded(t, id, files.open())
		if _, err := p.Raft().Dial(at(b), 5*time.Second); err != nil {
			t.Fatal(err)
		}
		c, err := b.Raft().Accept()
		if err != nil {
			t.Fatal(err)
		}
		accepted[id] = c
	}
	if n := b.Sever(); n != 0 {
		t.Errorf("%d streams ended while both authorities count", n)
	}
	own.put(fresh, freshCA)
	if _, err := store.Reload(); err != nil {
		t.Fatal(err)
	}
	if n := b.Sever(); n != 1 {
		t.Errorf("%d streams ended, want the one of the old authority", n)
	}
	if _, err := accepted["early"].Read(make([]byte, 1)); err == nil {
		t.Error("the stream of the old authority goes on")
	}
	if _, err := accepted["late"].Write([]byte("x")); err != nil {
		t.Errorf("the stream of the new authority ended: %v", err)
	}
}
