package peer

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	"go.uber.org/goleak"
)

var _ raft.StreamLayer = (*Streams)(nil)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStreamsAreToldApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newPipes()
		a, b := start(t, n, "a", nil), start(t, n, "b", nil)
		for _, to := range []struct{ from, at *Streams }{{a.Raft(), b.Raft()}, {a.Forward(), b.Forward()}} {
			out, err := to.from.Dial("b", time.Second)
			if err != nil {
				t.Fatal(err)
			}
			in, node, err := to.at.AcceptNode()
			if err != nil || node != "id-a" {
				t.Fatalf("accepted from %q: %v", node, err)
			}
			go func() { _, _ = out.Write([]byte("hello there")); _ = out.Close() }()
			if got, err := io.ReadAll(in); string(got) != "hello there" || err != nil {
				t.Fatalf("read %q, %v", got, err)
			}
			_ = in.Close()
		}
		if b.Raft().Addr().String() != "b" {
			t.Errorf("the address is %v, not the advertised one", b.Raft().Addr())
		}
	})
}

func TestOtherClusterIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		n := newPipes()
		a := start(t, n, "a", func(c *Config) { c.ClusterID = cluster(1) })
		b := start(t, n, "b", func(c *Config) {
			c.ClusterID = cluster(2)
			c.Logger = hclog.New(&hclog.LoggerOptions{Output: &log})
		})
		for range 3 {
			_, err := a.Raft().Dial("b", time.Second)
			if !errors.Is(err, ErrOtherCluster) || !strings.Contains(err.Error(), "id-b") {
				t.Fatalf("dial gave %v, want ErrOtherCluster naming the node", err)
			}
		}
		_ = b.Close()
		if lines := strings.Count(log.String(), "refused a stream"); lines != 1 {
			t.Errorf("%d log lines about the refusal, want one a minute:\n%s", lines, log.String())
		}
	})
}

func TestReach(t *testing.T) {
	n := newPipes()
	a, b := start(t, n, "a", nil), start(t, n, "b", nil)
	if err := a.Reach(t.Context(), "b", "id-b"); err != nil {
		t.Error(err)
	}
	if err := a.Reach(t.Context(), "b", "id-c"); !errors.Is(err, ErrOtherNode) {
		t.Errorf("another node: %v", err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if a.Reach(t.Context(), "b", "id-b") == nil {
		t.Error("a port that is closed was reached")
	}
}

func TestUnknownClusterIsLetIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newPipes()
		a := start(t, n, "a", nil)
		b := start(t, n, "b", func(c *Config) { c.ClusterID = cluster(2) })
		for _, way := range []struct {
			from, at *Port
			address  raft.ServerAddress
		}{{a, b, "b"}, {b, a, "a"}} {
			if _, err := way.from.Raft().Dial(way.address, time.Second); err != nil {
				t.Fatal(err)
			}
			if _, err := way.at.Raft().Accept(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// A stream between two nodes without a cluster must not outlive their joining
// two different ones.
func TestUnprovenStreamEndsWhenTheClusterIsLearned(t *testing.T) {
	for name, test := range map[string]struct {
		learned byte
		want    error
	}{"another cluster": {1, errUnproven}, "the other side's cluster": {2, nil}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var own atomic.Value
				own.Store([16]byte{})
				n := newPipes()
				a := start(t, n, "a", func(c *Config) { c.ClusterID = func() [16]byte { return own.Load().([16]byte) } })
				b := start(t, n, "b", func(c *Config) { c.ClusterID = cluster(2) })
				out, err := a.Raft().Dial("b", time.Second)
				if err != nil {
					t.Fatal(err)
				}
				in, err := b.Raft().Accept()
				if err != nil {
					t.Fatal(err)
				}
				go func() { _, _ = io.Copy(io.Discard, in) }()
				own.Store([16]byte{test.learned})
				if _, err := out.Write([]byte("x")); !errors.Is(err, test.want) {
					t.Errorf("write gave %v, want %v", err, test.want)
				}
			})
		})
	}
}

func TestSilentStrangersDoNotBlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newPipes()
		a := start(t, n, "a", nil)
		b := start(t, n, "b", func(c *Config) { c.MaxHellos = 4 })
		var silent []net.Conn
		for range 10 {
			c, err := n.dial(context.Background(), "b")
			if err != nil {
				t.Fatal(err)
			}
			silent = append(silent, c)
		}
		begun := time.Now()
		if _, err := a.Forward().Dial("b", time.Second); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Forward().Accept(); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begun); took > 0 {
			t.Errorf("a good stream took %v among silent ones", took)
		}
		for _, c := range silent { // each ends by the deadline at the latest
			if _, err := c.Read(make([]byte, 1)); err == nil {
				t.Error("a silent connection got an answer")
			}
		}
		if took := time.Since(begun); took != 3*time.Second {
			t.Errorf("silent connections ended after %v, want the hello timeout", took)
		}
	})
}

func TestSilentAccepterTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newPipes()
		a := start(t, n, "a", nil)
		mute := n.listen("mute")
		go func() {
			if c, err := mute.Accept(); err == nil {
				_, _ = io.Copy(io.Discard, c)
			}
		}()
		begun := time.Now()
		if _, err := a.Raft().Dial("mute", time.Second); err == nil || time.Since(begun) != time.Second {
			t.Errorf("dial of a mute node gave %v after %v", err, time.Since(begun))
		}
	})
}

func TestStreamsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newPipes()
		a := start(t, n, "a", nil)
		b := start(t, n, "b", func(c *Config) { c.MaxStreams = 1 })
		if _, err := a.Raft().Dial("b", time.Second); err != nil {
			t.Fatal(err)
		}
		first, err := b.Raft().Accept()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.Raft().Dial("b", time.Second); !errors.Is(err, ErrFull) {
			t.Fatalf("the second stream gave %v, want ErrFull", err)
		}
		_ = first.Close()
		if _, err := a.Raft().Dial("b", time.Second); err != nil {
			t.Fatalf("after the first was closed: %v", err)
		}
	})
}

func TestRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newPipes()
		b := start(t, n, "b", nil)
		ask := func(h hello) verdict {
			c, err := n.dial(context.Background(), "b")
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close() }()
			if _, err := c.Write(h.bytes()); err != nil {
				t.Fatal(err)
			}
			answer, err := readHello(c)
			if err != nil {
				t.Fatal(err)
			}
			return verdict(answer.first)
		}
		if v := ask(hello{first: 'X', version: version, node: "n"}); v != verdictNotServed {
			t.Errorf("an unknown kind got verdict %d", v)
		}
		if v := ask(hello{first: 'R', version: 9, node: "n"}); v != verdictOtherVersion {
			t.Errorf("another version got verdict %d", v)
		}
		_ = b.Forward().Close()
		if v := ask(hello{first: 'F', version: version, node: "n"}); v != verdictNotServed {
			t.Errorf("a closed kind got verdict %d", v)
		}
		if v := ask(hello{first: 'R', version: version, node: "n"}); v != verdictWelcome {
			t.Errorf("the other kind got verdict %d", v)
		}
	})
}

func TestCloseEndsEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newPipes()
		a, b := start(t, n, "a", nil), start(t, n, "b", nil)
		out, err := a.Raft().Dial("b", time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := n.dial(context.Background(), "b"); err != nil { // a hello under way
			t.Fatal(err)
		}
		accepted := make(chan error)
		go func() { _, err := b.Forward().Accept(); accepted <- err }()
		synctest.Wait()
		for range 2 {
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if err := <-accepted; !errors.Is(err, ErrClosed) {
			t.Errorf("accept gave %v, want ErrClosed", err)
		}
		if _, err := out.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("the stream of a closed port gave %v, want EOF", err)
		}
		_ = a.Close()
		if _, err := a.Raft().Dial("b", time.Second); err == nil {
			t.Error("a closed port dials")
		}
	})
}

func TestConfigIsChecked(t *testing.T) {
	l := newPipes().listen("a")
	for name, cfg := range map[string]Config{
		"no listener": {Advertise: "a", NodeID: "n"},
		"no address":  {Listener: l, NodeID: "n"},
		"no id":       {Listener: l, Advertise: "a"},
		"a long id":   {Listener: l, Advertise: "a", NodeID: strings.Repeat("n", 65)},
	} {
		if _, err := Start(cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// raft's own transport works over a real port.
func TestRaftTransport(t *testing.T) {
	open := func(id string) *Port {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		p, err := Start(Config{Listener: l, Advertise: l.Addr().String(), NodeID: id})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = p.Close() })
		return p
	}
	a, b := open("a"), open("b")
	transport := func(p *Port) *raft.NetworkTransport {
		return raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
			Stream: p.Raft(), MaxPool: 2, Timeout: 5 * time.Second, Logger: hclog.NewNullLogger(),
		})
	}
	ta, tb := transport(a), transport(b)
	defer func() { _ = ta.Close(); _ = tb.Close() }()
	served := make(chan struct{})
	go func() {
		defer close(served)
		rpc := <-tb.Consumer()
		rpc.Respond(&raft.RequestVoteResponse{Term: 7}, nil)
	}()
	var answer raft.RequestVoteResponse
	err := ta.RequestVote("b", raft.ServerAddress(b.Raft().Addr().String()), &raft.RequestVoteRequest{Term: 7}, &answer)
	if err != nil || answer.Term != 7 {
		t.Fatalf("the vote gave %+v, %v", answer, err)
	}
	<-served
}

func FuzzReadHello(f *testing.F) {
	f.Add(hello{first: 'R', version: version, node: "n1"}.bytes())
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		here, there := net.Pipe()
		defer func() { _ = here.Close() }()
		go func() { _, _ = there.Write(b); _ = there.Close() }()
		h, err := readHello(here)
		if err == nil && !bytes.HasPrefix(b, h.bytes()) {
			t.Errorf("%q was read as %+v", b, h)
		}
	})
}
