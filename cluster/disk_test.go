package cluster_test

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	"github.com/limitd/limitd/cluster"
	"github.com/limitd/limitd/cluster/clock"
	"github.com/limitd/limitd/cluster/gossip"
	"github.com/limitd/limitd/cluster/store"
	"github.com/limitd/limitd/fsm/command"
)

// streams is raft's stream layer over plain TCP.
type streams struct{ net.Listener }

func (s streams) Dial(to raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	return net.DialTimeout("tcp", string(to), timeout)
}

// machine is a node on disk, TCP and UDP, all on the loopback.
type machine struct {
	*cluster.Replica
	name, dir, peer, gossipAt string
	kind                      store.Kind
	stores                    *store.Stores
	gossip                    *gossip.Gossip
}

func (m *machine) start(t testing.TB, join []string) {
	t.Helper()
	log := hclog.NewNullLogger()
	s, err := store.Open(m.dir, store.Options{Kind: m.kind, Rand: rand.Reader, Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", m.peer)
	if err != nil {
		t.Fatal(err)
	}
	m.peer = l.Addr().String()
	g, err := gossip.Start(gossip.Config{ID: s.ID, Bind: m.gossipAt, Join: join, Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	m.gossipAt = g.Address()
	r, err := cluster.Start(cluster.Config{
		Node: cluster.Identity{Name: m.name, Peer: m.peer}, Form: cluster.Formation{Expect: 3},
		Logger: log, Stores: s, Streams: streams{l}, Gossip: g, Clock: clock.New(), Rand: rand.Reader,
		Fatal: func(err error) { t.Errorf("%s: fatal: %v", m.name, err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	m.Replica, m.stores, m.gossip = r, s, g
}

func (m *machine) stop(t testing.TB) {
	t.Helper()
	if m.Replica == nil {
		return
	}
	if err := errors.Join(m.Close(), m.gossip.Close(), m.stores.Close()); err != nil {
		t.Errorf("%s: %v", m.name, err)
	}
	m.Replica = nil
}

// fleet starts three machines.
func fleet(t testing.TB, kind store.Kind) []*machine {
	t.Helper()
	var ms []*machine
	var join []string
	for _, name := range []string{"n1", "n2", "n3"} {
		m := &machine{name: name, dir: t.TempDir(), peer: "127.0.0.1:0", gossipAt: "127.0.0.1:0", kind: kind}
		m.start(t, join)
		t.Cleanup(func() { m.stop(t) })
		join = append(join, m.gossipAt)
		ms = append(ms, m)
	}
	return ms
}

// ask runs an operation at whoever leads.
func ask(t testing.TB, ms []*machine, o command.Op, id string) cluster.Answer {
	t.Helper()
	record := command.Encode(command.Command{Header: command.Header{ID: id}, Op: o})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for {
		for _, m := range ms {
			if m.Replica == nil {
				continue
			}
			wait := m.LeaderChanged()
			if a, err := m.Run(ctx, record, 0); err == nil {
				return a
			}
			look, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
			_ = wait(look) // or look again
			cancel()
		}
		if ctx.Err() != nil {
			t.Fatalf("%v: no leader", o.Kind())
		}
	}
}

func TestOnDisk(t *testing.T) {
	for _, kind := range []store.Kind{store.Bolt, store.WAL} {
		t.Run(string(kind), func(t *testing.T) {
			ms := fleet(t, kind)
			ask(t, ms, &command.PutLimit{Name: "db", Settings: command.LimitSettings{Slots: 1, Active: true}}, "")
			first := granted(t, ask(t, ms, acquire("db", 0), "a"))
			for _, m := range ms {
				if m.IsLeader() {
					m.stop(t)
					break
				}
			}
			if again := granted(t, ask(t, ms, acquire("db", 0), "a")); again.Token != first.Token {
				t.Fatalf("after the hand-over token %d, want %d", again.Token, first.Token)
			}
			var join []string
			for _, m := range ms {
				m.stop(t)
				join = append(join, m.gossipAt)
			}
			for _, m := range ms {
				m.start(t, join) // the same command line as ever
			}
			if again := granted(t, ask(t, ms, acquire("db", 0), "a")); again.Token != first.Token {
				t.Fatalf("after a full stop token %d, want %d", again.Token, first.Token)
			}
		})
	}
}

// TestAWipedMachineDoesNotAnswerForTheOldOne though it has its address.
func TestAWipedMachineDoesNotAnswerForTheOldOne(t *testing.T) {
	ms := fleet(t, store.Bolt)
	ask(t, ms, &command.PutLimit{Name: "db"}, "")
	victim := ms[0]
	if victim.IsLeader() {
		victim = ms[1]
	}
	victim.stop(t)
	if err := os.RemoveAll(victim.dir); err != nil {
		t.Fatal(err)
	}
	victim.start(t, []string{ms[0].gossipAt, ms[1].gossipAt, ms[2].gossipAt})
	for range 50 {
		ask(t, ms, &command.Tick{}, "")
	}
	if s := victim.Status(); s.LastIndex != 0 || s.Term != 0 {
		t.Fatalf("the wiped node took part: %+v", s)
	}
	if got := strings.Join(victim.Ready(), "; "); !strings.Contains(got, "not a member") {
		t.Fatalf("the wiped node says %q", got)
	}
}
