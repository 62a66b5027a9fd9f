package gossip

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"
)

func keysOf(t *testing.T, lines ...string) [][]byte {
	t.Helper()
	keys, err := ParseKeys(strings.Join(lines, "\n"))
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func TestParseKeys(t *testing.T) {
	a, b := NewKey(), NewKey()
	keys := keysOf(t, "# of last year", a, "", "  "+b+"  ")
	if len(keys) != 2 || len(keys[0]) != 32 || a == b {
		t.Errorf("read %d keys", len(keys))
	}
	for name, text := range map[string]string{
		"nothing": "", "no key": "# none\n", "not base64": "secret!", "too short": "c2hvcnQ=", "twice": a + "\n" + a,
	} {
		_, err := ParseKeys(text)
		if !errors.Is(err, ErrKey) || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), a) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestRingIsReadWhileItChanges goes through all pairs of key sets, with a reader
// beside; the race detector looks on.
func TestRingIsReadWhileItChanges(t *testing.T) {
	a, b, c := NewKey(), NewKey(), NewKey()
	sets := [][]string{{a}, {a, b}, {b, a}, {b}, {c, a, b}, {a, c}, {b, c, a}, {c}}
	r, err := newRing(keysOf(t, a))
	if err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var reader sync.WaitGroup
	reader.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			for _, key := range r.keys.GetKeys() {
				if len(key) != 32 {
					t.Error("a torn key")
				}
			}
		}
	})
	for _, from := range sets {
		for _, to := range sets {
			for _, set := range [][]string{from, to} {
				want := keysOf(t, set...)
				if err := r.set(want); err != nil {
					t.Fatal(err)
				}
				got := r.keys.GetKeys()
				if !cmp.Equal(got[0], want[0]) || len(got) != len(want) {
					t.Fatalf("%d keys of %d, or another first", len(got), len(want))
				}
			}
		}
	}
	close(stop)
	reader.Wait()
	if err := r.set(nil); !errors.Is(err, ErrPlain) {
		t.Errorf("no keys: %v", err)
	}
}

// startKeyed starts a node with keys, which has spoken.
func startKeyed(t *testing.T, id string, keys [][]byte, join ...string) *Gossip {
	t.Helper()
	g, err := Start(Config{ID: id, Bind: "127.0.0.1:0", Join: join, Keys: keys, Logger: hclog.NewNullLogger()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Close() })
	say(t, g, Tags{ID: id, Name: id, Session: "1"})
	return g
}

// TestKeysRotate has two nodes go from one key to another, and a stranger with
// a key of its own look on.
func TestKeysRotate(t *testing.T) {
	first, second := NewKey(), NewKey()
	a := startKeyed(t, "a", keysOf(t, first))
	b := startKeyed(t, "b", keysOf(t, first), a.Address())
	stranger := startKeyed(t, "stranger", keysOf(t, NewKey()), a.Address())
	plain := startKeyed(t, "plain", nil, a.Address())
	together := func(session string) {
		t.Helper()
		say(t, a, Tags{ID: "a", Name: "a", Session: session})
		until(t, b, "the word of a", func(m map[string]Member) bool { return m["a"].Session == session })
	}
	together("before")
	for step, keys := range [][][]byte{keysOf(t, first, second), keysOf(t, second, first), keysOf(t, second)} {
		for _, g := range []*Gossip{b, a} {
			if err := g.SetKeys(keys); err != nil {
				t.Fatal(err)
			}
			together(fmt.Sprint(step, g.cfg.ID))
		}
	}
	for _, g := range []*Gossip{stranger, plain} {
		if n := len(g.Members()); n != 1 {
			t.Errorf("%s hears of %d nodes", g.cfg.ID, n)
		}
	}
	if n := len(a.Members()); n != 2 {
		t.Errorf("a hears of %d nodes", n)
	}
	if err := plain.SetKeys(keysOf(t, second)); !errors.Is(err, ErrPlain) {
		t.Errorf("encryption begun on the way: %v", err)
	}
}

// A node that is alone because of its key says so.
func TestKeysThatDifferAreNamed(t *testing.T) {
	a, b := NewKey(), NewKey()
	for name, keys := range map[string][2][][]byte{
		"none": {keysOf(t, a), nil}, "unlike the others": {nil, keysOf(t, a)}, "another": {keysOf(t, a), keysOf(t, b)},
	} {
		there := startKeyed(t, "a", keys[0])
		here := startKeyed(t, "b", keys[1], there.Address())
		err := here.join(nil)
		if !errors.Is(err, errAlone) || !strings.HasSuffix(flat(err), "(all nodes need the same gossip.key_file, or none)") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
