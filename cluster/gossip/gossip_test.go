package gossip

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/memberlist"
)

func TestTagsTravelWhole(t *testing.T) {
	want := Tags{
		ID: "0b4c", Name: "n1", Peer: "127.0.0.1:7481", HTTP: "127.0.0.1:7480", Version: "0.1.0", NonVoter: true,
		Rules: 3, Session: "s1", ClusterID: "c0ffee", State: true, Blank: true, Out: true, Expect: 3, Promise: "0a00",
	}
	b, err := want.encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := decodeTags(want.ID, b)
	if err != nil || !cmp.Equal(got, want) {
		t.Fatalf("%v\n%s", err, cmp.Diff(want, got))
	}
}

func TestTagsMustFit(t *testing.T) {
	if _, err := (Tags{Name: strings.Repeat("n", 600)}).encode(); !errors.Is(err, ErrTooLong) {
		t.Fatalf("got %v", err)
	}
}

func FuzzDecodeTags(f *testing.F) {
	b, err := Tags{Name: "n1", Session: "s"}.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		tags, err := decodeTags("id", b)
		if err != nil {
			return
		}
		again, err := tags.encode()
		if err != nil {
			return // longer than memberlist carries
		}
		if back, err := decodeTags("id", again); err != nil || back != tags {
			t.Fatalf("%+v became %+v: %v", tags, back, err)
		}
	})
}

// start starts a node that gossips on the loopback.
func start(t *testing.T, id string, join ...string) *Gossip {
	t.Helper()
	return startDiffering(t, func(*memberlist.Config) {}, id, join...)
}

func startDiffering(t *testing.T, differ func(*memberlist.Config), id string, join ...string) *Gossip {
	t.Helper()
	g, err := startAs(Config{ID: id, Bind: "127.0.0.1:0", Join: join, Logger: hclog.NewNullLogger()}, differ)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	return g
}

// until waits until g's members satisfy is.
func until(t *testing.T, g *Gossip, what string, is func(map[string]Member) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		wait := g.Changed()
		by := make(map[string]Member)
		for _, m := range g.Members() {
			by[m.ID] = m
		}
		if is(by) {
			return
		}
		if err := wait(ctx); err != nil {
			t.Fatalf("waited in vain for %s: %v", what, by)
		}
	}
}

func say(t *testing.T, g *Gossip, tags Tags) {
	t.Helper()
	if err := g.SetTags(tags); err != nil {
		t.Fatal(err)
	}
}

func TestNodesHearOfEachOther(t *testing.T) {
	a := start(t, "a")
	b := start(t, "b", a.Address())
	c := start(t, "c", b.Address(), a.Address())
	if got := b.Members(); len(got) != 0 {
		t.Fatalf("nodes that have not spoken are shown: %v", got)
	}
	say(t, a, Tags{ID: "a", Name: "n1", Session: "1"})
	say(t, b, Tags{ID: "b", Name: "n2", Session: "1"})
	say(t, c, Tags{ID: "c", Name: "n3", Session: "1"})
	for _, g := range []*Gossip{a, b, c} {
		until(t, g, "three names", func(m map[string]Member) bool {
			return m["a"].Name == "n1" && m["b"].Name == "n2" && m["c"].Name == "n3"
		})
	}
	say(t, b, Tags{ID: "b", Name: "n2", Session: "1", ClusterID: "c0ffee", State: true})
	until(t, c, "changed tags", func(m map[string]Member) bool { return m["b"].ClusterID == "c0ffee" })
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	until(t, a, "the goodbye", func(m map[string]Member) bool { return !m["b"].Alive && m["b"].Name == "n2" })
	if err := b.Close(); err != nil {
		t.Fatalf("closed twice: %v", err)
	}
}

// TestANodeKeepsItsNameUntilItSpeaksAgain: it is started anew, and may stop before
// it has said who it is.
func TestANodeKeepsItsNameUntilItSpeaksAgain(t *testing.T) {
	a := start(t, "a")
	spoken, err := Tags{ID: "b", Name: "n2", Session: "1"}.encode()
	if err != nil {
		t.Fatal(err)
	}
	silent, err := Tags{ID: "b"}.encode()
	if err != nil {
		t.Fatal(err)
	}
	for _, meta := range [][]byte{silent, spoken, silent} {
		a.heard(&memberlist.Node{Name: "b", Addr: net.IPv4(127, 0, 0, 2), Port: 7482, Meta: meta}, true)
	}
	want := []Member{{Tags: Tags{ID: "b", Name: "n2", Session: "1"}, Alive: true}}
	if got := a.Members(); !cmp.Equal(got, want) {
		t.Errorf("%+v", got)
	}
}

// TestTagsAreToldUntilTheyAreTaken: memberlist drops some.
func TestTagsAreToldUntilTheyAreTaken(t *testing.T) {
	a := start(t, "a")
	update, lost := a.update, 0
	a.update = func(d time.Duration) error {
		if lost++; lost < 3 {
			return nil
		}
		return update(d)
	}
	say(t, a, Tags{ID: "a", Name: "n1", Session: "1"})
	if got := a.Members(); len(got) != 1 || got[0].Name != "n1" || lost != 3 {
		t.Errorf("%+v after %d tellings", got, lost)
	}
}

// Rumours can pass a node by, and the exchange of all that is known is rare.
func TestTagsAreToldWithoutRumours(t *testing.T) {
	silent := func(mc *memberlist.Config) {
		mc.GossipInterval, mc.ProbeInterval, mc.PushPullInterval = time.Hour, time.Hour, time.Hour
	}
	a := startDiffering(t, silent, "a")
	b := startDiffering(t, silent, "b", a.Address())
	c := startDiffering(t, silent, "c", a.Address())
	heard := func(a, b, c string) func(map[string]Member) bool {
		return func(by map[string]Member) bool { return by["a"].Name == a && by["b"].Name == b && by["c"].Name == c }
	}
	say(t, a, Tags{Name: "n1", Session: "1"})
	say(t, b, Tags{Name: "n2", Session: "1"})
	until(t, a, "b", func(by map[string]Member) bool { return by["b"].Name == "n2" })
	say(t, c, Tags{Name: "n3", Session: "1"})
	until(t, c, "the two others", heard("n1", "n2", "n3"))
	say(t, c, Tags{Name: "n4", Session: "1"})
	until(t, a, "a changed name", heard("n1", "n2", "n4"))
	until(t, b, "a changed name", heard("n1", "n2", "n4"))
}

// TestANodeIsFoundThoughItStartedLater than the one that looks for it.
func TestANodeIsFoundThoughItStartedLater(t *testing.T) {
	probe := start(t, "probe") // finds a free port
	addr := probe.Address()
	if err := probe.Close(); err != nil {
		t.Fatal(err)
	}
	a := start(t, "a", addr)
	say(t, a, Tags{ID: "a", Name: "n1", Session: "1"})
	b, err := Start(Config{ID: "b", Bind: addr, Join: []string{addr, a.Address()}, Logger: hclog.NewNullLogger()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	say(t, b, Tags{ID: "b", Name: "n2", Session: "1"})
	until(t, a, "the later node", func(m map[string]Member) bool { return m["b"].Alive })
}

func TestABadAddressIsRefused(t *testing.T) {
	if _, err := Start(Config{ID: "a", Bind: "nonsense", Logger: hclog.NewNullLogger()}); err == nil {
		t.Fatal("started")
	}
}
