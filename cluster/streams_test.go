package cluster

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	"github.com/limitd/limitd/cluster/store"
)

// plain is a stream layer over TCP.
type plain struct{ net.Listener }

func (p plain) Dial(to raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	return net.DialTimeout("tcp", string(to), timeout)
}

// newGreeter returns the node id of the given cluster (zero: none yet).
func newGreeter(t *testing.T, id string, cluster [16]byte) *greeter {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	g := &greeter{StreamLayer: plain{l}, self: id, identity: &identity{stores: store.Memory(id)}, log: hclog.NewNullLogger()}
	if cluster != ([16]byte{}) {
		if err := g.identity.learn(cluster); err != nil {
			t.Fatal(err)
		}
	}
	return g
}

// echo answers one stream with what it brings.
func echo(g *greeter) {
	conn, err := g.Accept()
	if err != nil {
		return
	}
	defer conn.Close()
	_, _ = io.Copy(conn, conn)
}

func TestGreeting(t *testing.T) {
	ours, theirs := [16]byte{1}, [16]byte{2}
	for _, x := range []struct {
		name     string
		from, at [16]byte
		calls    raft.ServerID
		want     error
	}{
		{"same cluster", ours, ours, "b", nil},
		{"no cluster yet", [16]byte{}, [16]byte{}, "b", nil},
		{"a new node is called", ours, [16]byte{}, "b", nil},
		{"a new node calls", [16]byte{}, ours, "b", nil},
		{"another cluster", ours, theirs, "b", ErrOtherCluster},
		{"another node's address", ours, ours, "c", ErrOtherNode},
		{"another node's address, which is new", ours, [16]byte{}, "c", ErrOtherNode},
	} {
		t.Run(x.name, func(t *testing.T) {
			a, b := newGreeter(t, "a", x.from), newGreeter(t, "b", x.at)
			go echo(b)
			conn, err := a.Dial(addressed(x.calls, raft.ServerAddress(b.Addr().String())), time.Second)
			if !errors.Is(err, x.want) {
				t.Fatalf("got %v, want %v", err, x.want)
			}
			if err != nil {
				if b.identity.get() != x.at {
					t.Fatal("a node took the cluster of a caller that meant another")
				}
				return
			}
			defer conn.Close()
			if _, err := conn.Write([]byte("hi")); err != nil {
				t.Fatal(err)
			}
			var back [2]byte
			if _, err := io.ReadFull(conn, back[:]); err != nil || string(back[:]) != "hi" {
				t.Fatalf("%q %v", back, err)
			}
			if x.from != ([16]byte{}) && b.identity.get() != x.from {
				t.Fatal("the node that was called did not learn its cluster")
			}
		})
	}
}

func TestAnAddressMustNameItsNode(t *testing.T) {
	if _, err := newGreeter(t, "a", [16]byte{}).Dial("127.0.0.1:1", time.Second); err == nil {
		t.Fatal("dialled nobody in particular")
	}
}

// FuzzGreeting: whatever a stream begins with, a node judges it, and welcomes
// none but those who call it by its id and are not of another cluster.
func FuzzGreeting(f *testing.F) {
	ours := [16]byte{1}
	caller := &greeter{self: "a", identity: &identity{stores: store.Memory("a"), id: ours}}
	f.Add(caller.hello("b"), true)
	f.Add(caller.hello("c"), true)
	caller.identity.id = [16]byte{2}
	f.Add(caller.hello("b"), false)
	f.Add([]byte{greetingFormat, 'b'}, false)
	f.Fuzz(func(t *testing.T, hello []byte, known bool) {
		hello = hello[:min(len(hello), greetingSize)] // what comes behind is for raft
		g := &greeter{self: "b", identity: &identity{stores: store.Memory("b")}, log: hclog.NewNullLogger()}
		if known {
			g.identity.id = ours
		}
		here, there := net.Pipe()
		defer here.Close()
		answer := make([]byte, 1)
		go func() {
			defer there.Close()
			_, _ = there.Write(hello)
			if len(hello) < greetingSize {
				return
			}
			_, _ = io.ReadFull(there, answer)
		}()
		err := g.judge(here)
		meant := len(hello) >= greetingSize && hello[0] == greetingFormat && bytes.Equal(hello[1:1+uuidSize], pad("b"))
		if err == nil && !meant {
			t.Errorf("%x is welcome", hello)
		}
		if known && g.identity.get() != ours {
			t.Errorf("%x made the node forget its cluster", hello)
		}
	})
}
