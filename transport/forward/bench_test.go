package forward

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/limitd/limitd/cluster"
	"github.com/limitd/limitd/fsm"
	"github.com/limitd/limitd/fsm/command"
)

// tcp are the streams of one node over loopback, without hellos.
type tcp struct{ net.Listener }

func (s tcp) DialContext(ctx context.Context, address string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "tcp", address)
}

func (s tcp) AcceptNode() (net.Conn, string, error) {
	c, err := s.Accept()
	return c, "n2", err
}

// instant is a replica that answers at once, at an address.
type instant struct {
	*fakeReplica
	leader cluster.Node
}

func (r instant) Run(context.Context, []byte, time.Duration) (fsm.Answer, error) {
	return fsm.Answer{Result: &command.Released{Released: true}, Index: 7, Time: 8}, nil
}

func (r instant) Leader() (cluster.Node, bool) { return r.leader, true }

// BenchmarkRun measures the hop alone: a command's way to a leader over
// loopback, and its answer's way back.
func BenchmarkRun(b *testing.B) {
	for _, callers := range []int{1, 64, 256, 1024} {
		b.Run(fmt.Sprint("callers=", callers), func(b *testing.B) { benchmarkRun(b, callers) })
	}
}

func benchmarkRun(b *testing.B, callers int) {
	listen := func() tcp {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		return tcp{l}
	}
	at1, at2 := listen(), listen()
	r := instant{&fakeReplica{id: "n1", log: newFakeLog()}, cluster.Node{ID: "n1", Peer: at1.Addr().String()}}
	start := func(id string, s tcp) *Node {
		n, err := Start(Config{Self: id, Replica: r, Leadership: r, Operator: r, Streams: s})
		if err != nil {
			b.Fatal(err)
		}
		return n
	}
	n1, n2 := start("n1", at1), start("n2", at2)
	defer func() { _, _ = n2.Close(), n1.Close() }()
	cmd := command.Command{Header: command.Header{ID: "job-42"}, Op: &command.Acquire{
		Entries: []command.Entry{{Name: "db", Slots: 2}}, Owner: command.Owner{Name: "etl", Host: "w7", PID: 4711},
	}}
	var left atomic.Int64
	left.Store(int64(b.N))
	b.ReportAllocs()
	b.ResetTimer()
	done := make(chan error)
	for range callers {
		go func() {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			for left.Add(-1) >= 0 {
				if _, err := n2.Run(ctx, cmd, 0); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range callers {
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
}
